# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the unittest cases of a program and prints TAP, so that meson shows each claim by its name.
A skipped test is a failed one: a claim that nobody checked does not hold."""

import os
import signal
import sys
import time
import unittest


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.count = 0
        self.started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.count += 1
        self.started = time.monotonic()
        self.reasons = []

    def stopTest(self, test):
        super().stopTest(test)
        name = test.id().rsplit('.', 1)[-1].removeprefix('test_')
        seconds = time.monotonic() - self.started
        for reason in self.reasons:
            print(''.join(f'# {line}\n' for line in reason.splitlines()), end='')
            print(f'{name}: {reason}', file=sys.stderr)  # of TAP, meson shows no comments
        print(f'{"not ok" if self.reasons else "ok"} {self.count} - {name}')
        print(f'# {seconds:.1f} s', flush=True)

    def addError(self, test, err):
        super().addError(test, err)
        self.reasons.append(self.errors[-1][1])

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.reasons.append(self.failures[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.reasons.append(f'{subtest}\n{self._exc_info_to_string(err, test)}')

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.reasons.append(f'skipped: {reason}')

    def addExpectedFailure(self, test, err):
        self.reasons.append('expected failures are not used here')

    def addUnexpectedSuccess(self, test):
        self.reasons.append('expected failures are not used here')


def enter_private_mounts():
    """Run again in a mount namespace of our own, so that no mount outlives the test."""
    if os.environ.get('LAB_PRIVATE_MOUNTS') == str(os.getpid()):
        return
    os.environ['LAB_PRIVATE_MOUNTS'] = str(os.getpid())
    user = [] if os.geteuid() == 0 else ['--user', '--map-root-user']
    os.execvp('unshare', ['unshare', '--mount', *user, sys.executable, *sys.argv])


def main(private_mounts=False):
    """Run the cases of the calling program, or those named on its command line."""
    if private_mounts:
        enter_private_mounts()
    loader = unittest.TestLoader()
    module = sys.modules['__main__']
    suite = loader.loadTestsFromModule(module)
    if sys.argv[1:]:
        cases = [v for v in vars(module).values()
                 if isinstance(v, type) and issubclass(v, unittest.TestCase)]
        suite = unittest.TestSuite(case(name) for name in sys.argv[1:] for case in cases
                                   if hasattr(case, name))
    print(f'1..{suite.countTestCases()}', flush=True)
    result = TapResult()

    def on_terminate(_signal, _frame):
        result.stop()
        raise SystemExit('ended from outside')  # fails this test, which still cleans up
    signal.signal(signal.SIGTERM, on_terminate)
    suite.run(result)
    sys.exit(0 if result.wasSuccessful() and result.count and not result.skipped else 1)

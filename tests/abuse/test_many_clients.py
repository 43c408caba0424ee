#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two hundred clients at once, each with a connection of its own: everybody gets an answer."""

import abuse
from abuse import HOSTILE, AbuseCase, call
from measure import Measure, try_again
from privatebus import MANAGER, KSM, KSM_PATH
from wire import Wire

CLIENTS = 200
ROUNDS = 100
PROPERTIES = 'org.freedesktop.DBus.Properties'


def ask_together(_pipe, address, messages, rounds):
    """Each client sends all its calls before any has read an answer; errors and how many."""
    names = {}
    clients = [Wire(address) for _ in range(CLIENTS)]
    for _ in range(rounds):
        for client in clients:
            for message in messages:
                client.send(message)
        for client in clients:
            for name, count in client.replies(len(messages)).items():
                names[name] = names.get(name, 0) + count
    return names


class ManyClients(AbuseCase):
    def ask_together(self, what, messages, rounds, uid=HOSTILE):
        def run():
            with Measure(self.bus, what):
                return self.attack(ask_together, messages, rounds, uid=uid)
        return try_again(run)

    def test_200_readers_get_all_their_answers(self):
        messages = [call('GetAll', '(s)', (MANAGER,), interface=PROPERTIES), call('ListKernels'),
                    call('GetAll', '(s)', (KSM,), KSM_PATH, PROPERTIES),
                    call('GetManagedObjects', '()', (),
                         interface='org.freedesktop.DBus.ObjectManager')]
        names = self.ask_together('200 readers', messages, ROUNDS)
        self.assertEqual(names, {'': CLIENTS * ROUNDS * len(messages)})

    def test_200_callers_who_may_wait_for_their_refreshes_together(self):
        waiting = call('Refresh', arguments=(self.bus.options(wait=True),))
        names = self.ask_together('200 refreshes', [waiting], 50, uid=0)
        self.assertEqual(names, {'': CLIENTS * 50})

    def test_200_callers_who_may_not_are_told_so_or_that_there_are_too_many(self):
        names = self.ask_together('200 strangers', [call('Refresh'), call('Plan')], ROUNDS)
        self.assertLessEqual(set(names), {'org.freedesktop.DBus.Error.AccessDenied',
                                          'org.freedesktop.DBus.Error.LimitsExceeded'})
        self.assertEqual(sum(names.values()), CLIENTS * ROUNDS * 2)


if __name__ == '__main__':
    abuse.main()

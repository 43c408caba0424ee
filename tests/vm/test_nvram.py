# SPDX-License-Identifier: LGPL-2.1-or-later
"""nvram.py, on a store of variables that is made here as OVMF's file has it."""

import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parent / 'integration')]

from nvram import (  # noqa: E402
    ADDED, GLOBAL, KEYS, RECORD, SECURITY, SHIM, STORE, STORE_GUID, STORE_HEADER, SWITCH, X509,
    Nvram, certificates)
from tap import main  # noqa: E402

SIZE = 4096
STAMP = bytes(range(16))


class TestNvram(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def store(self, name='nvram', size=SIZE):
        path = Path(self.directory.name) / name
        header = STORE_HEADER.pack(STORE_GUID.bytes_le, size, 0x5A, 0xFE, 0, 0)
        path.write_bytes((bytes(STORE) + header).ljust(STORE + size, b'\xff'))
        return Nvram(path)

    def again(self, nvram):
        nvram.save()
        return Nvram(nvram.path)

    def test_what_was_set_is_read_and_what_is_not_there_is_not(self):
        nvram = self.store()
        nvram.set('one', GLOBAL, 7, STAMP, b'odd')  # the next one is aligned
        nvram.set('two', SHIM, 3, STAMP, b'')
        nvram = self.again(nvram)
        self.assertEqual(nvram.get('one', GLOBAL), (7, STAMP, b'odd'))
        self.assertEqual(nvram.get('two', SHIM), (3, STAMP, b''))
        self.assertIsNone(nvram.get('one', SHIM))

    def test_a_new_value_takes_the_place_of_the_old_one_which_is_marked_and_stays(self):
        nvram = self.store()
        nvram.set('one', GLOBAL, 7, STAMP, b'old')
        nvram.set('one', GLOBAL, 7, STAMP, b'newer')
        nvram = self.again(nvram)
        self.assertEqual(nvram.get('one', GLOBAL)[2], b'newer')
        self.assertEqual([record[1] for record in nvram._records()], [ADDED & 0xFD, ADDED])
        nvram.remove('one', GLOBAL)
        self.assertIsNone(self.again(nvram).get('one', GLOBAL))

    def test_it_does_not_write_beyond_the_store(self):
        nvram = self.store(size=STORE_HEADER.size + RECORD.size + 16)
        with self.assertRaises(AssertionError):
            nvram.set('long', GLOBAL, 7, STAMP, bytes(16))

    def test_keys_are_those_of_another_and_the_switch_keeps_them(self):
        factory, nvram = self.store('factory'), self.store()
        for name, guid in KEYS:
            factory.set(name, guid, 0x27, STAMP, name.encode())
        factory.save()
        nvram.set('Boot0001', GLOBAL, 7, bytes(16), b'entry')
        nvram.set('db', SECURITY, 0x27, bytes(16), b'another')
        nvram.enroll(factory.path)
        self.assertEqual(self.again(nvram).get(*SWITCH)[2], b'\1')
        nvram.switch(False)
        nvram = self.again(nvram)
        self.assertEqual(nvram.get(*SWITCH)[2], b'\0')
        self.assertEqual([nvram.get(*key) for key in KEYS],
                         [(0x27, STAMP, name.encode()) for name, _ in KEYS])
        self.assertEqual(nvram.get('Boot0001', GLOBAL)[2], b'entry')

    def test_a_certificate_is_a_list_of_its_own(self):
        one, two = b'certificate', b'of another size'
        nvram = self.store()
        nvram.set_moks(one, two)
        attributes, _, value = nvram.get('MokList', SHIM)
        self.assertEqual((attributes, value), (3, certificates(one) + certificates(two)))
        self.assertEqual(value[:16], X509.bytes_le)
        self.assertEqual([int.from_bytes(value[at:at + 4], 'little') for at in (16, 20, 24)],
                         [28 + 16 + len(one), 0, 16 + len(one)])
        self.assertEqual(value[28:44], SHIM.bytes_le)


if __name__ == '__main__':
    main()

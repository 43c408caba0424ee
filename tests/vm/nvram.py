# SPDX-License-Identifier: LGPL-2.1-or-later
"""The variables of OVMF, in the file that plays its flash, while the machine is off: what a person
does in the firmware's own menus, and what nobody can do from a running system."""

import struct
import uuid as uuids
from pathlib import Path

STORE = 0x48  # behind the header of the firmware volume
STORE_HEADER = struct.Struct('<16sIBBHI')
STORE_GUID = uuids.UUID('aaf32c78-947b-439a-a180-2e144ec37792')  # of variables that may be authenticated
RECORD = struct.Struct('<HBBIQ16sIII16s')
RECORD_START = 0x55AA
ADDED = 0x3F  # a variable's state while it holds
DELETED = 0xFD  # is ANDed to it

GLOBAL = uuids.UUID('8be4df61-93ca-11d2-aa0d-00e098032b8c')
SECURITY = uuids.UUID('d719b2cb-3d3a-4596-a3bc-dad00e67656f')
SHIM = uuids.UUID('605dab50-e046-4300-abb6-3dd810dd8b23')
SWITCH = ('SecureBootEnable', uuids.UUID('f0a30bc7-af08-4556-99c4-001009c93a44'))
KEYS = (('PK', GLOBAL), ('KEK', GLOBAL), ('db', SECURITY), ('dbx', SECURITY))

PERSISTENT_BEFORE_BOOT = 3  # attributes: kept, and out of reach of a running system
PERSISTENT_AUTHENTICATED = 0x27  # and seen by it, and changed by who has the key
X509 = uuids.UUID('a5c059a1-94e4-4aa7-87b5-ab155c2bf072')


def certificates(*ders):
    """The signature lists of X.509 certificates, one for each."""
    return b''.join(X509.bytes_le + struct.pack('<III', 28 + 16 + len(der), 0, 16 + len(der)) +
                    SHIM.bytes_le + der for der in ders)


class Nvram:
    def __init__(self, path):
        self.path = Path(path)
        self.data = bytearray(self.path.read_bytes())
        guid, size, *_ = STORE_HEADER.unpack_from(self.data, STORE)
        assert guid == STORE_GUID.bytes_le, f'{path} is no NVRAM of OVMF'
        self.end = STORE + size

    def _records(self):
        """Yield (offset, size, state, name and GUID, attributes, timestamp, value), then where there
        is room, with nothing else."""
        offset = STORE + STORE_HEADER.size
        while offset + RECORD.size <= self.end:
            (start, state, _, attributes, _, stamp, _, name_size, size,
             guid) = RECORD.unpack_from(self.data, offset)
            if start != RECORD_START:
                break
            name = bytes(self.data[offset + RECORD.size:][:name_size]).decode('utf-16-le').rstrip('\0')
            value = bytes(self.data[offset + RECORD.size + name_size:][:size])
            yield offset, state, (name, uuids.UUID(bytes_le=guid)), attributes, stamp, value
            offset += RECORD.size + name_size + size + 3 & ~3
        self.room = offset

    def get(self, name, guid):
        """(attributes, timestamp, value) of a variable, or None."""
        return next((record[3:] for record in self._records()
                     if record[1] == ADDED and record[2] == (name, guid)), None)

    def remove(self, name, guid):
        for offset, state, key, *_ in self._records():
            if key == (name, guid):
                self.data[offset + 2] = state & DELETED

    def set(self, name, guid, attributes, stamp, value):
        self.remove(name, guid)
        text = (name + '\0').encode('utf-16-le')
        record = RECORD.pack(RECORD_START, ADDED, 0, attributes, 0, stamp, 0, len(text), len(value),
                             guid.bytes_le) + text + value
        list(self._records())
        assert self.room + len(record) <= self.end, f'no room for {name}'
        self.data[self.room:self.room + len(record)] = record

    def save(self):
        self.path.write_bytes(self.data)

    # What a person does in the firmware's menus

    def enroll(self, factory):
        """Replace all keys by those of another NVRAM, and check signatures from now on."""
        other = Nvram(factory)
        for key in KEYS:
            self.set(*key, *other.get(*key))
        self.switch(True)

    def switch(self, enabled):
        """Let the firmware check signatures, or not; the keys stay."""
        self.set(*SWITCH, PERSISTENT_BEFORE_BOOT, bytes(16), bytes([enabled]))

    def set_db(self, *ders):
        """Let the firmware accept what these certificates have signed, and nothing else."""
        name = ('db', SECURITY)
        self.set(*name, PERSISTENT_AUTHENTICATED, self.get(*name)[1], certificates(*ders))

    def set_moks(self, *ders):
        """Let shim accept what these certificates have signed, as MokManager leaves it."""
        self.set('MokList', SHIM, PERSISTENT_BEFORE_BOOT, bytes(16), certificates(*ders))

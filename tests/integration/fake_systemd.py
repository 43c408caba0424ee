# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stands in for systemd on a test's bus: fake_systemd.py DIRECTORY. Its units are in the file "units",
{name: [load, active, file]}, which is written again whenever a call has changed one; "stubborn" are
those whose jobs fail, "refused" those of which there is none to be had, "slow" (seconds) is how long a job takes; while there is a file "busy", jobs of
other units end all the time; while there is "mute", nobody is told the state of a unit's file. What it is asked to change is
appended to the file "record", a JSON list a line. Starting ksm.service writes 1 to the file that
"run" names; stopping any of them does not touch it, as the real one of ksmtuned does not."""

import json
import os
import sys
from pathlib import Path

from gi.repository import Gio, GLib

NAME = 'org.freedesktop.systemd1'
PATH = '/org/freedesktop/systemd1'
XML = '''<node><interface name="org.freedesktop.systemd1.Manager">
<method name="ListUnitsByNames"><arg type="as" direction="in"/>
  <arg type="a(ssssssouso)" direction="out"/></method>
<method name="GetUnitFileState"><arg type="s" direction="in"/><arg type="s" direction="out"/></method>
<method name="EnableUnitFiles"><arg type="as" direction="in"/><arg type="b" direction="in"/>
  <arg type="b" direction="in"/><arg type="b" direction="out"/><arg type="a(sss)" direction="out"/>
</method>
<method name="DisableUnitFiles"><arg type="as" direction="in"/><arg type="b" direction="in"/>
  <arg type="a(sss)" direction="out"/></method>
<method name="Reload"/><method name="Subscribe"/>
<method name="StartUnit"><arg type="s" direction="in"/><arg type="s" direction="in"/>
  <arg type="o" direction="out"/></method>
<method name="StopUnit"><arg type="s" direction="in"/><arg type="s" direction="in"/>
  <arg type="o" direction="out"/></method>
<signal name="JobRemoved"><arg type="u"/><arg type="o"/><arg type="s"/><arg type="s"/></signal>
</interface></node>'''


class Systemd:
    def __init__(self, directory):
        self.directory = directory
        self.jobs = 0
        self.bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
        self.bus.register_object(PATH, Gio.DBusNodeInfo.new_for_xml(XML).interfaces[0], self.on_call)
        Gio.bus_own_name_on_connection(self.bus, NAME, 0,
                                       lambda *_: (directory / 'systemd-ready').touch())
        GLib.timeout_add(50, self.be_busy)

    def read(self, name, default):
        path = self.directory / name
        return json.loads(path.read_text()) if path.exists() else default

    def units(self):
        return self.read('units', {})

    def change(self, name, **states):
        units = self.units()
        for key, value in states.items():
            units[name][('load', 'active', 'file').index(key)] = value
        temporary = self.directory / 'units.new'
        temporary.write_text(json.dumps(units))
        os.rename(temporary, self.directory / 'units')

    def on_call(self, _connection, _sender, _path, _interface, method, parameters, invocation):
        arguments = parameters.unpack()
        if method not in ('ListUnitsByNames', 'GetUnitFileState'):
            with open(self.directory / 'record', 'a') as f:
                f.write(json.dumps([method, *arguments]) + '\n')
        getattr(self, method)(invocation, *arguments)

    @staticmethod
    def answer(invocation, signature='()', *values):
        invocation.return_value(GLib.Variant(signature, values))

    def tell_end(self, number, unit, result):
        self.bus.emit_signal(None, PATH, NAME + '.Manager', 'JobRemoved', GLib.Variant(
            '(uoss)', (number, f'{PATH}/job/{number}', unit, result)))

    def be_busy(self):
        if (self.directory / 'busy').exists():
            self.tell_end(4711, 'other.service', 'done')
        return True

    def ListUnitsByNames(self, invocation, names):
        rows = []
        for name in names:
            load, active, _ = self.units().get(name, ['not-found', 'inactive', ''])
            rows.append((name, name, load, active, 'dead', '', PATH + '/unit/x', 0, '', '/'))
        self.answer(invocation, '(a(ssssssouso))', rows)

    def GetUnitFileState(self, invocation, name):
        if (self.directory / 'mute').exists():
            return
        state = self.units().get(name, ['', '', ''])[2]
        if state:
            self.answer(invocation, '(s)', state)
        else:
            invocation.return_dbus_error('org.freedesktop.DBus.Error.FileNotFound', 'No such file')

    def EnableUnitFiles(self, invocation, names, _runtime, _force):
        for name in names:
            self.change(name, file='enabled')
        self.answer(invocation, '(ba(sss))', True, [])

    def DisableUnitFiles(self, invocation, names, _runtime):
        for name in names:
            self.change(name, file='disabled')
        self.answer(invocation, '(a(sss))', [])

    def Reload(self, invocation):
        self.answer(invocation)

    def Subscribe(self, invocation):
        self.answer(invocation)

    def StartUnit(self, invocation, name, _mode):
        self.run_job(invocation, name, 'active')

    def StopUnit(self, invocation, name, _mode):
        self.run_job(invocation, name, 'inactive')

    def run_job(self, invocation, name, state):
        if name in self.read('refused', []):
            invocation.return_dbus_error('org.freedesktop.systemd1.UnitMasked',
                                         f'Unit {name} is masked.')
            return
        self.jobs += 1
        number = self.jobs
        self.answer(invocation, '(o)', f'{PATH}/job/{number}')

        def end():
            result = 'failed' if name in self.read('stubborn', []) else 'done'
            if result == 'done' and name in self.units():
                self.change(name, active=state)
                if name == 'ksm.service' and state == 'active':
                    Path(self.read('run', '/dev/null')).write_text('1\n')
            self.tell_end(number, name, result)
            return False

        GLib.timeout_add(int(1000 * self.read('slow', 0)) or 1, end)


if __name__ == '__main__':
    systemd = Systemd(Path(sys.argv[1]))
    GLib.MainLoop().run()

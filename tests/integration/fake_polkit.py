# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stands in for polkit on a test's bus: fake_polkit.py ACTION... knows these actions, and no more.
It says "ready" on stdout."""

import sys

from gi.repository import Gio, GLib

NAME = 'org.freedesktop.PolicyKit1'
XML = '''<node><interface name="org.freedesktop.PolicyKit1.Authority">
<method name="EnumerateActions"><arg type="s" direction="in"/>
  <arg type="a(ssssssuuua{ss})" direction="out"/></method>
</interface></node>'''


def on_call(_connection, _sender, _path, _interface, _method, _parameters, invocation):
    rows = [(action, '', '', '', '', '', 0, 0, 0, {}) for action in sys.argv[1:]]
    invocation.return_value(GLib.Variant('(a(ssssssuuua{ss}))', (rows,)))


if __name__ == '__main__':
    bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
    bus.register_object('/org/freedesktop/PolicyKit1/Authority',
                        Gio.DBusNodeInfo.new_for_xml(XML).interfaces[0], on_call)
    Gio.bus_own_name_on_connection(bus, NAME, 0, lambda *_: print('ready', flush=True))
    GLib.MainLoop().run()

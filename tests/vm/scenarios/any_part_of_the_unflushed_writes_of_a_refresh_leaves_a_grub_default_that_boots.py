"""The same as for systemd-boot, for an ESP with GRUB: whatever part of the unflushed writes of a refresh a
power cut leaves, the default of grub.cfg leads to a kernel and an initrd that are complete, old or new, with
a command line that is old or new."""

import loaders
import recorded
from fat import Fat


def run(lab):
    machine = recorded.machine_with_recorded_esp(lab, loader=False)
    esp = machine.esps[0]
    lab.start(machine)
    machine.sh(f'bootctl-pve init {esp.esp_path} grub && bootctl-pve refresh', 600)
    machine.sh('sync')
    before = loaders.grub(Fat(esp))
    known = recorded.change(lab, machine)
    machine.sh('mkdir -p /etc/default/grub.d; '
               'echo GRUB_CMDLINE_LINUX=panic=7 >/etc/default/grub.d/panic.cfg')
    recording = recorded.record(machine)
    machine.stop_quietly()
    after = loaders.grub(Fat(esp))
    assert 'panic=7' not in before.options and 'panic=7' in after.options, (before, after)
    kernels = {f'{stem}-{version}' for stem in recorded.STEMS for version in recorded.AFTER}
    assert {f for f in esp.files() if f.startswith(recorded.STEMS)} == kernels, esp.files()
    assert all(esp.read(name) == lab.boot_content(name) for name in kernels)
    recorded.assert_boots(recorded.judge(recording, loaders.grub, known,
                                         [before.options, after.options]))

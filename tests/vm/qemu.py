# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line of QEMU."""

import json
import shutil
from pathlib import Path

OVMF = Path('/usr/share/OVMF')
SLOTS = 6  # PCIe ports, into which disks can be plugged
KERNEL_OPTIONS = ('root=LABEL=vmroot rootfstype=ext4 rw quiet console=ttyS0 panic=5 fsck.mode=skip '
                  'mitigations=off apparmor=0 audit=0')

# What is emulated -> code and variables of the firmware.
FIRMWARE = {
    'uefi': ('OVMF_CODE_4M.fd', 'OVMF_VARS_4M.fd'),
    'secure-boot': ('OVMF_CODE_4M.secboot.fd', 'OVMF_VARS_4M.ms.fd'),  # with Microsoft's keys
    'snakeoil': ('OVMF_CODE_4M.secboot.fd', 'OVMF_VARS_4M.snakeoil.fd'),  # with one that everybody has
    'bios': None,
}
WITH_SMM = ('secure-boot', 'snakeoil')


def slot(number):
    return f'slot{number}'


def factory_nvram(firmware):
    return OVMF / FIRMWARE[firmware][1]


def create_nvram(firmware, path):
    """A machine's own copy of the firmware's variables, as they leave the factory; empty for a BIOS,
    which keeps none."""
    if FIRMWARE[firmware]:
        shutil.copyfile(factory_nvram(firmware), path)
    else:
        Path(path).touch()


def firmware_options(firmware, nvram):
    if firmware == 'bios':
        return ['-machine', 'q35,sata=off', '-device', 'VGA']  # without a screen GRUB hangs in SeaBIOS
    code = OVMF / FIRMWARE[firmware][0]
    drives = ['-drive', f'if=pflash,format=raw,unit=0,readonly=on,file={code}',
              '-drive', f'if=pflash,format=raw,unit=1,file={nvram}']
    if firmware in WITH_SMM:
        return ['-machine', 'q35,sata=off,smm=on', '-global',
                'driver=cfi.pflash01,property=secure,value=on', *drives]
    return ['-machine', 'q35,sata=off', *drives]


def port_options():
    """Serial console (with a log), the agent's channel, QEMU's own control; all are unix sockets
    or files in the current directory, since the path of a socket must be short."""
    return [
        '-chardev', 'socket,id=console,path=console.sock,server=on,wait=off,logfile=serial.log,'
                    'logappend=on',
        '-serial', 'chardev:console',
        '-device', 'virtio-serial-pci',
        '-chardev', 'socket,id=agent,path=agent.sock,server=on,wait=off',
        '-device', 'virtserialport,chardev=agent,name=lab.agent',
        '-qmp', 'unix:qmp.sock,server=on,wait=off',
    ]


def disk_options(disks, boot_disk=None):
    """@disks: number of the slot -> disk."""
    options = []
    for number, disk in sorted(disks.items()):
        device = disk.device(slot(number), 0 if disk is boot_disk else None)
        options += ['-blockdev', json.dumps(disk.backend()), '-device', json.dumps(device)]
    return options


def kernel_options(image, version, options):
    return ['-kernel', image.boot_file('vmlinuz', version),
            '-initrd', image.boot_file('initrd.img', version),
            '-append', options]


def common_options(firmware, nvram, root, memory=1024, cpus=2):
    """What must be equal where a snapshot is taken and where it is started."""
    return [
        'qemu-system-x86_64', '-accel', 'tcg,thread=multi,tb-size=1024', '-cpu', 'Nehalem,+rdrand',
        '-smp', cpus, '-m', memory, '-nodefaults', '-no-user-config', '-display', 'none',
        '-net', 'none', '-no-reboot', *firmware_options(firmware, nvram),
        '-drive', f'file={root},format=qcow2,if=none,id=root',
        '-device', 'virtio-blk-pci,drive=root,serial=vmroot',
        *(word for number in range(SLOTS) for word in
          ('-device', f'pcie-root-port,id={slot(number)},chassis={number + 1},slot={number + 1}')),
        *port_options(),
    ]

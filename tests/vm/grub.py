# SPDX-License-Identifier: LGPL-2.1-or-later
"""GRUB put onto an ESP by hand, as an administrator would: for tests of the lab itself, and to see
what GRUB does by itself."""

# The id of an entry is what the existing tool pins: a submenu, and an entry in it.
ADVANCED = 'gnulinux-advanced-vmroot'
MENU_HEAD = """if [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ]; then
  set default="${next_entry}"
  set next_entry=
  save_env next_entry
else
  set default=0
fi
set timeout=1
terminal_output console
"""
ENTRY = """menuentry '{version}' --id '{id}' {{
  search --no-floppy --fs-uuid --set=root {uuid}
  linux /vmlinuz-{version} {cmdline}
  initrd /initrd.img-{version}
}}
"""
OPTIONS = {
    'i386-pc': '{disk}',
    'x86_64-efi': '--efi-directory=$esp --bootloader-id=proxmox --no-nvram --force-extra-removable',
}
# A signed GRUB looks for its menu where it was started from.
INSTALL = """set -e
esp=/run/esp
mkdir -p $esp
mount -o umask=0077 {partition} $esp
for version in {versions}; do
  cp /boot/vmlinuz-$version /boot/initrd.img-$version $esp
done
grub-install --target={target} --boot-directory=$esp {options}
cp /root/grub.cfg $esp/grub
if [ -e $esp/EFI/proxmox/grub.cfg ]; then
  cp $esp/EFI/proxmox/grub.cfg $esp/EFI/BOOT
fi
umount $esp
"""

# As on a host without ESPs of bootsync's: the menu and its environment stay in the root's /boot.
INSTALL_HOST = """set -e
esp=/run/esp
mkdir -p $esp
mount -o umask=0077 {partition} $esp
grub-install --target=x86_64-efi --boot-directory=/boot {options}
cp $esp/EFI/proxmox/grub.cfg $esp/EFI/BOOT
umount $esp
grub-editenv /boot/grub/grubenv create
grub-mkconfig -o /boot/grub/grub.cfg
"""


def entry_id(version):
    return f'gnulinux-{version}-advanced-vmroot'


def menu(uuid, versions, cmdline):
    """A menu with the first of @versions as default, and all of them in a submenu."""
    def entry(version, name):
        return ENTRY.format(version=version, id=name, uuid=uuid, cmdline=cmdline)
    return (MENU_HEAD + entry(versions[0], 'gnulinux-simple-vmroot') +
            f"submenu 'Advanced options' --id '{ADVANCED}' {{\n" +
            ''.join(entry(version, entry_id(version)) for version in versions) + '}\n')


def install(machine, disk, target, versions, cmdline):
    """In a running machine: GRUB, kernels and a menu onto the ESP of a disk."""
    machine.put('/root/grub.cfg', menu(disk.uuid, versions, cmdline).encode())
    options = OPTIONS[target].format(disk=f'$(readlink -f {disk.device_path})')
    machine.put('/root/grub.sh', INSTALL.format(
        partition=disk.esp_path, versions=' '.join(versions), target=target,
        options=options).encode())
    machine.sh('unshare --mount sh /root/grub.sh', 180)


def install_host(machine, disk):
    """In a running machine: GRUB onto the ESP of a disk, to boot the machine's own root by the menu
    in there."""
    machine.put('/root/grub.sh', INSTALL_HOST.format(
        partition=disk.esp_path, options=OPTIONS['x86_64-efi']).encode())
    machine.sh('unshare --mount sh /root/grub.sh', 600)


def boot_once(machine, disk, version):
    """In a running machine: let GRUB take another kernel, at the next boot only."""
    machine.sh(f'unshare --mount sh -ec "mkdir -p /run/esp; mount {disk.esp_path} /run/esp; '
               "grub-editenv /run/esp/grub/grubenv set "
               f"'next_entry={ADVANCED}>{entry_id(version)}'; umount /run/esp\"")


def next_entry(disk):
    """The machine is off: which entry GRUB would take once; '' for none."""
    lines = disk.read('grub/grubenv').decode().splitlines()
    return next((line.removeprefix('next_entry=') for line in lines
                 if line.startswith('next_entry=')), '')

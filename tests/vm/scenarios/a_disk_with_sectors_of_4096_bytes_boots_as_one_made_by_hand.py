"""A test of the lab itself: without bootsync, a blank disk with sectors of 4096 bytes that the
guest has partitioned and formatted boots systemd-boot, and is read from the host."""

ENTRY = '''title   {version}
options {cmdline}
linux   /vmlinuz-{version}
initrd  /initrd.img-{version}
'''
VERSION = '6.8.12-4-pve'


def run(lab):
    machine = lab.machine(esps=0, start='plain')
    disk = lab.blank_disk(machine, 'large', sector=4096)
    machine.attach(disk)
    assert machine.sh(f'blockdev --getss {disk.device_path}').strip() == '4096'
    lab.partition(machine, disk, '-n1:0:+512M -t1:EF00 -n2:0:0 -t2:8300')
    machine.sh(f'mkfs.fat -F32 -i 44440004 {disk.partition_path(1)}')
    machine.put('/root/entry.conf', ENTRY.format(version=VERSION, cmdline=lab.CMDLINE).encode())
    machine.sh(f'unshare --mount sh -ec "mount {disk.partition_path(1)} /mnt; '
               'bootctl install --esp-path=/mnt --no-variables; '
               f'cp /boot/vmlinuz-{VERSION} /boot/initrd.img-{VERSION} /mnt; '
               'cp /root/entry.conf /mnt/loader/entries; umount /mnt"', 120)
    machine.shut_down()
    disk.find_esp()
    assert disk.uuid == '4444-0004' and disk.esp_size == 512 << 20, (disk.uuid, disk.esp_size)
    assert f'vmlinuz-{VERSION}' in disk.files()
    assert disk.read(f'vmlinuz-{VERSION}') == lab.boot_content(f'vmlinuz-{VERSION}')
    machine.boot_firmware()
    assert machine.uname() == VERSION

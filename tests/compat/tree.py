# SPDX-License-Identifier: LGPL-2.1-or-later
"""A throw-away Debian to install packages in: a tree of tools/debian-tree.sh with a layer over it that
is dropped, two ESPs that are directories, and packages that are made on the spot. Commands run in it
as on a host without systemd or a bus; with chroot=True as an installer's do."""

import atexit
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

TREE = Path(os.environ['COMPAT_TREE'])    # of Debian, is left as it is
DEBS = Path(os.environ['COMPAT_DEBS'])    # with bootsync-proxmox-compat_*.deb
SOURCE = Path(os.environ['COMPAT_SOURCE'])  # debian/
ESPS = ('AAAA-0001', 'BBBB-0002')
HOOKS = ('etc/kernel/postinst.d/proxmox-auto-removal', 'etc/kernel/postinst.d/zz-proxmox-boot',
         'etc/kernel/postrm.d/proxmox-auto-removal', 'etc/kernel/postrm.d/zz-proxmox-boot',
         'etc/initramfs/post-update.d/proxmox-boot-sync', 'etc/grub.d/000_proxmox_boot_header')
HOOK_STUB = (SOURCE / 'drop-in/hook-stub').read_text()
BUS_POLICY = Path(__file__).parents[2] / 'dbus/org.bootsync1.conf'
PROGRAMS = {'usr/bin/bootctl-pve': 'BOOTCTL_PVE', 'usr/sbin/bootsyncd': 'BOOTSYNC_DAEMON',
            'usr/libexec/bootsync-worker': 'BOOTSYNC_WORKER'}

# $1 is the tree; the command follows. The tree becomes the root of a mount and pid namespace; in a chroot
# process 1 has another root.
ENTER = '''
cd "$1"
shift
mount -t proc proc proc
if [ "$CHROOT" = 1 ]; then
        exec chroot . "$@"
fi
pivot_root . .
umount -l .
cd /
exec "$@"
'''


class Tree:
    def __init__(self, *below):
        """@below: trees that this one goes on from, which nobody uses any more."""
        self.directory = Path(tempfile.mkdtemp(prefix='bootsync-compat.'))
        subprocess.run(['mount', '-t', 'tmpfs', 'tree', self.directory], check=True)
        for name in 'upper', 'work', 'root':
            (self.directory / name).mkdir()
        self.root = self.directory / 'root'
        lower = ':'.join(str(layer) for layer in (*(t.directory / 'upper' for t in below), TREE))
        subprocess.run(['mount', '-t', 'overlay', 'tree', self.root, '-o',
                        f'lowerdir={lower},upperdir={self.directory}/upper,'
                        f'workdir={self.directory}/work'], check=True)
        self.packages = 100 * len(below)
        if not below:
            self.make_devices()

    def make_devices(self):
        for number, name in ((3, 'null'), (5, 'zero'), (7, 'full'), (8, 'random'), (9, 'urandom')):
            self.path(f'dev/{name}').unlink(missing_ok=True)
            os.mknod(self.path(f'dev/{name}'), 0o020666, os.makedev(1, number))
            self.path(f'dev/{name}').chmod(0o666)

    def seal(self):
        """It is only gone on from, from now on."""
        subprocess.run(['umount', self.root], check=True)

    def close(self):
        subprocess.run(['umount', '-R', '-l', self.directory], check=True)
        shutil.rmtree(self.directory)

    # Files

    def path(self, name):
        return self.root / name.lstrip('/')

    def read(self, name):
        return self.path(name).read_text()

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def exists(self, name):
        return os.path.lexists(self.path(name))

    def add_esp(self, uuid):
        esp = self.path(f'dev/disk/by-uuid/{uuid}')
        for directory in ('EFI/proxmox', 'EFI/systemd', 'EFI/BOOT', 'loader/entries'):
            (esp / directory).mkdir(parents=True)
        (esp / 'EFI/systemd/systemd-bootx64.efi').write_text('the loader of old')
        (esp / 'loader/loader.conf').write_text('timeout 7\ndefault proxmox-*\n')

    def list_esps(self, *uuids):
        self.write('etc/kernel/proxmox-boot-uuids', ''.join(u + '\n' for u in uuids))

    def esp_file(self, uuid, name):
        return self.path(f'dev/disk/by-uuid/{uuid}/{name}')

    def kernels_on(self, uuid):
        directory = self.esp_file(uuid, 'loader/entries')
        return {p.name[len('proxmox-'):-len('.conf')] for p in directory.glob('proxmox-*.conf')}

    def take_away(self, uuid):
        shutil.move(self.esp_file(uuid, ''), self.path(f'tmp/{uuid}'))

    def bring_back(self, uuid):
        shutil.move(self.path(f'tmp/{uuid}'), self.esp_file(uuid, ''))

    def make_initrds(self, size):
        """Of noise. Making a real initrd takes a minute here, and needs the modules of a kernel."""
        self.write('usr/sbin/mkinitramfs', '#!/bin/sh\n'
                   '[ "$1" != --version ] || { echo initramfs-tools 0; exit; }\n'
                   'for word; do [ "$last" != -o ] || out=$word; last=$word; done\n'
                   f'head -c {size} /dev/urandom >"$out"\n', 0o755)

    # Commands

    def run(self, *command, status=0, chroot=False, **environment):
        namespaces = ['--mount'] if chroot else ['--mount', '--pid', '--fork', '--kill-child']
        done = subprocess.run(
            ['unshare', *namespaces, 'sh', '-euc', ENTER, 'sh', self.root, *command],
            env={'HOME': '/root', 'LC_ALL': 'C.UTF-8', 'DEBIAN_FRONTEND': 'noninteractive',
                 'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'CHROOT': str(int(chroot)),
                 **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors='replace', timeout=300)
        if status is not None and done.returncode != status:
            raise AssertionError(f'{command}: status {done.returncode}\n{done.stdout}')
        return SimpleNamespace(status=done.returncode, out=done.stdout)

    def apt(self, verb, *packages, **kwargs):
        return self.run('apt-get', '-qq', '-y', '--no-install-recommends', '--allow-downgrades',
                        '-o', 'APT::Sandbox::User=root', '-o', 'Dpkg::Use-Pty=0', verb, *packages,
                        **kwargs)

    def state(self, package):
        done = self.run('dpkg-query', '-W', '-f', '${db:Status-Status}', package, status=None)
        return done.out if done.status == 0 else 'not-installed'

    def syncs(self):
        """How often dpkg has worked off our triggers, or configured us, since the last call."""
        log = self.path('var/log/dpkg.log')
        lines = log.read_text().splitlines() if log.exists() else []
        log.write_text('')
        return sum(' trigproc bootsync-proxmox-compat:' in line
                   or ' configure bootsync-proxmox-compat:' in line for line in lines)

    # Packages

    def deb(self, name, version='1', files=None, conffiles=(), fields='', **scripts):
        """Make a package. @files: path -> text, or (text, mode); a Path is copied. Gives its path in
        the tree."""
        self.packages += 1
        work = self.directory / 'work-deb'
        (work / 'DEBIAN').mkdir(parents=True)
        for path, content in (files or {}).items():
            text, mode = content if isinstance(content, tuple) else (content, 0o644)
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(text, Path):
                shutil.copy(text, work / path)
            else:
                (work / path).write_text(text)
            (work / path).chmod(mode)
        (work / 'DEBIAN/control').write_text(
            f'Package: {name}\nVersion: {version}\nArchitecture: all\n'
            f'Maintainer: Test <t@example.org>\n{fields}Description: made by a test\n')
        if conffiles:
            (work / 'DEBIAN/conffiles').write_text(''.join(f'/{c}\n' for c in conffiles))
        for script, text in scripts.items():
            (work / 'DEBIAN' / script).write_text('#!/bin/sh\nset -e\n' + text)
            (work / 'DEBIAN' / script).chmod(0o755)
        target = self.path(f'tmp/{self.packages:02}-{name}_{version}_all.deb')
        subprocess.run(['dpkg-deb', '--build', '--root-owner-group', work, target], check=True,
                       stdout=subprocess.DEVNULL)
        shutil.rmtree(work)
        return f'/tmp/{target.name}'

    def bootsync(self):
        """Our package, of the programs that were built here; without units, which nobody starts."""
        programs = {path: (Path(os.environ[variable]), 0o755)
                    for path, variable in PROGRAMS.items()}
        return self.deb('bootsync', '0.1.0', {
            **programs, 'usr/share/dbus-1/system.d/org.bootsync1.conf': BUS_POLICY})

    def compat(self):
        package, = DEBS.glob('bootsync-proxmox-compat_*.deb')
        shutil.copy(package, self.path('tmp/compat.deb'))
        return '/tmp/compat.deb'

    def kernel(self, version, image=None, **kwargs):
        """A kernel package that does what those of Proxmox do."""
        name = f'proxmox-kernel-{version}-signed'
        run = ('export DEB_MAINT_PARAMS="$*"\n'
               f'run-parts --verbose --exit-on-error --arg={version} --arg=/boot/vmlinuz-{version} ')
        return self.deb(name, files={f'boot/vmlinuz-{version}': image or f'kernel {version}'},
                        postinst=run + '/etc/kernel/postinst.d\n',
                        postrm=run + '/etc/kernel/postrm.d\n'
                               f'[ "$1" != purge ] || rm -f /boot/initrd.img-{version}\n', **kwargs)

    def old_tool(self, version='9.2.0', preinst=''):
        """What matters of the package whose place ours takes: each hook leaves a trace."""
        trace = ('#!/bin/sh\necho "$0" >>/run/old-hooks\n', 0o755)
        divert = ('dpkg-divert --package proxmox-kernel-helper --{} --rename '
                  '--divert /usr/sbin/grub-install.real /usr/sbin/grub-install\n')
        return self.deb(
            'proxmox-kernel-helper', version,
            {**{hook: trace for hook in HOOKS}, 'usr/sbin/grub-install': trace,
             'usr/sbin/proxmox-boot-tool': trace, 'usr/sbin/pve-efiboot-tool': trace,
             'usr/share/proxmox-kernel-helper/scripts/functions': '',
             'usr/share/initramfs-tools/modules.d/proxmox-simplefb': 'simplefb\n'},
            conffiles=HOOKS, fields='Provides: pve-kernel-helper\n',
            preinst='case $1 in install|upgrade) dpkg -S /usr/sbin/grub-install | '
                    'grep -q "diversion by proxmox-kernel-helper" || ' + divert.format('add')
                    + ';; esac\n' + preinst,
            postrm='case $1 in remove|abort-install|disappear) ' + divert.format('remove')
                   + ';; esac\n')


class TreeCase(unittest.TestCase):
    """A Debian with two ESPs on the list, a kernel, and nothing of ours."""
    maxDiff = None
    FIRST, SECOND, OLDER = '6.17.2-1-pve', '6.17.4-2-pve', '6.17.1-1-pve'

    layers = []  # what was prepared once: ours, and below it a host without ours

    def setUp(self):
        self.start(ours=False)

    def start(self, ours):
        if not self.layers:
            self.prepare(self.prepare_host)
            self.prepare(self.install_ours)
        self.tree = Tree(*self.layers[0 if ours else 1:])
        self.addCleanup(self.tree.close)

    def prepare(self, work):
        self.tree = Tree(*self.layers)
        atexit.register(self.tree.close)
        work()
        self.tree.seal()
        self.layers.insert(0, self.tree)

    def prepare_host(self):
        self.tree.make_initrds(200000)
        self.tree.write('etc/kernel/cmdline', 'root=/dev/sda3 quiet\n')
        for uuid in ESPS:
            self.tree.add_esp(uuid)
        self.tree.list_esps(*ESPS)
        self.tree.apt('install', self.tree.kernel(self.FIRST), self.loader('1'))

    def loader(self, version):
        return self.tree.deb('systemd-boot-efi', '999.' + version, {
            'usr/lib/systemd/boot/efi/systemd-bootx64.efi': f'loader {version}'})

    def install_ours(self, **kwargs):
        return self.tree.apt('install', self.tree.bootsync(), self.tree.compat(), **kwargs)

    def assert_on_esps(self, *versions):
        for uuid in ESPS:
            self.assertEqual(self.tree.kernels_on(uuid), set(versions), uuid)

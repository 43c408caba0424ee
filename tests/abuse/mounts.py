# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mounts in a mount namespace of the test's own: lab.main(private_mounts=True)."""

import subprocess


def mount(*arguments):
    subprocess.run(['mount', *map(str, arguments)], check=True, timeout=60)


def umount(path):
    subprocess.run(['umount', '--lazy', path], check=True, timeout=60)

#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# From a host whose two ESPs are listed, but hold no kernel yet, to one that boots a pinned kernel from
# either disk. On a host these are the commands as they stand; $ROOT is for a try below a directory:
#     ROOT=--root=/srv/lab sh first-session.sh 6.8.12-4-pve
# shellcheck disable=SC2086 # without $ROOT it is no word at all
set -e
version=${1:?Name the kernel to pin}

# How is it now? Each ESP that is not good has its reason and the command that mends it. The exit status
# is 0 only if every ESP is in sync.
bootctl-pve $ROOT status || echo "Not all in sync yet."

# Which kernels are there, and which of them are kept on the ESPs, and why?
bootctl-pve $ROOT kernel list

# A look at what a refresh would write, before it does.
bootctl-pve $ROOT refresh --dry-run

# Bring all ESPs into sync. The daemon of a host does this by itself from now on.
bootctl-pve $ROOT refresh

# Boot this kernel by default, whatever newer one comes; --yes also where changes are not synced unasked.
bootctl-pve $ROOT kernel pin "$version" --yes

# Read every file on the ESPs again and compare it with its source.
bootctl-pve $ROOT verify

# REDUNDANT: either disk alone boots the pinned kernel.
bootctl-pve $ROOT status

# shellcheck shell=bash disable=SC2154
# A clean tree of another Debian than this machine's, made of the same package sources and kept in the
# cache of tests/vm. A command in it sees nothing of this machine but the kernel, its devices and one
# directory; the tree itself stays clean.

declare -A debian_names=([12]=bookworm [13]=trixie)
debian_cache=${BOOTSYNC_VM_CACHE:-/var/cache/bootsync-vm}

# debian_tree NUMBER PACKAGE...: print the tree of that Debian with these packages; made if need be.
debian_tree() {
        local number=$1 name=${debian_names[$1]} key tree work lock lines=()

        shift
        key=$(printf '%s\n' "$@" | cat - "${BASH_SOURCE[0]}" | sha256sum | cut -c -16)
        tree=$debian_cache/debian-$number-$key
        if [ -d "$tree" ]; then # without waiting for whoever makes another
                echo "$tree"
                return
        fi
        mkdir -p "$debian_cache"
        exec {lock}>"$debian_cache/lock"
        flock "$lock" # one builder at a time; who comes second finds the work done
        if [ ! -d "$tree" ]; then
                apt-get update -qq >&2
                mapfile -t lines < <("$top/tests/vm/aptsources.py" "$name")
                work=$(mktemp -d "$debian_cache/building.XXXXXX")
                mmdebstrap --quiet --mode=root --variant=minbase --components=main \
                        --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
                        --include="$(IFS=,; echo "$*")" "$name" "$work/root" "${lines[@]}" >&2 || {
                        rm -rf "$work"
                        die "no tree of Debian $number could be made"
                }
                mv "$work/root" "$tree"
                rmdir "$work"
        fi
        exec {lock}>&-
        echo "$tree"
}

# build_tree NUMBER: the tree in which this project is built, tested and packaged.
build_tree() {
        debian_tree "$1" "${build_packages[@]}" "${test_packages[@]}" "${package_packages[@]}" \
                "${systemd_pc_package[$1]}"
}

# in_debian_tree TREE DIR COMMAND...: run it with DIR as /srv and DIR/tmp as /tmp. The tree is the root of
# its mount namespace, as on a host, and no chroot, in which the kernel gives nobody a user namespace; no
# mount outlives the command. The tree is read-only.
in_debian_tree() {
        # shellcheck disable=SC2016 # for the shell in there
        unshare --mount --propagation private sh -euc '
                tree=$1 dir=$2
                shift 2
                mkdir -p "$dir/tmp"
                if [ -n "${tree_scratch:-}" ]; then
                        mkdir -p "$dir/scratch"
                        mount -t tmpfs tmpfs "$dir/scratch"
                        cd "$dir/scratch"
                        mkdir upper work root
                        mount -t overlay -o "lowerdir=$tree,upperdir=upper,workdir=work" overlay root
                        cd root
                else
                        mount --bind "$tree" "$tree"
                        mount -o remount,bind,ro "$tree"
                        cd "$tree"
                fi
                mount -t proc proc proc
                mount --rbind /dev dev
                mount --rbind /sys sys
                mount -o remount,bind,ro sys
                mount -t tmpfs tmpfs run
                mount --bind "$dir" srv
                mount --bind "$dir/tmp" tmp
                pivot_root . .
                umount -l .
                cd /
                exec /usr/bin/env -i HOME=/root LC_ALL=C.UTF-8 \
                        PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' sh "$@" </dev/null
}

# in_scratch_tree TREE DIR COMMAND...: the same in a tree that can be written to; what is written there is
# in memory, and gone with the command.
in_scratch_tree() {
        tree_scratch=yes in_debian_tree "$@"
}

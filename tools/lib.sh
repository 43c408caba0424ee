# shellcheck shell=bash disable=SC2034
# What the tools share: packages, builds, words on the terminal.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

build_packages=(gcc libc6-dev meson ninja-build pkg-config libsystemd-dev libssl-dev libblkid-dev libmount-dev
        libfdisk-dev libefivar-dev libefiboot-dev libjson-c-dev liblzma-dev libzstd-dev zlib1g-dev)
test_packages=(ansible-core check dbus dosfstools e2fsprogs fdisk less man-db mtools procps python3 python3-gi
        python3-jsonschema gir1.2-glib-2.0 strace systemd systemd-journal-remote util-linux)
check_packages=(binutils clang clang-format git groff-base libclang-rt-dev libxml2-utils mmdebstrap rsync
        shellcheck valgrind)
# Of a tree in which Debian packages are made and tested.
package_packages=(autopkgtest build-essential debhelper lintian)
# The package with systemd's own pkg-config file.
declare -A systemd_pc_package=([12]=systemd [13]=systemd-dev)

say() {
        printf '\n== %s\n' "$*"
}

die() {
        printf '%s: %s\n' "${0##*/}" "$*" >&2
        exit 1
}

need_root() {
        [ "$(id -u)" = 0 ] || die "run this as root: it installs packages (sudo $0)"
}

# Install what is missing; nothing is asked, and nothing is fetched if all is there.
install_packages() {
        local missing=() package

        for package in "$@"; do
                dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null |
                        grep -qx installed || missing+=("$package")
        done
        [ ${#missing[@]} -gt 0 ] || return 0
        say "installing ${missing[*]}"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
                "${missing[@]}" >/dev/null
}

# Prometheus's programs that read metrics, into build-parsers. Nothing is installed.
fetch_parsers() {
        local dir=$top/build-parsers package packages=(prometheus prometheus-node-exporter)

        [ ! -e "$dir/complete" ] || return 0
        say "fetching ${packages[*]}"
        rm -rf "$dir"
        mkdir -p "$dir/packages"
        (cd "$dir/packages" && apt-get download -qq "${packages[@]}")
        for package in "$dir"/packages/*.deb; do
                dpkg-deb --extract "$package" "$dir"
        done
        rm -r "$dir/packages"
        touch "$dir/complete"
}

# copy_clone DIR: what git knows of this clone, as it is now.
copy_clone() {
        rm -rf "$1"
        mkdir -p "$1"
        git -C "$top" ls-files -z | tar -C "$top" --null -T - -c | tar -C "$1" -x
}

# build DIR [MESON OPTION]...: configure once, compile what changed.
build() {
        local dir=$1

        shift
        mkdir -p "$dir"
        {
                { [ -e "$dir/build.ninja" ] || meson setup "$dir" "$top" "$@"; } &&
                        meson compile -C "$dir"
        } >"$dir/build.log" 2>&1 || {
                tail -n 40 "$dir/build.log" >&2
                die "the build in $dir failed; its log is $dir/build.log"
        }
}

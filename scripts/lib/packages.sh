# shellcheck shell=bash
# The Debian packages, and how to see whether what each gives is there. docs/dependencies.md says what each is for.
#
# Probing for the thing and not for the package lets a QEMU or a compiler built by hand count, and needs no dpkg.
# Probes: command NAME | file GLOB | python (3.11 or later that can make virtual environments).

# shellcheck disable=SC2034 # read by setup.sh
debian_packages=(
    "binutils             command ld"
    "busybox-static       file    /bin/busybox"
    "ca-certificates      file    /etc/ssl/certs/ca-certificates.crt"
    "chromium             command chromium"
    "cpio                 command cpio"
    "gcc                  command gcc"
    "git                  command git"
    "libc6-dev            file    /usr/include/stdio.h"
    "libmagickwand-6.q16-6 file   /usr/lib/*/libMagickWand-6.Q16.so.6"
    "libwayland-dev       file    /usr/share/wayland/wayland.xml"
    "make                 command make"
    "memtest86+           file    /boot/memtest86+x64.bin"
    "ovmf                 file    /usr/share/OVMF/OVMF_CODE_4M.fd"
    "python3-venv         python"
    "qemu-efi-aarch64     file    /usr/share/AAVMF/AAVMF_CODE.fd"
    "qemu-system-arm      command qemu-system-aarch64"
    "qemu-system-data     file    /usr/share/qemu/qboot.rom"
    "qemu-system-x86      command qemu-system-x86_64"
    "qemu-utils           command qemu-img"
    "ser2net              file    /usr/sbin/ser2net"
    "socat                command socat"
    "u-boot-qemu          file    /usr/lib/u-boot/qemu_arm64/u-boot.bin"
    "wayland-protocols    file    /usr/share/wayland-protocols/stable/xdg-shell/xdg-shell.xml"
    "weston               command weston"
    "xz-utils             command xz"
)

# is_there KIND WHAT
is_there() {
    case $1 in
    command) type -P -- "$2" >/dev/null ;;
    file) compgen -G "$2" >/dev/null ;;
    python) [[ ${HARNESS_PYTHON:-} ]] || find_python >/dev/null ;;
    esac
}

# Prints the full path of the Python to use: HARNESS_PYTHON, else the distribution's, else the first on PATH that will do.
find_python() {
    local candidate candidates=(/usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11)
    [[ -z ${HARNESS_PYTHON:-} ]] || candidates=("$HARNESS_PYTHON")
    for candidate in "${candidates[@]}"; do
        # The resolved name carries the minor version (python3.11), so an upgrade of the link does not mix two in one folder.
        "$candidate" -I -c '
import ensurepip, os, sys, venv
if sys.version_info < (3, 11):
    sys.exit(1)
print(os.path.realpath(sys.executable))' 2>/dev/null && return
    done
    return 1
}

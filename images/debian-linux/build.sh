#!/bin/sh
# Makes build/vmlinuz, the kernel of Debian's newest package, and build/initrd.cpio, an initramfs of Debian's busybox.
#
# Needs no root. apt downloads and verifies the package; it is kept in ${XDG_CACHE_HOME:-~/.cache}/rayos-harness for the next build.
set -eu
umask 022
export LC_ALL=C

# This empty package depends on the newest kernel. Of Debian's kernels the "cloud" one has what a virtual machine needs and is packed
# with LZ4: 4.5 s to the prompt under TCG; the general one, packed with XZ, takes 14 s.
meta=linux-image-cloud-amd64
cd -- "$(dirname -- "$0")"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/rayos-harness
mkdir -p -- "$cache" build
exec 9>"$cache/debian-linux.lock" # two builds at once would pull the package from under each other
flock 9
scratch=$(mktemp -d "$PWD/build/scratch.XXXXXX")
trap 'rm -rf -- "$scratch"' EXIT
trap 'exit 130' INT TERM

say() { printf 'debian-linux: %s\n' "$*" >&2; }
give_up() { say "$@" && exit 1; }

for tool in apt-get:apt dpkg-deb:dpkg cpio:cpio busybox:busybox-static; do
    command -v "${tool%:*}" >/dev/null || give_up "there is no ${tool%:*} here: install the Debian package ${tool#*:}"
done
busybox=$(command -v busybox)
! ldd "$busybox" >/dev/null 2>&1 || give_up "$busybox needs shared libraries: install the Debian package busybox-static"

# As root apt would download as another user, who may not write to the cache.
{
    [ -z "${APT_CONFIG:-}" ] || cat -- "$APT_CONFIG"
    echo 'APT::Sandbox::User "root";'
} >"$scratch/apt.conf"
export APT_CONFIG="$scratch/apt.conf"

# Sets $deb to the newest package, downloading it unless it is in the cache, whole.
fetch() {
    package=$(apt-cache show --no-all-versions "$meta" 2>/dev/null | sed -n 's/^Depends: \(linux-image-[^ ,]*\).*/\1/p')
    [ -n "$package" ] || return 1
    # 'URI' FILE SIZE SHA256:DIGEST
    known=$(apt-get download --print-uris "$package") || return 1
    file=$(echo "$known" | cut -d ' ' -f 2)
    deb=$cache/$file
    if echo "${known##*:}  $deb" | sha256sum --check --status 2>/dev/null; then
        return
    fi
    say "downloading $file"
    (cd -- "$scratch" && apt-get download "$package" >&2) || return 1
    mv -- "$scratch/$file" "$deb"
}

# apt's package lists are the administrator's. Where they are missing, or so old that the server has dropped what they name, this
# fetches lists of its own.
refresh() {
    say "apt's package lists do not lead to $meta; fetching newer ones"
    mkdir -p -- "$cache/apt/lists/partial" "$cache/apt/cache/archives/partial"
    printf 'Dir::State::Lists "%s/apt/lists";\nDir::Cache "%s/apt/cache";\n' "$cache" "$cache" >>"$APT_CONFIG"
    apt-get --quiet=2 update >&2
}

if ! fetch && ! { refresh && fetch; }; then
    # shellcheck disable=SC2012 # by version, and the names are Debian's
    deb=$(ls -v -- "$cache"/linux-image-*-cloud-amd64_*.deb 2>/dev/null | tail -n 1)
    [ -n "$deb" ] || give_up "cannot get $meta. Is this Debian on amd64, and is there a network?"
    say "cannot ask Debian for its newest kernel; taking ${deb##*/}, downloaded before"
fi

dpkg-deb --fsys-tarfile "$deb" | tar --extract --to-stdout --wildcards './boot/vmlinuz-*' >"$scratch/vmlinuz"

# The same input gives the same bytes: times, owners, order and inode numbers are fixed.
install -d "$scratch/root/bin" "$scratch/root/etc" "$scratch/root/dev" "$scratch/root/proc" "$scratch/root/sys" "$scratch/root/tmp"
install -m 755 "$busybox" "$scratch/root/bin/busybox"
install -m 755 rootfs/init "$scratch/root/init"
install -m 644 rootfs/etc/* "$scratch/root/etc"
find "$scratch/root" -exec touch --date=@0 -- {} +
(cd -- "$scratch/root" && find . | sort | cpio --quiet --create --format=newc --reproducible --owner=0:0) >"$scratch/initrd.cpio"

mv -- "$scratch/vmlinuz" "$scratch/initrd.cpio" build/
for old in "$cache"/linux-image-*-cloud-amd64_*.deb; do
    [ "$old" = "$deb" ] || rm -f -- "$old"
done
say "${deb##*/}"

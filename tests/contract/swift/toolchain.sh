#!/bin/bash
# toolchain.sh FOLDER: puts Swift 6.0 into FOLDER, once.
#
# Debian 12 has no Swift, the suite after it does. Its packages are unpacked side by side with the
# system, not installed into it: apt works on a private state folder and dpkg only extracts, so
# nothing of the machine changes and removing FOLDER removes all of it. Without the parts that no
# test needs (static runtime, debugger, language server) it takes 1.5 GB. apt checks every package against
# Debian's signed lists.
set -euo pipefail

folder=${1:?usage: toolchain.sh FOLDER}
[ -e "$folder/.complete" ] && exit 0

for tool in apt-get dpkg-deb ldconfig; do
    command -v "$tool" >/dev/null || { echo "toolchain.sh: $tool is missing" >&2; exit 3; }
done
mkdir -p "$(dirname "$folder")"

# Two runs at once install one after the other; the second finds the work done.
exec 9>"$folder.lock"
flock 9
[ -e "$folder/.complete" ] && exit 0

note() { echo "toolchain.sh: $*"; }
note "Swift is put into $folder, once: about 530 MB to download, 1.5 GB on the disk"

rm -rf "$folder"
mkdir -p "$folder"
private=$(mktemp -d)
trap 'rm -rf "$private"' EXIT
mkdir -p "$private"/etc/apt.conf.d "$private"/etc/preferences.d "$private"/etc/sources.list.d \
    "$private"/state/lists/partial "$private"/cache/archives/partial
: >"$private/status"

# The mirror this machine already uses, whichever that is.
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -1)
[ -n "$mirror" ] || mirror=$(sed -n 's/^deb  *\(\[[^]]*\]  *\)\{0,1\}\([^ ]*\).*/\2/p' /etc/apt/sources.list | head -1)
key=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$key] $mirror trixie main" >"$private/etc/sources.list"

private_apt() {
    apt-get -qq \
        -o Dir::Etc="$private/etc" -o Dir::State="$private/state" \
        -o Dir::State::status="$private/status" -o Dir::Cache="$private/cache" \
        -o Debug::NoLocking=true -o APT::Sandbox::User=root \
        -o Acquire::Retries=3 -o APT::Install-Recommends=false -o Acquire::Languages=none "$@"
}
[ -n "$mirror" ] || { echo "toolchain.sh: no Debian mirror is configured on this machine" >&2; exit 3; }
note "reading the package lists of $(echo "$mirror" | sed 's|.*//||; s|.*@||; s|/.*||')"
private_apt update || { echo "toolchain.sh: the package lists cannot be read" >&2; exit 3; }
note "downloading"
private_apt --yes --download-only install base-files bash coreutils swiftlang libc6-dev libstdc++-14-dev ||
    { echo "toolchain.sh: the packages cannot be downloaded" >&2; exit 3; }
archives=("$private"/cache/archives/*.deb)
note "unpacking ${#archives[@]} packages"

unwanted=(
    usr/share/doc usr/share/man usr/share/locale
    usr/libexec/swift/lib/swift_static usr/libexec/swift/lib/swift/embedded
    'usr/libexec/swift/lib/liblldb*' 'usr/libexec/swift/bin/lldb*'
    usr/libexec/swift/bin/clangd usr/libexec/swift/bin/sourcekit-lsp
    usr/libexec/swift/bin/docc usr/libexec/swift/bin/swift-format
)
# base-files comes first: it brings the links /bin, /lib and /lib64 that the others unpack through.
for package in "$private"/cache/archives/base-files_*.deb "$private"/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" |
        tar --extract --directory "$folder" --keep-directory-symlink "${unwanted[@]/#/--exclude=./}"
    case $package in */base-files_*) ;; *) rm "$package" ;; esac
done

# What the maintainer scripts would have done.
[ -e "$folder/usr/bin/sh" ] || ln -s bash "$folder/usr/bin/sh"
[ -e "$folder/usr/bin/swift" ] || ln -s ../libexec/swift/bin/swift "$folder/usr/bin/swift"
mkdir -p "$folder"/{proc,dev,tmp,work}
chmod 1777 "$folder/tmp"
ldconfig -r "$folder"
touch "$folder/.complete"
note "Swift is in $folder"

#!/bin/bash
# inside.sh TOOLCHAIN CHECKOUT LIBRARY SCRATCH COMMAND...: runs a command in the Swift tree.
#
# It sees /checkout and /library (both read-only) and /scratch. The mounts are made in a namespace of
# their own and go away with the command, and so do all processes that it leaves behind. Nothing of the
# machine's environment is passed on except what is listed. /proc is needed by the compiler itself, which
# finds its libraries through it.
set -euo pipefail

exec unshare --mount --pid --fork --kill-child bash -c '
    set -euo pipefail
    root=$1 checkout=$2 library=$3 scratch=$4
    shift 4
    mkdir -p "$root"/{checkout,library,scratch} "$scratch/tmp"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    for name in checkout library; do
        mount --bind "${!name}" "$root/$name"
        mount -o remount,bind,ro "$root/$name"
    done
    mount --bind "$scratch" "$root/scratch"
    # Not by exec: the first process of a namespace cannot be the one that is tested.
    chroot "$root" /usr/bin/env -i PATH=/usr/bin:/usr/sbin HOME=/scratch TMPDIR=/scratch/tmp \
        LANG=C.UTF-8 LD_LIBRARY_PATH=/library "$@" || exit $?
' inside "$@"

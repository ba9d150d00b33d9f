#!/usr/bin/env bash
# The contract from Swift on Linux (README.md): builds and runs.
#
#   run-swift.sh DIR_WITH_LIBRARY WORK_DIR [FILTER | --build-only]
#
# DIR_WITH_LIBRARY holds libtandem_ffi.so, built with --features fault, and tandem-registrar. WORK_DIR is for
# what is built. FILTER runs only the tests whose name it is in, for instance call_direct. With --build-only nothing
# runs: swift/answerer.sh can then. Swift is installed into ${TANDEM_CACHE:-~/.cache/tandem}/swift if it is not there.
# Last line: N passed, N failed. Exit code 0: all passed; 1: not; 2: it could not be run.
set -euo pipefail

die() { echo "run-swift: $*" >&2; exit 2; }
[ $# -ge 2 ] || die "usage: run-swift.sh DIR_WITH_LIBRARY WORK_DIR [FILTER]"
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
library=$(cd "$1" && pwd) || die "no folder $1"
[ -f "$library/libtandem_ffi.so" ] || die "no libtandem_ffi.so in $1: cargo build -p tandem-ffi --features fault"
[ -x "$library/tandem-registrar" ] || die "no tandem-registrar in $1: cargo build -p tandem-world --bin tandem-registrar"
mkdir -p "$2"
work=$(cd "$2" && pwd)
filter=${3:-}
limit=${TANDEM_CONTRACT_LIMIT:-900}
[ "$(id -u)" = 0 ] || die "needs root for chroot and mounts"

# --- Swift
swift=${TANDEM_CACHE:-$HOME/.cache/tandem}/swift/trixie
timeout -k 10 1800 "$here/swift/toolchain.sh" "$swift" 2>&1 | tee "$work/install.log" ||
    die "Swift cannot be installed; see $work/install.log"

# --- build; the layer is linked against the very library that is tested
# A fresh run folder: what one run left behind must not help or hinder the next.
rm -rf "$work/run" && mkdir -p "$work/run"
package=(--package-path /checkout/tests/contract/swift/suite --scratch-path /scratch/build)
inside=("$here/swift/inside.sh" "$swift" "$root" "$library" "$work")
timeout -k 10 900 "${inside[@]}" swift build "${package[@]}" --build-tests -Xlinker -L/library \
    >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; die "it does not build"; }
# Hand-written code compiles without a warning.
if grep -E '^/checkout/.*: warning:' "$work/build.log" | grep -v '/Sources/TandemFFI/' >&2; then
    die "warnings in hand-written code"
fi

[ "$filter" != --build-only ] || exit 0

# --- run
# The test program itself, not by `swift test`, which shows nothing before the end.
program=/scratch/build/debug/ContractPackageTests.xctest
chosen=
if [ -n "$filter" ]; then
    chosen=$("${inside[@]}" "$program" --list-tests | grep -F "$filter" | paste -sd,)
    [ -n "$chosen" ] || die "no test has $filter in its name"
fi
status=0
timeout -k 10 "$limit" "${inside[@]}" env TANDEM_RUN=/scratch/run \
    TANDEM_REGISTRAR=/library/tandem-registrar TANDEM_ANSWERER=/scratch/build/debug/answerer \
    "$program" $chosen >"$work/run.log" 2>&1 || status=$?
cat "$work/run.log"
count() { grep -cE "^Test Case '.*' $1" "$work/run.log" || true; }
passed=$(count passed)
failed=$(($(count started) - passed))
if [ "$status" != 0 ] && [ "$failed" = 0 ]; then
    echo "run-swift: it did not come to its end (status $status)" >&2
    failed=1
fi
[ "$passed" != 0 ] || [ "$failed" != 0 ] || { echo "run-swift: no test ran" >&2; failed=1; }
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

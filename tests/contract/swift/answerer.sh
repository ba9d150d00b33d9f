#!/usr/bin/env bash
# answerer.sh DIR_WITH_LIBRARY WORK_DIR: Swift's phone for tests in other languages to ring.
#
# Both folders as for run-swift.sh, which has built the program. What it prints: suite/Sources/answerer.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
library=$(cd "$1" && pwd)
work=$(cd "$2" && pwd)
swift=${TANDEM_CACHE:-$HOME/.cache/tandem}/swift/trixie
[ -x "$work/build/debug/answerer" ] || { echo "answerer.sh: run-swift.sh has not built it" >&2; exit 2; }
mkdir -p "$work/run"
folder=$(mktemp -d "$work/run/answerer-XXXXXX")
exec timeout -k 5 120 "$here/inside.sh" "$swift" "$(cd "$here/../../.." && pwd)" "$library" "$work" \
    /scratch/build/debug/answerer "/scratch/run/${folder##*/}" 60

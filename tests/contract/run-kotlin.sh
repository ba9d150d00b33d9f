#!/usr/bin/env bash
# The contract from Kotlin on the JVM (README.md): generates, compiles and runs.
#
#   run-kotlin.sh DIR_WITH_LIBRARY WORK_DIR [CONSOLE-OPTION...]
#
# DIR_WITH_LIBRARY holds libtandem_ffi.so, built with --features fault; uniffi-bindgen and tandem-registrar are
# taken from there too, or built. WORK_DIR is for what is generated. Further options go to JUnit's console, for
# instance --include-classname '.*CallTest'. TANDEM_ANSWERER is the command that starts swift/suite's answerer;
# without it kotlin_calls_swift is left out.
# Last line: N passed, N failed. Exit code 0: all passed; 1: not; 2: it could not be run.
set -euo pipefail

die() { echo "run-kotlin: $*" >&2; exit 2; }
[ $# -ge 2 ] || die "usage: run-kotlin.sh DIR_WITH_LIBRARY WORK_DIR [CONSOLE-OPTION...]"
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
library_dir=$(cd "$1" && pwd) || die "no folder $1"
library=$library_dir/libtandem_ffi.so
[ -f "$library" ] || die "no $library: cargo build -p tandem-ffi --features fault"
mkdir -p "$2"
work=$(cd "$2" && pwd)
shift 2

kotlin_version=2.4.20
cache=${TANDEM_CACHE:-$HOME/.cache/tandem}/kotlin
kotlin=$cache/node_modules/kotlin-compiler
jars=/usr/share/java
limit=${TANDEM_CONTRACT_LIMIT:-900}

# --- what it needs
packages=()
[ -f $jars/jna.jar ] || packages+=(libjna-java libjna-jni)
[ -f $jars/junit-platform-console.jar ] || packages+=(junit5)
command -v java >/dev/null || packages+=(default-jdk-headless)
command -v npm >/dev/null || packages+=(npm)
if [ ${#packages[@]} -gt 0 ]; then
    install=(apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "${packages[@]}")
    [ "$(id -u)" = 0 ] || die "needs ${packages[*]}: sudo ${install[*]}"
    timeout 900 "${install[@]}" >"$work/apt.log" 2>&1 || { tail -20 "$work/apt.log" >&2; die "apt-get failed"; }
fi
if ! grep -qs "\"version\": \"$kotlin_version\"" "$kotlin/package.json"; then
    mkdir -p "$cache"
    timeout 600 npm install --no-save --no-audit --no-fund --prefix "$cache" "kotlin-compiler@$kotlin_version" \
        >"$work/npm.log" 2>&1 || { tail -20 "$work/npm.log" >&2; die "npm failed"; }
fi

# --- a program of this workspace: beside the library, or built
program() { # package, name
    if [ -x "$library_dir/$2" ]; then echo "$library_dir/$2"; return; fi
    (cd "$root" && timeout 1800 cargo build -q -p "$1" --bin "$2") || die "$2 does not build"
    local target
    target=$(cd "$root" && cargo metadata --no-deps --format-version 1 |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    echo "$target/debug/$2"
}
bindgen=$(program tandem-bindgen uniffi-bindgen)
registrar=$(program tandem-world tandem-registrar)

# --- generate and compile; a warning in hand-written code is an error
rm -rf "$work/generated" "$work/classes"
mkdir -p "$work/classes"
(cd "$root" && timeout 120 "$bindgen" generate --language kotlin --no-format --out-dir "$work/generated" "$library") ||
    die "the bindings cannot be generated"
base=$jars/jna.jar:$kotlin/lib/kotlinx-coroutines-core-jvm.jar
junit=$(printf "$jars/%s.jar:" junit-jupiter-api junit-jupiter-engine junit-platform-console \
    junit-platform-commons junit-platform-engine junit-platform-launcher junit-platform-reporting opentest4j \
    apiguardian-api picocli)
compile() { # what, class path, options and sources
    local name=$1 path=$2
    shift 2
    timeout 600 "$kotlin/bin/kotlinc" -jvm-target 17 -no-reflect -cp "$path" -d "$work/classes/$name" "$@" ||
        die "$name does not compile"
}
# The compiler is slow to start, and what the library's interface gives changes seldom.
stamp=$(cat "$work/generated/org/tandem/ffi/tandem_ffi.kt" "$kotlin/package.json" | sha256sum | cut -c1-16)
ffi=$work/ffi-$stamp
if [ ! -f "$ffi/complete" ]; then
    rm -rf "$work"/ffi-*
    compile ffi "$base" "$work/generated"
    mv "$work/classes/ffi" "$ffi" && touch "$ffi/complete"
fi
compile layer "$base:$ffi" -Werror "$root/bindings/kotlin/src/main/kotlin"
compile tests "$base:$ffi:$work/classes/layer:$junit" -Werror "-Xfriend-paths=$work/classes/layer" "$here/kotlin"

# --- run; the heap is resident from the start, so that growth is somebody's
rm -rf "$work/run" && mkdir -p "$work/run"
[ -n "${TANDEM_ANSWERER:-}" ] || set -- --exclude-tag swift "$@"
status=0
TANDEM_REGISTRAR=$registrar timeout -k 10 "$limit" java -Xms128m -Xmx128m -XX:+AlwaysPreTouch \
    -Djna.library.path="$library_dir" -Dtandem.run="$work/run" \
    -Djunit.jupiter.execution.timeout.default="120 s" \
    -Djunit.jupiter.execution.timeout.thread.mode.default=SEPARATE_THREAD \
    -cp "$base:$ffi:$work/classes/layer:$junit$kotlin/lib/kotlin-stdlib.jar:$work/classes/tests" \
    org.junit.platform.console.ConsoleLauncher --scan-classpath "$work/classes/tests" \
    --details=tree --disable-banner --disable-ansi-colors --fail-if-no-tests "$@" >"$work/run.log" 2>&1 || status=$?
cat "$work/run.log"
count() { sed -n "s/^\[ *\([0-9]*\) tests $1 *\]$/\1/p" "$work/run.log" | tail -1; }
passed=$(count successful)
failed=$(count failed)
[ -n "$passed" ] && [ -n "$failed" ] || { echo "run-kotlin: it did not come to its end (status $status)" >&2; passed=${passed:-0}; failed=${failed:-1}; }
[ "$status" = 0 ] && [ "$(count skipped)" = 0 ] || [ "$failed" != 0 ] || failed=1
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

#!/usr/bin/env bash
# The contract from Kotlin on the JVM (README.md): generates, compiles and runs.
#
#   run-kotlin.sh DIR_WITH_LIBRARY WORK_DIR [CONSOLE-OPTION...]
#
# DIR_WITH_LIBRARY holds libtandem_ffi.so, built with --features fault; uniffi-bindgen and tandem-registrar are
# taken from there too, or built. WORK_DIR is for what is generated. Further options go to JUnit's console, for
# instance --include-classname '.*CallTest'. TANDEM_ANSWERER is the command that starts swift/suite's answerer, its
# words each on a line or with spaces between; without it kotlin_calls_swift is left out.
# Last line: N passed, N failed. Exit code 0: all passed; 1: not; 2: it could not be run.
set -euo pipefail

die() { echo "run-kotlin: $*" >&2; exit 2; }
note() { echo "run-kotlin: $*"; }
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
# sha512 of the package, as the registry published it.
kotlin_sum=205e4854cecba4f840fe7b47410a5a56dd72c6969a428bed11560bcaa58cb9a2ebd177a52cf3e6effb0ce872e1b5c4638e3a12b0aec8ee53f693360990ccbbdf
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
    note "installing ${packages[*]}"
    timeout 900 "${install[@]}" -o Acquire::Retries=3 >"$work/apt.log" 2>&1 ||
        { tail -20 "$work/apt.log" >&2; die "apt-get could not install ${packages[*]}"; }
fi

# The compiler is one package without dependencies. It is unpacked beside its place and moved there whole, so that
# what is there is complete; two runs at once get it one after the other.
has_kotlin() { grep -qs "\"version\": \"$kotlin_version\"" "$kotlin/package.json"; }
get_kotlin() { # into the folder $1
    local try file sum
    for try in 1 2 3; do
        note "getting the Kotlin compiler $kotlin_version, about 90 MB, once (try $try of 3)"
        if (cd "$1" && timeout 600 npm pack --silent "kotlin-compiler@$kotlin_version") >"$work/npm.log" 2>&1; then
            file=$1/kotlin-compiler-$kotlin_version.tgz
            sum=$(sha512sum "$file" | cut -d' ' -f1)
            if [ "$sum" = "$kotlin_sum" ]; then return; fi
            die "the registry gave another Kotlin compiler than the one known here: sha512 $sum"
        fi
        tail -3 "$work/npm.log" >&2
        sleep $((try * 3))
    done
    die "the Kotlin compiler could not be downloaded (npm pack kotlin-compiler@$kotlin_version); see $work/npm.log"
}
if ! has_kotlin; then
    mkdir -p "$cache/node_modules"
    exec 9>"$cache.lock"
    flock 9
    if ! has_kotlin; then
        draft=$(mktemp -d "$cache/draft-XXXXXX")
        trap 'rm -rf "$draft"' EXIT
        get_kotlin "$draft"
        tar -xzf "$draft/kotlin-compiler-$kotlin_version.tgz" -C "$draft" || die "the Kotlin compiler cannot be unpacked"
        chmod -R u+rwX "$draft/package"
        chmod +x "$draft"/package/bin/*
        rm -rf "$kotlin"
        mv "$draft/package" "$kotlin"
        rm -rf "$draft"
        note "the Kotlin compiler is in $kotlin"
    fi
    exec 9>&-
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
# Against stubs of the few classes of Android it uses: that it compiles is all this machine can say.
compile android "$base:$ffi:$work/classes/layer" -Werror "-Xfriend-paths=$work/classes/layer" \
    "$root/bindings/kotlin/src/android/kotlin" "$root/bindings/kotlin/src/android/stubs"
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

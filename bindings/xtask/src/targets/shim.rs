//! Stand-ins for the programs that build scripts call when they build C code for a phone.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// Build scripts ask a compiler what it is (`-E`, `-?`, `--version`): clang itself answers. What
/// they want compiled becomes an empty object. `-?` matters: a compiler that takes it without a
/// word is held for Microsoft's.
/// Not called plain `cc`: the folder is in PATH, and build scripts themselves need the real one.
const CC: &str = r#"#!/bin/bash
question= compile= output= source= previous=
for word in "$@"; do
  [ "$previous" = -o ] && output=$word
  case $word in
    -c | -S) compile=yes ;;
    -E | -dM | -v | -V | '-?' | '-###' | -dump* | -print-* | --print-* | --version) question=yes ;;
    -o?*) output=${word#-o} ;;
    *.c | *.cc | *.cpp | *.cxx | *.S | *.s | *.m | *.mm) source=${word##*/} ;;
  esac
  previous=$word
done
if [ -n "$question" ] && [ -z "$compile" ]; then exec /usr/bin/clang-19 "$@"; fi
if [ -z "$output" ] && [ -n "$compile" ]; then output=${source%.*}.o; fi
if [ -n "$output" ]; then
  mkdir -p "$(dirname "$output")" && cp "$(dirname "$0")/empty.o" "$output"
fi
"#;

const AR: &str = "#!/bin/bash\nexec /usr/bin/llvm-ar-19 \"$@\"\n";

/// Where an SDK would be, its version, and the compiler: all that build scripts ask Xcode.
const XCRUN: &str = r#"#!/bin/bash
here=$(cd "$(dirname "$0")" && pwd)
case " $* " in
  *--show-sdk-path*) echo "$here/sdk" ;;
  *--show-sdk-version*) echo 18.0 ;;
  *--find* | *" -f "*) echo "$here/phone-cc" ;;
esac
"#;

/// CMake knows Android and iOS and would look for their SDKs, so it is told Linux.
const TOOLCHAIN: &str = r#"set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER ${CMAKE_CURRENT_LIST_DIR}/phone-cc)
set(CMAKE_CXX_COMPILER ${CMAKE_CURRENT_LIST_DIR}/phone-cc)
set(CMAKE_AR /usr/bin/llvm-ar-19 CACHE FILEPATH "")
set(CMAKE_RANLIB /usr/bin/llvm-ranlib-19 CACHE FILEPATH "")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
foreach(language C CXX)
  set(CMAKE_${language}_COMPILER_ID Clang)
  set(CMAKE_${language}_COMPILER_ID_RUN 1)
  set(CMAKE_${language}_COMPILER_WORKS 1)
endforeach()
"#;

/// Writes all of them into `folder`.
pub fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder.join("sdk"))?;
    for (name, text) in [("phone-cc", CC), ("phone-ar", AR), ("xcrun", XCRUN)] {
        script(&folder.join(name), text)?;
    }
    fs::write(folder.join("toolchain.cmake"), TOOLCHAIN)?;
    let source = folder.join("empty.c");
    fs::write(&source, "")?;
    let mut clang = Command::new("/usr/bin/clang-19");
    clang
        .args(["--target=aarch64-linux-android", "-c"])
        .arg(source)
        .arg("-o");
    let status = clang.arg(folder.join("empty.o")).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other("clang-19 made no empty object"))
    }
}

/// Writes a program that can be started.
pub fn script(file: &Path, text: &str) -> io::Result<()> {
    fs::write(file, text)?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
}

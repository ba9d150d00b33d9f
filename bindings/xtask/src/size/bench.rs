//! Links the library for a phone without the NDK.
//!
//! Rust code is compiled as it is for a phone, and C code by clang with the C library headers that
//! Debian has for 64-bit ARM. Android's own libraries are empty stand-ins: what a phone would give at
//! run time stays undefined. Such a file cannot be run, but it has the size and the layout of one that can.

use crate::places::{reports, root};
use crate::process::Run;
use crate::targets::{debian_cargo, shim};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const TARGET: &str = "aarch64-linux-android";

/// Android 8, the oldest that is supported.
const CLANG_TARGET: &str = "--target=aarch64-linux-android26";

/// The C library of another machine: headers to compile with, and what names a C library has.
pub const HEADERS: &str = "/usr/aarch64-linux-gnu/include";
pub const C_LIBRARIES: [&str; 2] = [
    "/usr/aarch64-linux-gnu/lib/libc.so.6",
    "/usr/aarch64-linux-gnu/lib/libm.so.6",
];

/// C is compiled; C++ is not, for its headers come with the NDK only, and becomes an empty object.
const CC: &str = r#"#!/bin/bash
compile= foreign= output= previous=
for word in "$@"; do
  [ "$previous" = -o ] && output=$word
  case $word in
    -c) compile=yes ;;
    -o?*) output=${word#-o} ;;
    *.cc | *.cpp | *.cxx) foreign=yes ;;
  esac
  previous=$word
done
if [ -n "$compile" ] && [ -n "$foreign" ] && [ -n "$output" ]; then
  mkdir -p "$(dirname "$output")"
  exec cp "$(dirname "$0")/empty.o" "$output"
fi
exec /usr/bin/clang-19 "$@" CLANG_TARGET -nostdlibinc -isystem HEADERS
"#;

/// What the phone has, and what the NDK would link in.
const SHARED: [&str; 5] = ["c", "dl", "m", "log", "OpenSLES"];
const STATIC: [&str; 4] = ["unwind", "gcc", "c++_static", "c++abi"];

/// Its own folder: nothing here can be shared with builds for other uses.
fn folder() -> PathBuf {
    reports().join("size")
}

/// The linked and stripped library, once [`build`] has run.
pub fn library() -> PathBuf {
    folder().join(TARGET).join("ship/libtandem_ffi.so")
}

/// Writes the stand-ins; what it answers builds the library.
pub fn build() -> Result<Run, String> {
    let shim = folder().join("shim");
    prepare(&shim).map_err(|error| format!("{}: {error}", shim.display()))?;
    // A build that does not link must not leave the last one's library to be measured.
    let _ = fs::remove_file(library());
    let link = [
        CLANG_TARGET.to_owned(),
        "-fuse-ld=/usr/bin/ld.lld-19".to_owned(),
        "-nostartfiles".to_owned(),
        format!("-L{}", shim.join("lib").display()),
        "-Wl,--unresolved-symbols=ignore-all".to_owned(),
        "-Wl,-z,max-page-size=16384".to_owned(),
    ];
    // One word each: a checkout's path may hold a space.
    let flags: Vec<String> = link.map(|word| format!("-Clink-arg={word}")).to_vec();
    Ok(debian_cargo(&shim, TARGET)
        .directory(&root())
        .limit(2400)
        .env(
            "CARGO_TARGET_AARCH64_LINUX_ANDROID_LINKER",
            "/usr/bin/clang-19",
        )
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .args(["rustc", "--profile", "ship", "--package", "tandem-ffi"])
        .args(["--no-default-features", "--lib", "--crate-type", "cdylib"])
        .arg("-Zbuild-std=std,panic_abort,panic_unwind")
        .args(["--target", TARGET, "--target-dir"])
        .arg(folder()))
}

fn prepare(shim: &Path) -> io::Result<()> {
    shim::write(shim)?;
    let cc = CC
        .replace("CLANG_TARGET", CLANG_TARGET)
        .replace("HEADERS", HEADERS);
    shim::script(&shim.join("phone-cc"), &cc)?;
    let libraries = shim.join("lib");
    fs::create_dir_all(&libraries)?;
    for name in SHARED {
        let file = format!("lib{name}.so");
        let mut lld = Command::new("/usr/bin/ld.lld-19");
        lld.args(["-m", "aarch64linux", "-shared", "-soname", &file, "-o"])
            .arg(libraries.join(&file))
            .arg(shim.join("empty.o"));
        ended_well(lld)?;
    }
    for name in STATIC {
        let file = libraries.join(format!("lib{name}.a"));
        let _ = fs::remove_file(&file);
        let mut ar = Command::new("/usr/bin/llvm-ar-19");
        ar.arg("rc").arg(file);
        ended_well(ar)?;
    }
    Ok(())
}

fn ended_well(mut command: Command) -> io::Result<()> {
    let status = command.status()?;
    if status.success() {
        return Ok(());
    }
    let program = command.get_program().to_string_lossy();
    Err(io::Error::other(format!("{program}: {status}")))
}

//! `cargo xtask check-targets`: type-checks every crate that ships for the phones it ships to.
//!
//! Needs neither NDK nor Xcode: Debian's newer Rust has the sources of the standard library, and C
//! code is not compiled but handed to a stand-in that writes empty objects. So this finds a crate
//! that does not fit a phone, or our own code behind `cfg(target_os)`; it does not find errors of
//! the linker or in C.

pub mod shim;

use crate::needs;
use crate::places::{reports, root, ships};
use crate::process::{Finished, Run};
use crate::summary::Row;
use serde_json::Value;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The phones' own targets, and how Rust calls their system.
const TARGETS: [(&str, &str); 2] = [
    ("aarch64-linux-android", "android"),
    ("aarch64-apple-ios", "ios"),
];

/// `cargo xtask check-targets`.
pub fn command(arguments: &[String]) -> Result<(), String> {
    crate::only_known(arguments, &[])?;
    needs::ensure(needs::BUILD)?;
    needs::ensure(needs::TARGETS)?;
    let log = reports().join("logs/targets.log");
    let _ = fs::remove_file(&log);
    let row = check(&|run| Finished::of(run.log(&log).echo()));
    println!("{} passed, {} failed", row.passed, row.failed);
    if row.failed == 0 {
        Ok(())
    } else {
        Err(row.reason)
    }
}

/// Checks all targets; each counts once, and so does the proof that an error would be found.
pub fn check(run: &dyn Fn(Run) -> Finished) -> Row {
    let prepared = Bench::prepare().and_then(|bench| Ok((bench, shipped()?)));
    let (bench, crates) = match prepared {
        Ok(prepared) => prepared,
        Err(why) => return Row::check(false, why),
    };
    let mut row = Row::default();
    let mut count = |ok: bool, why: String| {
        if ok {
            row.passed += 1;
        } else {
            row.failed += 1;
            row.reason = [row.reason.clone(), why].join(" ").trim().to_owned();
        }
    };
    for (target, system) in TARGETS {
        let packages = crates.iter().flat_map(|name| ["--package", name.as_str()]);
        let house = bench
            .cargo_check(&root(), target)
            .args(packages)
            .arg("--no-default-features");
        let finished = run(house);
        count(finished.ok, format!("{target}: {}.", finished.why));
        let found = bench.finds_an_error(run, target, system);
        count(found.is_ok(), found.err().unwrap_or_default());
    }
    row
}

/// The crates that ship, without the desktop's command line client.
fn shipped() -> Result<Vec<String>, String> {
    let mut command = Command::new(crate::places::cargo());
    command
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root());
    let output = command
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let mut names = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let (Some(name), Some(manifest)) =
            (package["name"].as_str(), package["manifest_path"].as_str())
        else {
            continue;
        };
        if ships(Path::new(manifest)) && name != "tandem-cli" {
            names.push(name.to_owned());
        }
    }
    if names.is_empty() {
        Err("no crate ships".to_owned())
    } else {
        Ok(names)
    }
}

/// Debian's cargo, building for a phone with the C compiler and tools of this folder.
pub fn debian_cargo(shim: &Path, target: &str) -> Run {
    let variable = |name: &str| format!("{name}_{}", target.replace('-', "_"));
    let cc = shim.join("phone-cc");
    // rustup's cargo, in the home of the person, must not win over Debian's.
    let path = format!("{}:/usr/bin:/bin", shim.display());
    let mut run = Run::new("/usr/bin/cargo");
    for ours in [
        "CARGO",
        "CARGO_TARGET_DIR",
        "RUSTC",
        "RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
    ] {
        run = run.without_env(ours);
    }
    run.env("PATH", path)
        .env("RUSTC_BOOTSTRAP", "1") // -Z options are otherwise for nightly compilers only
        .env("CARGO_TERM_COLOR", "never")
        .env(&variable("CC"), &cc)
        .env(&variable("CXX"), &cc)
        .env(&variable("AR"), shim.join("phone-ar"))
        .env(&variable("CMAKE_TOOLCHAIN_FILE"), shim.join("toolchain.cmake"))
}

/// The folder with the stand-ins for a C compiler and Xcode's `xcrun`.
struct Bench {
    folder: PathBuf,
}

impl Bench {
    fn prepare() -> Result<Self, String> {
        let folder = reports().join("xcheck");
        let bench = Self { folder };
        shim::write(&bench.shim())
            .map_err(|error| format!("{}: {error}", bench.shim().display()))?;
        Ok(bench)
    }

    fn shim(&self) -> PathBuf {
        self.folder.join("shim")
    }

    /// With a target folder of its own: the compilers differ.
    fn cargo_check(&self, folder: &Path, target: &str) -> Run {
        debian_cargo(&self.shim(), target)
            .directory(folder)
            .limit(1500)
            // The same for the house and for the proof, so that they share a standard library.
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .args(["check", "--lib", "-Zbuild-std=std,panic_abort,panic_unwind"])
            .args(["--target", target, "--target-dir"])
            .arg(&self.folder)
    }

    /// A check that cannot fail proves nothing: a small crate with an error for this system only
    /// must be refused, and the same crate without it accepted.
    fn finds_an_error(
        &self,
        run: &dyn Fn(Run) -> Finished,
        target: &str,
        system: &str,
    ) -> Result<(), String> {
        let sound = "pub fn here() -> u8 { 1 }";
        let broken = "pub fn here() -> u8 { no_such_function() }";
        for (body, is_sound) in [(sound, true), (broken, false)] {
            let folder = self.folder.join(format!("proof-{system}"));
            write_proof(&folder, system, body)
                .map_err(|error| format!("{}: {error}", folder.display()))?;
            let finished = run(self.cargo_check(&folder, target));
            let expected = finished.ok == is_sound
                && (is_sound || finished.printed.contains("no_such_function"));
            if !expected {
                return Err(format!(
                    "{target}: the deliberate error in cfg code was not told apart."
                ));
            }
        }
        Ok(())
    }
}

fn write_proof(folder: &Path, system: &str, body: &str) -> io::Result<()> {
    fs::create_dir_all(folder.join("src"))?;
    let manifest =
        format!("[package]\nname = \"proof-{system}\"\nedition = \"2024\"\n\n[workspace]\n");
    fs::write(folder.join("Cargo.toml"), manifest)?;
    let code = format!("#[cfg(target_os = \"{system}\")]\npub mod only {{\n    {body}\n}}\n");
    fs::write(folder.join("src/lib.rs"), code)
}

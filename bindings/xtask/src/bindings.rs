//! `cargo xtask bindings`: Kotlin and Swift, generated from the one component that both speak to.
//!
//! Kotlin is generated whenever it is built and not kept. Swift is checked in, because a Swift package
//! cannot run cargo; `--check` says when it no longer is what the core offers.

use crate::needs;
use crate::places::{built, reports, root};
use crate::process::{Finished, Run, tail};
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};

/// What mends a difference.
const MEND: &str = "cargo xtask bindings";

/// The generated files that are checked in, by the names that the generator gives them. The module map
/// of the C header is written by hand: it also names the library to link.
const CHECKED_IN: [(&str, &str); 2] = [
    (
        "TandemFFI.swift",
        "bindings/swift/Sources/TandemFFI/TandemFFI.swift",
    ),
    (
        "TandemCoreFFI.h",
        "bindings/swift/Sources/TandemCoreFFI/TandemCoreFFI.h",
    ),
];

/// `cargo xtask bindings [--check]`.
pub fn command(arguments: &[String]) -> Result<(), String> {
    crate::only_known(arguments, &["--check"])?;
    needs::ensure(needs::BUILD)?;
    let log = reports().join("logs/bindings.log");
    let _ = fs::remove_file(&log);
    let run = |run: Run| Finished::of(run.log(&log).heartbeat());
    generate(&run)?;
    if !arguments.is_empty() {
        compare(&root())?;
        println!("the checked-in bindings are up to date");
        return Ok(());
    }
    for name in put(&root())? {
        println!("{name} is new");
    }
    println!("Kotlin: {}", folder("kotlin").display());
    println!("Swift:  {}", root().join("bindings/swift").display());
    Ok(())
}

/// Generates anew and compares, as a suite does.
pub fn check(run: &dyn Fn(Run) -> Finished) -> Result<(), String> {
    generate(run)?;
    compare(&root())
}

/// Where the generator writes.
fn folder(language: &str) -> PathBuf {
    reports().join("bindings").join(language)
}

/// Builds the component and writes what is generated from it, both languages, into `target/bindings`.
fn generate(run: &dyn Fn(Run) -> Finished) -> Result<(), String> {
    let must = |step: Run, what: &str| {
        let finished = run(step);
        if finished.ok {
            return Ok(());
        }
        let printed = tail(&finished.printed, 40);
        Err(format!("{what}: {}\n{printed}", finished.why))
    };
    // Two builds: in one, cargo would give the component the generator's features too.
    let build = |package: &str| {
        Run::cargo()
            .args(["build", "--package", package])
            .limit(1800)
    };
    must(build("tandem-ffi"), "tandem-ffi does not build")?;
    must(build("tandem-bindgen"), "the generator does not build")?;
    let library = built().join(format!("debug/{DLL_PREFIX}tandem_ffi{DLL_SUFFIX}"));
    for language in ["kotlin", "swift"] {
        let out = folder(language);
        // What the last run wrote and this one does not is not to be compared.
        let _ = fs::remove_dir_all(&out);
        fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
        let step = Run::new(built().join("debug/uniffi-bindgen"))
            .args(["generate", "--no-format", "--language", language])
            .arg("--out-dir")
            .arg(out)
            .arg(&library);
        let what = format!("{language} cannot be generated");
        // The generator asks cargo for the workspace.
        must(step.limit(120), &what)?;
    }
    Ok(())
}

/// Says how the checked-in files below `checkout` differ from what was generated.
fn compare(checkout: &Path) -> Result<(), String> {
    compare_with(&folder("swift"), checkout)
}

fn compare_with(generated: &Path, checkout: &Path) -> Result<(), String> {
    let mut stale = Vec::new();
    for (name, place) in CHECKED_IN {
        let fresh = read(&generated.join(name))?;
        let kept = fs::read_to_string(checkout.join(place)).unwrap_or_default();
        if fresh != kept {
            stale.push(format!("{place}\n{}", first_difference(&kept, &fresh)));
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!(
        "out of date; run `{MEND}` and commit:\n{}",
        stale.join("\n")
    ))
}

/// Puts what was generated where it is checked in; answers what that changed.
fn put(checkout: &Path) -> Result<Vec<&'static str>, String> {
    let mut changed = Vec::new();
    for (name, place) in CHECKED_IN {
        let fresh = read(&folder("swift").join(name))?;
        let file = checkout.join(place);
        if fs::read_to_string(&file).unwrap_or_default() == fresh {
            continue;
        }
        let parent = file.parent().unwrap_or(checkout);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&file, fresh))
            .map_err(|error| format!("{place}: {error}"))?;
        changed.push(place);
    }
    Ok(changed)
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// The first line that is not the same, as it is and as it should be.
fn first_difference(kept: &str, fresh: &str) -> String {
    let number = kept
        .lines()
        .zip(fresh.lines())
        .take_while(|(kept, fresh)| kept == fresh)
        .count();
    let line = |text: &str| text.lines().nth(number).unwrap_or("(ends)").to_owned();
    format!("line {}\n- {}\n+ {}", number + 1, line(kept), line(fresh))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_shown() {
        let shown = first_difference("one\ntwo\nthree\n", "one\n2\nthree\n");
        assert_eq!(shown, "line 2\n- two\n+ 2");
        let shown = first_difference("one\n", "one\ntwo\n");
        assert_eq!(shown, "line 2\n- (ends)\n+ two");
    }

    #[test]
    fn a_stale_or_missing_file_is_named_with_what_mends_it() {
        let scratch = std::env::temp_dir().join(format!("xtask-bindings-{}", std::process::id()));
        let (generated, checkout) = (scratch.join("generated"), scratch.join("checkout"));
        fs::create_dir_all(&generated).expect("a folder");
        for (name, place) in CHECKED_IN {
            fs::write(generated.join(name), format!("// {name}\n")).expect("written");
            let file = checkout.join(place);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            fs::write(file, format!("// {name}\n")).expect("written");
        }
        compare_with(&generated, &checkout).expect("the same");

        let (_, header) = CHECKED_IN[1];
        fs::write(checkout.join(header), "// older\n").expect("written");
        let problem = compare_with(&generated, &checkout).expect_err("stale");
        assert!(
            problem.contains(MEND) && problem.contains(header),
            "{problem}"
        );
        assert!(!problem.contains(CHECKED_IN[0].1), "{problem}");
        fs::remove_file(checkout.join(header)).expect("removed");
        assert!(compare_with(&generated, &checkout).is_err());
        let _ = fs::remove_dir_all(scratch);
    }
}

//! What apps get: the bindings as checked in, the contract from both languages, and the size.

use super::{Context, Suite};
use crate::needs;
use crate::places::{built, reports, root};
use crate::process::{Finished, Run};
use crate::summary::{Row, count_closing};
use crate::{bindings, size};
use std::path::PathBuf;

pub const SUITES: &[Suite] = &[
    Suite {
        name: "bindings",
        about: "the Swift that is checked in is what the core offers",
        heavy: false,
        run: checked_in,
    },
    Suite {
        name: "contract/swift",
        about: "what the bindings promise, from Swift on Linux",
        heavy: true,
        run: swift,
    },
    Suite {
        name: "contract/kotlin",
        about: "what the bindings promise, from Kotlin on the JVM",
        heavy: true,
        run: kotlin,
    },
    Suite {
        name: "size",
        about: "the library for Android: its size, and pages of 16 KB",
        heavy: true,
        run: measured,
    },
];

fn checked_in(context: &Context) -> Row {
    match needs::ensure(needs::BUILD) {
        Ok(()) => told(bindings::check(&|run| context.run(run)).map(|()| String::new())),
        Err(why) => Row::skipped(why),
    }
}

fn measured(context: &Context) -> Row {
    match size::ensure() {
        Ok(()) => told(size::check(&|run| context.run(run))),
        Err(why) => Row::skipped(why),
    }
}

/// One check. What is wrong is told whole; the table takes one line of it.
fn told(outcome: Result<String, String>) -> Row {
    match outcome {
        Ok(known) => Row::check(true, known),
        Err(why) => {
            println!("{why}");
            Row::check(false, why.lines().next().unwrap_or_default())
        }
    }
}

/// With Swift's phone to call: without it one promise is not kept, whatever the reason.
fn kotlin(context: &Context) -> Row {
    if let Err(row) = built_for_tests(context) {
        return *row;
    }
    let phone = context.run(script("swift").arg("--build-only"));
    let mut run = script("kotlin");
    if phone.ok {
        let answerer = root().join("tests/contract/swift/answerer.sh");
        let words = [answerer, library(), work("swift")];
        let words = words.map(|word| word.display().to_string());
        run = run.env("TANDEM_ANSWERER", words.join("\n"));
    }
    let mut row = counted(&context.run(run));
    if !phone.ok {
        row.failed += 1;
        let why = last_line(&phone.printed);
        row.reason = format!("Kotlin could not call Swift: {why}");
    }
    row
}

fn swift(context: &Context) -> Row {
    match built_for_tests(context) {
        Ok(()) => counted(&context.run(script("swift"))),
        Err(row) => *row,
    }
}

/// Builds the library with its faults, and what the tests call.
fn built_for_tests(context: &Context) -> Result<(), Box<Row>> {
    needs::ensure(needs::BUILD).map_err(|why| Box::new(Row::skipped(why)))?;
    let builds: [(&str, &[&str]); 3] = [
        ("tandem-ffi", &["--features", "fault"]),
        ("tandem-bindgen", &[]),
        ("tandem-world", &["--bin", "tandem-registrar"]),
    ];
    for (package, options) in builds {
        let build = Run::cargo().args(["build", "--package", package]);
        let finished = context.run(build.args(options).limit(1800));
        if !finished.ok {
            let why = format!("{package} does not build: {}", finished.why);
            return Err(Box::new(Row::check(false, why)));
        }
    }
    Ok(())
}

/// `tests/contract/run-LANGUAGE.sh`, which brings the language if it is not here. It has limits of its own for
/// each of its steps; this one is for all of them.
fn script(language: &str) -> Run {
    Run::new("bash")
        .arg(root().join(format!("tests/contract/run-{language}.sh")))
        .arg(library())
        .arg(work(language))
        .limit(3600)
}

fn library() -> PathBuf {
    built().join("debug")
}

fn work(language: &str) -> PathBuf {
    reports().join("contract").join(language)
}

fn counted(finished: &Finished) -> Row {
    let mut row = count_closing(&finished.printed);
    if !row.ran() {
        row.failed = 1;
        row.reason = format!("it came to no result: {}", last_line(&finished.printed));
    } else if !finished.ok && row.failed == 0 {
        row.failed = 1;
        row.reason.clone_from(&finished.why);
    }
    row
}

/// What a script said last: why it could not go on.
fn last_line(printed: &str) -> &str {
    let mut lines = printed.lines().rev();
    lines
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default()
}

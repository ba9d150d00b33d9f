//! What apps get: the bindings as checked in, the contract from both languages, and the size.

use super::{Context, Suite};
use crate::needs;
use crate::places::{built, reports, root};
use crate::process::Run;
use crate::summary::{Row, count_closing};
use crate::{bindings, size};

pub const SUITES: &[Suite] = &[
    Suite {
        name: "bindings",
        about: "the Swift that is checked in is what the core offers",
        heavy: false,
        run: checked_in,
    },
    Suite {
        name: "contract/kotlin",
        about: "what the bindings promise, from Kotlin on the JVM",
        heavy: true,
        run: kotlin,
    },
    Suite {
        name: "contract/swift",
        about: "what the bindings promise, from Swift on Linux",
        heavy: true,
        run: swift,
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

fn kotlin(context: &Context) -> Row {
    contract(context, "kotlin")
}

fn swift(context: &Context) -> Row {
    contract(context, "swift")
}

/// Builds the library with its faults, and what the tests call; then `tests/contract/run-LANGUAGE.sh`, which
/// brings the language if it is not here.
fn contract(context: &Context, language: &str) -> Row {
    if let Err(why) = needs::ensure(needs::BUILD) {
        return Row::skipped(why);
    }
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
            return Row::check(false, why);
        }
    }
    // The scripts have limits of their own for each of their steps; this one is for all of them.
    let run = Run::new("bash")
        .arg(root().join(format!("tests/contract/run-{language}.sh")))
        .arg(built().join("debug"))
        .arg(reports().join("contract").join(language))
        .limit(3600);
    let finished = context.run(run);
    let mut row = count_closing(&finished.printed);
    if !row.ran() {
        row.failed = 1;
        row.reason = format!("it came to no result: {}", last_line(&finished.printed));
    } else if !finished.ok && row.failed == 0 {
        row.failed = 1;
        row.reason = finished.why;
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

//! What cargo itself can check: form, lints, tests and the documentation.

use super::{Context, Suite};
use crate::process::Run;
use crate::summary::Row;

pub const SUITES: &[Suite] = &[
    Suite {
        name: "fmt",
        about: "the source is formatted",
        heavy: false,
        run: fmt,
    },
    Suite {
        name: "clippy",
        about: "no lint complains",
        heavy: false,
        run: clippy,
    },
    Suite {
        name: "unit",
        about: "tests beside the code",
        heavy: false,
        run: unit,
    },
    Suite {
        name: "doc",
        about: "the examples in the documentation",
        heavy: false,
        run: doc,
    },
    Suite {
        name: "integration",
        about: "tests of one crate from outside",
        heavy: false,
        run: integration,
    },
    Suite {
        name: "scenarios",
        about: "stories in virtual time",
        heavy: false,
        run: scenarios,
    },
    Suite {
        name: "docs",
        about: "the documentation builds without a warning",
        heavy: false,
        run: docs,
    },
];

fn fmt(context: &Context) -> Row {
    context.check(Run::cargo().args(["fmt", "--all", "--check"]).limit(120))
}

fn clippy(context: &Context) -> Row {
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--keep-going",
        "--",
        "-D",
        "warnings",
    ];
    context.check(Run::cargo().args(arguments).limit(1200))
}

fn unit(context: &Context) -> Row {
    let arguments = ["test", "--workspace", "--lib", "--bins", "--no-fail-fast"];
    context.tests(Run::cargo().args(arguments).limit(1800))
}

fn doc(context: &Context) -> Row {
    let arguments = ["test", "--workspace", "--doc", "--no-fail-fast"];
    context.tests(Run::cargo().args(arguments).limit(900))
}

/// All but the suites that have a row of their own.
fn integration(context: &Context) -> Row {
    let whole = ["test", "--workspace", "--test", "*", "--no-fail-fast"];
    let except = [
        "--exclude",
        "tandem-scenarios",
        "--exclude",
        "tandem-interop",
    ];
    context.tests(Run::cargo().args(whole).args(except).limit(1800))
}

fn scenarios(context: &Context) -> Row {
    let arguments = [
        "test",
        "--package",
        "tandem-scenarios",
        "--tests",
        "--no-fail-fast",
    ];
    context.real_time_tests(|tests| {
        let run = Run::cargo().args(arguments).arg("--").args(tests);
        run.limit(1200)
    })
}

fn docs(context: &Context) -> Row {
    let arguments = [
        "doc",
        "--workspace",
        "--keep-going",
        "--no-deps",
        "--document-private-items",
    ];
    context.check(
        Run::cargo()
            .args(arguments)
            .env("RUSTDOCFLAGS", "-D warnings")
            .limit(900),
    )
}

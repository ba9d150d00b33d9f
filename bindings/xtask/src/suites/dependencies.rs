//! What we take from other people: its licences, its known holes, where it comes from, and whether
//! it fits a phone.

use super::{Context, Suite};
use crate::advisories::{self, DATABASE};
use crate::places::{cache, program, reports};
use crate::process::{Run, tail};
use crate::summary::Row;
use crate::{needs, targets, third_party};
use std::path::{Path, PathBuf};

pub const SUITES: &[Suite] = &[
    Suite {
        name: "third-party",
        about: "THIRD-PARTY.md names everything that ships",
        heavy: false,
        run: notices,
    },
    Suite {
        name: "cargo-deny",
        about: "licences, advisories, bans and sources of the dependencies",
        heavy: true,
        run: deny,
    },
    Suite {
        name: "targets",
        about: "what ships type-checks for Android and iOS",
        heavy: true,
        run: phones,
    },
];

const CARGO_DENY: &str = "0.20.2";

fn notices(_context: &Context) -> Row {
    match third_party::check() {
        Ok(()) => Row::check(true, ""),
        Err(why) => {
            println!("{why}");
            Row::check(false, tail(why.lines().next().unwrap_or_default(), 1))
        }
    }
}

fn phones(context: &Context) -> Row {
    match needs::ensure(needs::TARGETS) {
        Ok(()) => targets::check(&|run| context.run(run)),
        Err(why) => Row::skipped(why),
    }
}

/// Four checks, each of which counts.
fn deny(context: &Context) -> Row {
    let cargo_deny = match needs::ensure(needs::GIT).and_then(|()| cargo_deny(context)) {
        Ok(program) => program,
        Err(why) => return Row::skipped(why),
    };
    let mut row = Row::default();
    let mut remarks = Vec::new();
    for what in ["licenses", "bans", "sources", "advisories"] {
        let mut run = check(&cargo_deny, what);
        if what == "advisories" && !database_is_reachable(context) {
            match advisories::offline_copy() {
                Ok(copy) => {
                    run = instead_of(run, &copy.repository);
                    remarks.push(copy.about);
                }
                Err(why) => {
                    row.failed += 1;
                    remarks.push(why);
                    continue;
                }
            }
        }
        if context.run(run).ok {
            row.passed += 1;
        } else {
            row.failed += 1;
            remarks.push(what.to_owned());
        }
    }
    row.reason = remarks.join("; ");
    row
}

fn check(cargo_deny: &Path, what: &str) -> Run {
    let databases = reports().join("advisory-dbs");
    Run::new(cargo_deny)
        .args(["--log-level", "warn", "--color", "never", "--workspace"])
        .args(["--config", ".deny.toml"])
        .args(["check", "--hide-inclusion-graph", what])
        .env("TANDEM_ADVISORY_DBS", databases)
        .env("GIT_TERMINAL_PROMPT", "0")
        .limit(300)
}

/// The program, from the machine or from our cache; installed into the cache if neither has it.
///
/// Built without optimisation: a minute instead of many, and it has little to do.
fn cargo_deny(context: &Context) -> Result<PathBuf, String> {
    let tools = cache().join("tools");
    let ours = tools.join("bin/cargo-deny");
    let wanted = |program: &Path| {
        let asked = Run::new(program)
            .arg("--version")
            .log(&context.log())
            .limit(30)
            .finish();
        asked.is_ok_and(|finished| finished.ok && finished.printed.contains(CARGO_DENY))
    };
    let candidates = [Some(ours.clone()), program("cargo-deny")];
    if let Some(found) = candidates
        .into_iter()
        .flatten()
        .find(|p| p.is_file() && wanted(p))
    {
        return Ok(found);
    }
    println!(
        "     installing cargo-deny {CARGO_DENY} into {}",
        tools.display()
    );
    let install = Run::cargo()
        .args(["install", "--locked", "--debug", "--force", "--root"])
        .arg(&tools)
        .arg(format!("cargo-deny@{CARGO_DENY}"))
        .env("CARGO_TARGET_DIR", reports().join("tools"))
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("CARGO_INCREMENTAL", "0")
        .limit(1500);
    let finished = context.run(install);
    let _ = std::fs::remove_dir_all(reports().join("tools"));
    if finished.ok && ours.is_file() {
        Ok(ours)
    } else {
        Err(format!(
            "cargo-deny could not be installed: {}",
            finished.why
        ))
    }
}

fn database_is_reachable(context: &Context) -> bool {
    let ask = Run::new("git").args(["ls-remote", DATABASE, "HEAD"]);
    context
        .run(ask.env("GIT_TERMINAL_PROMPT", "0").limit(20))
        .ok
}

/// Lets git take the database from a repository on this machine.
fn instead_of(run: Run, repository: &Path) -> Run {
    // A folder of its own: a copy must not take the place of the real database.
    run.env(
        "TANDEM_ADVISORY_DBS",
        reports().join("advisory-dbs-offline"),
    )
    .env("GIT_CONFIG_COUNT", "1")
    .env(
        "GIT_CONFIG_KEY_0",
        format!("url.file://{}.insteadOf", repository.display()),
    )
    .env("GIT_CONFIG_VALUE_0", DATABASE)
}

//! `cargo xtask test`: every check of the house, one suite after the other.

mod bindings;
mod dependencies;
mod fuzz;
mod phones;
mod rust;

use crate::disk;
use crate::places::{reports, root};
use crate::process::{Finished, Run, tail};
use crate::summary::{self, Row};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// One row of the summary.
pub struct Suite {
    pub name: &'static str,
    /// What a person reads in `--list`.
    pub about: &'static str,
    /// Left out by `--quick`: needs other people's programs, or takes minutes.
    pub heavy: bool,
    pub run: fn(&Context) -> Row,
}

/// Suites that a whole run leaves out: they run when their name is typed, as in `cargo xtask test interop/nat`.
///
/// Their calls have not passed often enough in a row on a machine whose cores others use as well: the sound of a
/// second without a core is not what was said. A suite becomes part of every run by taking its name off this list, and
/// required by adding it to `.ci/required-suites`.
const ONLY_WHEN_NAMED: &[&str] = &[
    "interop/kamailio",
    "interop/media",
    "interop/chromium",
    "interop/nat",
];

/// In the order of running: what fails soonest comes first.
fn all() -> Vec<Suite> {
    let mut suites = Vec::new();
    for group in [
        rust::SUITES,
        dependencies::SUITES,
        phones::SUITES,
        bindings::SUITES,
        fuzz::SUITES,
    ] {
        suites.extend(group);
    }
    suites.into_iter().map(|suite| Suite { ..*suite }).collect()
}

/// Before each further try of what failed in real time.
const FURTHER_TRIES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(15)];

/// What a suite is given.
pub struct Context {
    name: &'static str,
    verbose: bool,
}

impl Context {
    /// Where the whole output of the suite is kept.
    pub fn log(&self) -> PathBuf {
        reports()
            .join("logs")
            .join(format!("{}.log", self.name.replace('/', "-")))
    }

    /// Runs one program of the suite.
    pub fn run(&self, run: Run) -> Finished {
        let run = run.log(&self.log());
        let run = if self.verbose {
            run.echo()
        } else {
            run.heartbeat()
        };
        Finished::of(run)
    }

    /// Runs one program of the suite that either works or does not.
    pub fn check(&self, run: Run) -> Row {
        let finished = self.run(run);
        Row::check(finished.ok, finished.why)
    }

    /// As [`Context::tests`], for tests of phones that talk in real time: what failed is tried again, alone and
    /// after a pause. A machine that gives its cores to somebody else for a second breaks a call as a bad
    /// network would; a fault of ours breaks it every time. `program` makes the run from the arguments for the
    /// tests.
    pub fn real_time_tests(&self, program: impl Fn(&[&str]) -> Run) -> Row {
        let mut row = self.tests(program(&[]));
        for pause in FURTHER_TRIES {
            if row.failed == 0 || row.failures.is_empty() {
                break;
            }
            println!("     another try for {}", row.failures.join(", "));
            std::thread::sleep(pause);
            let names = row.failures.iter().map(String::as_str);
            let arguments: Vec<&str> = ["--exact", "--test-threads", "1"]
                .into_iter()
                .chain(names)
                .collect();
            let again = self.tests(program(&arguments));
            row = summary::another_try(row, &again);
        }
        row
    }

    /// Runs Rust tests and adds them up. Tests that did not compile are a failure, none a skip.
    pub fn tests(&self, run: Run) -> Row {
        let finished = self.run(run);
        let told = summary::told_by_failures(&finished.printed);
        if !self.verbose && !told.is_empty() {
            println!("{told}");
        }
        let mut row = summary::count_tests(&finished.printed);
        if !finished.ok && row.failed == 0 {
            row.failed = 1;
            row.reason = finished.why;
        } else if !row.ran() && row.skipped == 0 {
            return Row::skipped("there are no tests");
        }
        row
    }
}

struct Choice {
    quick: bool,
    list: bool,
    verbose: bool,
    names: Vec<String>,
}

/// `cargo xtask test [--quick] [SUITE…]`.
pub fn command(arguments: &[String]) -> Result<(), String> {
    let choice = parse(arguments)?;
    let suites = all();
    if choice.list {
        for suite in &suites {
            println!("{:<18} {}", suite.name, suite.about);
        }
        return Ok(());
    }
    let unknown = |name: &&String| !suites.iter().any(|suite| belongs(suite.name, name));
    if let Some(name) = choice.names.iter().find(unknown) {
        return Err(format!(
            "there is no suite `{name}`; `cargo xtask test --list` names them"
        ));
    }
    crate::needs::ensure(crate::needs::BUILD)?;
    let everything = choice.names.is_empty() && !choice.quick;
    disk::ensure(match everything {
        true => disk::EVERYTHING,
        false => disk::A_FEW,
    })?;
    let mut rows: Vec<Row> = suites.iter().map(|suite| run(suite, &choice)).collect();
    if !choice.names.is_empty() {
        rows.retain(|row| choice.names.iter().any(|name| belongs(&row.name, name)));
    } else if !choice.quick {
        let list = fs::read_to_string(root().join(".ci/required-suites")).unwrap_or_default();
        summary::require(&mut rows, &summary::required_suites(&list));
    }
    report(&rows)
}

fn parse(arguments: &[String]) -> Result<Choice, String> {
    let mut choice = Choice {
        quick: false,
        list: false,
        verbose: false,
        names: Vec::new(),
    };
    for argument in arguments {
        match argument.as_str() {
            "--quick" => choice.quick = true,
            "--list" => choice.list = true,
            "-v" | "--verbose" => choice.verbose = true,
            option if option.starts_with('-') => {
                return Err(format!("unknown option `{option}`; see `cargo xtask help`"));
            }
            name => choice.names.push(name.trim_end_matches('/').to_owned()),
        }
    }
    Ok(choice)
}

/// `interop` names all of `interop/…`.
fn belongs(suite: &str, name: &str) -> bool {
    suite == name
        || suite
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('/'))
}

fn run(suite: &Suite, choice: &Choice) -> Row {
    let left_out = |reason: &str| Row {
        name: suite.name.to_owned(),
        ..Row::skipped(reason)
    };
    if !choice.names.is_empty() && !choice.names.iter().any(|name| belongs(suite.name, name)) {
        return left_out("not asked for");
    }
    if choice.names.is_empty() && ONLY_WHEN_NAMED.contains(&suite.name) {
        return left_out("runs only when named");
    }
    if choice.names.is_empty() && choice.quick && suite.heavy {
        return left_out("left out by --quick");
    }
    let context = Context {
        name: suite.name,
        verbose: choice.verbose,
    };
    let _ = fs::remove_file(context.log());
    println!("==== {}: {}", suite.name, suite.about);
    let begin = Instant::now();
    let mut row = (suite.run)(&context);
    row.name = suite.name.to_owned();
    row.took = begin.elapsed();
    if row.failed > 0 {
        if !choice.verbose {
            let log = fs::read(context.log()).unwrap_or_default();
            println!("{}", tail(&String::from_utf8_lossy(&log), 60));
        }
        println!(
            "---- {} FAILED: {}; whole log: {}",
            row.name,
            row.reason,
            context.log().display()
        );
    } else {
        let skipped = if row.ran() { "" } else { ", skipped: " };
        let reason = if row.ran() { "" } else { row.reason.as_str() };
        println!(
            "     {} passed in {:.1} s{skipped}{reason}",
            row.passed,
            row.took.as_secs_f64()
        );
    }
    row
}

fn report(rows: &[Row]) -> Result<(), String> {
    let file = reports().join("test-summary.json");
    println!("{}", summary::table(rows));
    summary::write_json(rows, &file).map_err(|error| format!("{}: {error}", file.display()))?;
    println!("{}", summary::closing_line(rows));
    let failed = rows.iter().any(|row| row.failed > 0);
    if failed { Err(String::new()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_folder_names_all_suites_below_it() {
        assert!(belongs("interop/asterisk", "interop"));
        assert!(belongs("interop/asterisk", "interop/asterisk"));
        assert!(!belongs("interop/asterisk", "inter"));
        assert!(!belongs("doc", "docs"));
    }

    #[test]
    fn every_required_suite_exists_and_every_name_is_given_once() {
        let names: Vec<&str> = all().iter().map(|suite| suite.name).collect();
        let unique: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(unique.len(), names.len());
        let list =
            fs::read_to_string(root().join(".ci/required-suites")).expect("the list is there");
        for required in summary::required_suites(&list) {
            assert!(
                unique.contains(required.as_str()),
                "{required} is not a suite"
            );
        }
    }

    #[test]
    fn a_quick_run_leaves_the_heavy_suites_out_and_says_so() {
        let quick = parse(&["--quick".to_owned()]).expect("a known word");
        let whole = |suite: &&Suite| !ONLY_WHEN_NAMED.contains(&suite.name);
        for suite in all().iter().filter(|suite| suite.heavy).filter(whole) {
            assert_eq!(run(suite, &quick).reason, "left out by --quick");
        }
    }

    #[test]
    fn swift_is_tested_before_kotlin_which_calls_it() {
        let at = |name| all().iter().position(|suite| suite.name == name);
        assert!(at("contract/swift").expect("a suite") < at("contract/kotlin").expect("a suite"));
        assert!(belongs("contract/kotlin", "contract") && belongs("contract/swift", "contract"));
    }

    #[test]
    fn what_runs_only_when_named_is_a_suite_and_not_required() {
        let list =
            fs::read_to_string(root().join(".ci/required-suites")).expect("the list is there");
        let required = summary::required_suites(&list);
        let names: Vec<&str> = all().iter().map(|suite| suite.name).collect();
        for young in ONLY_WHEN_NAMED {
            assert!(names.contains(young), "{young} is not a suite");
            assert!(!required.iter().any(|name| name == young), "{young}");
        }
    }

    #[test]
    fn an_unknown_option_is_refused() {
        assert!(parse(&["--fast".to_owned()]).is_err());
        let choice = parse(&["--quick".to_owned(), "interop/".to_owned()]).expect("known words");
        assert!(choice.quick && choice.names == ["interop"]);
    }
}

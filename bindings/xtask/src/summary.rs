//! The counts of the suites: as a table, as JSON and as the closing line.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

/// How one suite went.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Row {
    pub name: String,
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
    /// The tests that failed, by name.
    pub failures: Vec<String>,
    /// The tests that failed at first, and passed when they were tried again.
    pub saved: Vec<String>,
    /// Why something was skipped or failed, or what should be known of a pass.
    pub reason: String,
    pub took: Duration,
}

impl Row {
    /// A check that is not made of tests counts as one.
    pub fn check(ok: bool, reason: impl Into<String>) -> Self {
        let (passed, failed) = if ok { (1, 0) } else { (0, 1) };
        Self {
            passed,
            failed,
            reason: reason.into(),
            ..Self::default()
        }
    }

    /// A suite that did not run.
    pub fn skipped(reason: impl Into<String>) -> Self {
        Self {
            skipped: 1,
            reason: reason.into(),
            ..Self::default()
        }
    }

    /// Whether anything was really checked.
    pub fn ran(&self) -> bool {
        self.passed + self.failed > 0
    }

    fn word(&self) -> &'static str {
        match (self.failed, self.ran()) {
            (0, true) => "ok",
            (0, false) => "skipped",
            _ => "FAILED",
        }
    }
}

/// Adds up the closing lines of Rust's test programs, and names the tests that failed.
pub fn count_tests(printed: &str) -> Row {
    let mut row = Row::default();
    let mut failures = BTreeSet::new();
    for line in printed.lines() {
        if let Some(counts) = line.trim_start().strip_prefix("test result:") {
            row.passed += count_before(counts, "passed");
            row.failed += count_before(counts, "failed");
            row.skipped += count_before(counts, "ignored");
        } else if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|line| line.strip_suffix(" ... FAILED"))
        {
            failures.insert(name.to_owned());
        }
    }
    row.failures = failures.into_iter().collect();
    row.reason = row.failures.join(", ");
    row
}

/// What holds after the tests that failed were tried again: passed now is passed, and said so.
pub fn another_try(before: Row, again: &Row) -> Row {
    // One that did not run all of them proves nothing.
    if again.passed + again.failed != before.failed {
        return before;
    }
    let holds = |name: &&String| !again.failures.contains(name);
    let mut saved = before.saved;
    saved.extend(before.failures.iter().filter(holds).cloned());
    let mut reason = again.failures.join(", ");
    if !saved.is_empty() {
        let gap = if reason.is_empty() { "" } else { "; " };
        reason = format!("{reason}{gap}at a further try: {}", saved.join(", "));
    }
    Row {
        passed: before.passed + again.passed,
        failed: again.failed,
        failures: again.failures.clone(),
        saved,
        reason,
        ..before
    }
}

/// What the tests that failed printed, as far as a person wants to read it.
pub fn told_by_failures(printed: &str) -> String {
    /// Lines of each failed test.
    const LINES: usize = 40;
    let mut told = String::new();
    let mut left = 0;
    for line in printed.lines() {
        if line.starts_with("---- ") && line.ends_with(" stdout ----") {
            left = LINES;
        } else if line == "failures:" || line.starts_with("test result:") {
            left = 0;
        }
        if left > 0 {
            left -= 1;
            told.push_str(line);
            told.push('\n');
        }
    }
    told
}

fn count_before(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric()).collect();
    let pair = words.windows(2).find(|pair| pair[1] == word);
    pair.and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

/// The last line of the form `N passed, N failed`: how a program of the house that is not Rust's ends.
pub fn count_closing(printed: &str) -> Row {
    let closing = |line: &str| {
        let (passed, failed) = line.trim().split_once(", ")?;
        let passed = passed.strip_suffix(" passed")?.parse().ok()?;
        let failed: u64 = failed.strip_suffix(" failed")?.parse().ok()?;
        Some(Row {
            passed,
            failed,
            ..Row::default()
        })
    };
    let mut row = printed.lines().rev().find_map(closing).unwrap_or_default();
    if row.failed > 0 {
        row.reason = format!("{} of {} failed", row.failed, row.passed + row.failed);
    }
    row
}

/// Turns every required suite that did not run into a failure.
pub fn require(rows: &mut Vec<Row>, required: &[String]) {
    for name in required {
        match rows.iter_mut().find(|row| row.name == *name) {
            Some(row) if row.ran() => {}
            Some(row) => {
                row.failed += 1;
                row.reason = format!("required, but did not run: {}", row.reason);
            }
            None => rows.push(Row {
                name: name.clone(),
                ..Row::check(
                    false,
                    "required by .ci/required-suites, but there is no such suite",
                )
            }),
        }
    }
}

/// The names in `.ci/required-suites`: one a line, `#` starts a comment.
pub fn required_suites(text: &str) -> Vec<String> {
    let names = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

pub fn write_json(rows: &[Row], file: &Path) -> io::Result<()> {
    let suites: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "name": row.name, "passed": row.passed, "failed": row.failed,
                "skipped": row.skipped, "reason": row.reason,
                "seconds": (row.took.as_secs_f64() * 10.0).round() / 10.0,
            })
        })
        .collect();
    fs::write(file, format!("{:#}\n", json!({ "suites": suites })))
}

/// The table a person reads.
pub fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "\n{:<18} {:<8} {:>6} {:>6} {:>7} {:>7}  {}\n",
        "suite", "", "passed", "failed", "skipped", "seconds", "why"
    );
    for row in rows {
        let line = format!(
            "{:<18} {:<8} {:>6} {:>6} {:>7} {:>7.1}  {}",
            row.name,
            row.word(),
            row.passed,
            row.failed,
            row.skipped,
            row.took.as_secs_f64(),
            row.reason
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// `N passed, N failed`, over all suites.
pub fn closing_line(rows: &[Row]) -> String {
    let passed: u64 = rows.iter().map(|row| row.passed).sum();
    let failed: u64 = rows.iter().map(|row| row.failed).sum();
    format!("{passed} passed, {failed} failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_BINARIES: &str = "\
     Running unittests src/lib.rs (target/debug/deps/a-1)
test one::holds ... ok
test two::breaks ... FAILED
test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 2 filtered out; finished in 0.01s
     Running unittests src/main.rs (target/debug/deps/b-2)
test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 1.00s
";

    #[test]
    fn adds_the_closing_lines_of_all_test_programs() {
        let row = count_tests(TWO_BINARIES);
        assert_eq!((row.passed, row.failed, row.skipped), (13, 1, 3));
        assert_eq!(row.reason, "two::breaks");
    }

    #[test]
    fn what_a_failed_test_printed_is_shown_and_nothing_else() {
        let printed = "test a ... ok\nfailures:\n\n---- b::c stdout ----\nseed 7\nno sound\n\nfailures:\n    b::c\n\ntest result: FAILED.";
        assert_eq!(
            told_by_failures(printed),
            "---- b::c stdout ----\nseed 7\nno sound\n\n"
        );
    }

    #[test]
    fn another_try_counts_what_holds_then_and_hides_nothing() {
        let first = count_tests(TWO_BINARIES);
        let passed = count_tests("test two::breaks ... ok\ntest result: ok. 1 passed; 0 failed;");
        let row = another_try(first.clone(), &passed);
        assert_eq!((row.passed, row.failed), (14, 0));
        assert_eq!(row.reason, "at a further try: two::breaks");
        let again = "test two::breaks ... FAILED\ntest result: FAILED. 0 passed; 1 failed;";
        let row = another_try(first.clone(), &count_tests(again));
        assert_eq!((row.passed, row.failed), (13, 1));
        assert_eq!(row.reason, "two::breaks");
        assert_eq!(another_try(first.clone(), &count_tests("")), first);
        // And a third one, of two of which one held at the second.
        let two = "test a ... FAILED\ntest b ... FAILED\ntest result: FAILED. 1 passed; 2 failed;";
        let one = "test a ... ok\ntest b ... FAILED\ntest result: FAILED. 1 passed; 1 failed;";
        let last = "test b ... ok\ntest result: ok. 1 passed; 0 failed;";
        let row = another_try(count_tests(two), &count_tests(one));
        assert_eq!(row.reason, "b; at a further try: a");
        let row = another_try(row, &count_tests(last));
        assert_eq!((row.passed, row.failed), (3, 0));
        assert_eq!(row.reason, "at a further try: a, b");
    }

    #[test]
    fn the_closing_line_of_a_script_is_its_last_one() {
        let row = count_closing("3 passed, 0 failed\nmore\n18 passed, 2 failed\nbye\n");
        assert_eq!((row.passed, row.failed), (18, 2));
        assert_eq!(row.reason, "2 of 20 failed");
        for nothing in [
            "",
            "run-swift: it does not build",
            "passed, failed",
            "many passed, 0 failed",
            "3 passed, 0 failed, 1 skipped",
        ] {
            assert!(!count_closing(nothing).ran(), "{nothing}");
        }
    }

    #[test]
    fn a_required_suite_that_did_not_run_is_a_failure() {
        let ran = Row {
            name: "fmt".into(),
            ..Row::check(true, "")
        };
        let skipped = Row {
            name: "docs".into(),
            ..Row::skipped("no such tool")
        };
        let mut rows = vec![ran, skipped];
        let required = required_suites("# the list\nfmt\ndocs # both\n\nmoon\n");
        require(&mut rows, &required);
        assert_eq!(closing_line(&rows), "1 passed, 2 failed");
        assert_eq!(rows[1].reason, "required, but did not run: no such tool");
        assert_eq!(rows[2].name, "moon");
    }

    #[test]
    fn the_table_says_skipped_only_when_nothing_ran() {
        let skipped = Row {
            name: "interop/sipp".into(),
            ..Row::skipped("no SIPp")
        };
        let partly = Row {
            name: "unit".into(),
            passed: 2,
            skipped: 1,
            ..Row::default()
        };
        let text = table(&[skipped, partly]);
        assert!(text.contains("interop/sipp       skipped"), "{text}");
        assert!(text.contains("unit               ok"), "{text}");
    }
}

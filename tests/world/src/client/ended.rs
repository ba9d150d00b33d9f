//! What a client leaves when it has ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use serde_json::Value;

/// How many lines of its log a failed test prints; the file has them all.
const LOG_LINES: usize = 200;

/// How a client ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit status.
    pub status: ExitStatus,
    /// Every event, in order.
    pub events: Vec<Value>,
    /// What it wrote to standard error.
    pub errors: String,
    /// From its start to its end.
    pub took: Duration,
    pub(super) name: String,
    pub(super) folder: PathBuf,
}

impl Ended {
    /// All events with this name.
    pub fn all(&self, name: &str) -> Vec<&Value> {
        let named = |event: &&Value| event["event"] == name;
        self.events.iter().filter(named).collect()
    }

    /// The states of the call, in order.
    pub fn states(&self) -> Vec<&str> {
        let states = self.all("state").into_iter();
        states.filter_map(|event| event["state"].as_str()).collect()
    }

    /// Why the last call ended.
    pub fn reason(&self) -> &str {
        self.last_reason("ended")
    }

    /// Why the registration failed.
    pub fn registration_failure(&self) -> &str {
        self.last_reason("registration-failed")
    }

    fn last_reason(&self, name: &str) -> &str {
        let reason = self
            .all(name)
            .last()
            .and_then(|event| event["reason"].as_str());
        reason.unwrap_or("(none)")
    }

    /// The digits that came, one after the other.
    pub fn digits(&self) -> String {
        let digits = self.all("dtmf").into_iter();
        digits.filter_map(|event| event["digit"].as_str()).collect()
    }

    /// What it heard, if it was told to keep it.
    pub fn heard(&self) -> PathBuf {
        super::heard(&self.folder)
    }

    /// The calls that `tandem history` printed, newest first.
    ///
    /// # Panics
    /// If it printed none.
    pub fn calls(&self) -> &[Value] {
        let calls = self
            .events
            .first()
            .and_then(|event| event["calls"].as_array());
        calls.unwrap_or_else(|| panic!("{}: no history{}", self.name, self.story()))
    }

    /// Checks the exit code.
    ///
    /// # Panics
    /// If it is another.
    pub fn expect_code(&self, code: i32) -> &Self {
        let is = self.status.code();
        assert_eq!(is, Some(code), "{}{}", self.name, self.story());
        self
    }

    /// Checks exit code and reason of the last call at once.
    ///
    /// # Panics
    /// If one is not as expected.
    pub fn expect(&self, code: i32, reason: &str) -> &Self {
        let is = (self.status.code(), self.reason());
        assert_eq!(is, (Some(code), reason), "{}{}", self.name, self.story());
        self
    }

    /// Everything that happened, for whoever reads a failed test.
    pub fn story(&self) -> String {
        story(&self.events, &self.errors, &self.folder)
    }
}

/// One event a line, then the end of the log.
pub(super) fn story(events: &[Value], log: &str, folder: &Path) -> String {
    let told = events
        .iter()
        .fold(String::new(), |told, event| format!("{told}\n  {event}"));
    let lines: Vec<&str> = log.lines().collect();
    let left_out = lines.len().saturating_sub(LOG_LINES);
    let end = lines[left_out..].join("\n");
    let place = folder.display();
    format!("{told}\n--- log, {left_out} lines left out; all of it in {place} ---\n{end}")
}

/// What is in its log so far.
pub(super) fn log(folder: &Path) -> String {
    let bytes = fs::read(super::log_file(folder)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

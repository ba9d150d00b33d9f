//! What happened, one line an event, milliseconds since the demo began.

use std::time::{SystemTime, UNIX_EPOCH};

/// One line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Milliseconds since the demo began.
    pub at_ms: u64,
    /// `registrar`, `alice` or `bob`.
    pub who: &'static str,
    /// What happened, in words.
    pub what: String,
}

/// Collects the lines and, unless told to be quiet, prints each as it comes.
#[derive(Debug)]
pub struct Timeline {
    start_unix_ms: u64,
    quiet: bool,
    entries: Vec<Entry>,
}

impl Timeline {
    /// Begins now.
    pub fn begin(quiet: bool) -> Self {
        Self {
            start_unix_ms: unix_ms(),
            quiet,
            entries: Vec::new(),
        }
    }

    /// When it began, wall time in ms.
    pub fn start_unix_ms(&self) -> u64 {
        self.start_unix_ms
    }

    /// Something happened just now.
    pub fn now(&mut self, who: &'static str, what: impl Into<String>) {
        self.at(unix_ms(), who, what);
    }

    /// Something happened at this wall time.
    pub fn at(&mut self, unix_ms: u64, who: &'static str, what: impl Into<String>) {
        let at_ms = unix_ms.saturating_sub(self.start_unix_ms);
        let entry = Entry {
            at_ms,
            who,
            what: what.into(),
        };
        if !self.quiet {
            println!("{:>7} ms  {:<9}  {}", entry.at_ms, entry.who, entry.what);
        }
        self.entries.push(entry);
    }

    /// All lines in the order they happened, which is not always the order in which they were heard of.
    pub fn in_order(&self) -> Vec<Entry> {
        let mut entries = self.entries.clone();
        entries.sort_by_key(|entry| entry.at_ms);
        entries
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

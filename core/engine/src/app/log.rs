//! The log, handed to the app.
//!
//! `tracing` events go, as one line each, through a bounded queue to a thread of its own, which gives them to
//! the app's sink: whoever logs never waits, and foreign code never runs on a worker of the runtime. Names,
//! addresses and tokens are not in the log in the first place ([`Pii`](tandem_types::Pii)). The text of a
//! panic, which stays in its room, is in it too ([`fault`]).

mod fault;

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use tracing::field::{Field, Visit};
use tracing::span;
use tracing::{Event, Level, Metadata, Subscriber};

/// Lines that may wait for the app.
const QUEUE: usize = 1_024;

/// How much of a line is kept, bytes.
const LINE_LIMIT: usize = 2_048;

/// How much a line matters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum LogLevel {
    /// Something is broken.
    Error = 1,
    /// Something is odd.
    Warn,
    /// Something worth a line in a bug report.
    Info,
    /// What a developer wants to know.
    Debug,
    /// Everything.
    Trace,
}

/// One line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// The module it comes from.
    pub target: String,
    /// The text, its fields behind it.
    pub message: String,
}

/// Takes lines, one at a time, on a thread of its own. May block; then lines are dropped, and counted.
pub trait LogSink: Send + Sync {
    /// Takes a line.
    fn log(&self, line: LogLine);
}

/// Gives the log of the whole process to `sink`, down to `level`; the last one to ask has it.
///
/// False if something else took the process's log first (an app in Rust with a subscriber of its own).
pub fn forward_log(sink: Arc<dyn LogSink>, level: LogLevel) -> bool {
    static FORWARDER: OnceLock<Option<&'static Shared>> = OnceLock::new();
    let Some(shared) = FORWARDER.get_or_init(install) else {
        return false;
    };
    *shared.sink.lock().unwrap_or_else(PoisonError::into_inner) = Some(sink);
    shared.level.store(level as u8, Ordering::Relaxed);
    tracing::callsite::rebuild_interest_cache();
    true
}

#[derive(Default)]
struct Shared {
    level: AtomicU8,
    lost: AtomicU64,
    sink: Mutex<Option<Arc<dyn LogSink>>>,
}

struct Forwarder {
    shared: &'static Shared,
    lines: SyncSender<LogLine>,
}

/// Once for the life of the process, like the subscriber itself.
fn install() -> Option<&'static Shared> {
    let shared: &'static Shared = Box::leak(Box::default());
    let (lines, queue) = sync_channel(QUEUE);
    tracing::subscriber::set_global_default(Forwarder { shared, lines }).ok()?;
    fault::tell_of_panics();
    let named = thread::Builder::new().name("tandem-log".into());
    named.spawn(move || hand_over(shared, &queue)).ok()?;
    Some(shared)
}

fn hand_over(shared: &Shared, queue: &Receiver<LogLine>) {
    while let Ok(line) = queue.recv() {
        let sink = shared.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sink) = sink.clone() else { continue };
        let lost = shared.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            sink.log(LogLine {
                level: LogLevel::Warn,
                target: module_path!().to_owned(),
                message: format!("the log fell behind and lost {lost} lines"),
            });
        }
        sink.log(line);
    }
}

impl Subscriber for Forwarder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        level_of(metadata) as u8 <= self.shared.level.load(Ordering::Relaxed)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let line = LogLine {
            level: level_of(event.metadata()),
            target: event.metadata().target().to_owned(),
            message: text.finish(),
        };
        if self.lines.try_send(line).is_err() {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    // The house logs no spans: an event names the call or the account it is about.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

fn level_of(metadata: &Metadata<'_>) -> LogLevel {
    match *metadata.level() {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

/// A line as it is put together: the message, then ` name=value` for each field.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn finish(mut self) -> String {
        self.message.push_str(&self.fields);
        let mut end = self.message.len().min(LINE_LIMIT);
        while !self.message.is_char_boundary(end) {
            end -= 1;
        }
        self.message.truncate(end);
        self.message
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    struct ToTest(Mutex<mpsc::Sender<LogLine>>);

    impl LogSink for ToTest {
        fn log(&self, line: LogLine) {
            assert_eq!(thread::current().name(), Some("tandem-log"));
            let _ = self.0.lock().unwrap().send(line);
        }
    }

    #[test]
    fn lines_reach_the_app_with_their_fields_and_without_secrets() {
        let (sender, lines) = mpsc::channel();
        assert!(forward_log(
            Arc::new(ToTest(Mutex::new(sender))),
            LogLevel::Info
        ));
        let who = tandem_types::Pii::new("alice@example.org");
        tracing::debug!("not asked for");
        tracing::info!(target: "story", %who, status = 200, "signed in");
        let story = std::iter::from_fn(|| lines.recv_timeout(Duration::from_secs(5)).ok())
            .find(|line| line.target == "story")
            .unwrap();
        assert_eq!(story.level, LogLevel::Info);
        assert_eq!(story.message, "signed in who=[personal] status=200");
    }
}

//! What a program under test tells, one event after the other: waited for, and remembered.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A second of sound above this is somebody speaking, or a tone.
const SOUND_DBOV: f64 = -45.0;
/// A second below this is silence.
const SILENCE_DBOV: f64 = -60.0;

/// The events of one program.
#[derive(Debug)]
pub struct Watched {
    coming: Receiver<Value>,
    seen: Vec<Value>,
}

impl Watched {
    /// Events as they come out of this channel, whose other end goes away with the program.
    pub fn new(coming: Receiver<Value>) -> Self {
        Self {
            coming,
            seen: Vec::new(),
        }
    }

    /// Waits until the events so far have an answer; `None` when time is up, or the program has gone.
    pub fn until(
        &mut self,
        limit: Duration,
        ask: impl Fn(&[Value]) -> Option<Value>,
    ) -> Option<Value> {
        let begin = Instant::now();
        loop {
            if let Some(answer) = ask(&self.seen) {
                return Some(answer);
            }
            let left = limit.saturating_sub(begin.elapsed());
            self.seen.push(self.coming.recv_timeout(left).ok()?);
        }
    }

    /// Every event so far.
    pub fn so_far(&mut self) -> &[Value] {
        self.seen.extend(self.coming.try_iter());
        &self.seen
    }

    /// Every event that anybody has asked for so far.
    pub fn seen(&self) -> &[Value] {
        &self.seen
    }

    /// Forgets the events so far, so that the next wait is for one that is to come.
    pub fn forget(&mut self) {
        self.so_far();
        self.seen.clear();
    }

    /// All events, when the program has ended.
    pub fn all(mut self) -> Vec<Value> {
        // Whoever reads its pipe ends with it.
        while let Ok(event) = self.coming.recv_timeout(Duration::from_millis(500)) {
            self.seen.push(event);
        }
        self.seen
    }
}

/// Whether these figures of one second are of one with sound.
pub fn is_sound(event: &Value) -> bool {
    level(event).is_some_and(|level| level > SOUND_DBOV)
}

/// Whether, by the figures among these events, there was sound, and two seconds of silence after it.
pub fn sound_is_over(events: &[Value]) -> bool {
    let Some(loud) = events.iter().rposition(is_sound) else {
        return false;
    };
    let after = events.iter().skip(loud);
    after.filter(|event| is_silence(event)).count() >= 2
}

fn is_silence(event: &Value) -> bool {
    level(event).is_some_and(|level| level < SILENCE_DBOV)
}

fn level(event: &Value) -> Option<f64> {
    let is_stats = event["event"] == "stats";
    is_stats.then(|| event["level_in_dbov"].as_f64()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::mpsc;

    fn second(level: f64) -> Value {
        json!({ "event": "stats", "level_in_dbov": level })
    }

    #[test]
    fn what_came_before_a_wait_counts_and_what_was_forgotten_does_not() {
        let (sender, coming) = mpsc::channel();
        let mut watched = Watched::new(coming);
        sender.send(second(-20.0)).expect("watched");
        let sound = |seen: &[Value]| seen.iter().find(|event| is_sound(event)).cloned();
        let soon = Duration::from_millis(50);
        assert!(watched.until(soon, sound).is_some());
        assert!(watched.until(soon, sound).is_some(), "still there");
        watched.forget();
        assert!(watched.until(soon, sound).is_none());
        drop(sender);
        let begin = Instant::now();
        assert!(watched.until(Duration::from_secs(60), sound).is_none());
        assert!(begin.elapsed() < Duration::from_secs(30), "nobody is left");
    }

    #[test]
    fn sound_is_over_after_two_seconds_of_silence() {
        assert!(!sound_is_over(&[second(-90.0), second(-90.0)]), "none yet");
        let mut seen = vec![second(-20.0), second(-50.0), second(-90.0)];
        assert!(!sound_is_over(&seen));
        seen.push(second(-90.0));
        assert!(sound_is_over(&seen));
    }
}

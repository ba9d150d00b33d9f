//! The verdict: would a caller have noticed anything wrong?

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::events::Event;
use super::hearing::{Comparison, Hearing};
use super::party::{Exit, Party};
use crate::audio::Audio;

/// What was heard must score at least this against what was said.
pub const ALIKE: f64 = 0.8;
/// A control may score at most this.
pub const DIFFERENT: f64 = 0.6;
/// The control with a second cut out must stay this far below the real thing.
const CUT_MARGIN: f64 = 0.2;
/// Waiting longer than this for the ringing or for the first sound is noticed, in milliseconds.
const PATIENCE_MS: u64 = 2_000;
/// The digit alice's script sends.
pub const DIGIT: &str = "5";

/// Everything there is to judge.
#[derive(Debug)]
pub struct Evidence {
    /// The caller.
    pub alice: Party,
    /// The callee.
    pub bob: Party,
    /// What alice said.
    pub alice_voice: Audio,
    /// What bob said.
    pub bob_voice: Audio,
    /// Users that the registrar let in after a correct digest response.
    pub authenticated: BTreeSet<String>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What went wrong, in words; empty when nothing did.
    pub problems: Vec<String>,
    /// From dialing until bob's phone rang, in milliseconds.
    pub ring_ms: Option<u64>,
    /// From the answer until the first sound, the slower side's, in milliseconds.
    pub first_audio_ms: Option<u64>,
    /// How what was heard compares with what was said.
    pub speech: Comparison,
    /// Why the call ended, as alice saw it.
    pub end_reason: Option<String>,
    /// Alice's history row of this call, for what it was.
    row: Option<Value>,
    histories: [Vec<Value>; 2],
}

impl Verdict {
    /// Whether the call worked.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }

    /// The demo's result as one JSON object.
    pub fn to_json(&self) -> Value {
        let of_row = |key: &str| self.row.as_ref().and_then(|row| row.get(key)).cloned();
        let [alice, bob] = &self.histories;
        let controls = self.speech.controls();
        json!({
            "ok": self.is_ok(),
            "calls": [{
                "protocol": of_row("protocol"),
                "media": of_row("media"),
                "encrypted": of_row("encrypted"),
                "ring_ms": self.ring_ms,
                "first_audio_ms": self.first_audio_ms,
                "audio_similarity": {
                    "alice": rounded(self.speech.alice.heard.score),
                    "bob": rounded(self.speech.bob.heard.score),
                },
                "controls": {
                    "silence": rounded(controls.silence),
                    "other_speaker": rounded(controls.other_speaker),
                    "one_second_cut": rounded(controls.one_second_cut),
                },
                "end_reason": self.end_reason,
            }],
            "history": { "alice": alice, "bob": bob },
            "problems": self.problems,
        })
    }
}

/// Judges the call by the evidence and by how the speech compares.
pub fn judge(evidence: &Evidence, speech: &Comparison) -> Verdict {
    let Evidence {
        alice,
        bob,
        authenticated,
        ..
    } = evidence;
    let mut problems = Problems::default();
    for party in [alice, bob] {
        problems.of_process(party);
        problems.of_registration(party, authenticated);
    }
    problems.of_ringing(alice, bob);
    problems.of_talk(alice, bob);
    let ring_ms = problems.ring_ms(alice, bob);
    let first_audio_ms = problems.first_audio_ms(alice, bob);

    problems.of_speech("alice", "bob", speech.alice);
    problems.of_speech("bob", "alice", speech.bob);

    let end_reason = problems.of_end(alice, "local-hang-up");
    problems.of_end(bob, "remote-hang-up");
    let row = problems.of_history(alice, "outgoing", "bob", "local-hang-up");
    problems.of_history(bob, "incoming", "alice", "remote-hang-up");
    let histories = [alice, bob].map(|party| party.history.clone().unwrap_or_default());
    Verdict {
        problems: problems.0,
        ring_ms,
        first_audio_ms,
        speech: *speech,
        end_reason,
        row,
        histories,
    }
}

#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn unless(&mut self, fine: bool, problem: impl FnOnce() -> String) {
        if !fine {
            self.0.push(problem());
        }
    }

    fn of_process(
        &mut self,
        Party {
            name,
            exit,
            unreadable,
            ..
        }: &Party,
    ) {
        match exit {
            Exit::Code(0) => {}
            Exit::Code(code) => self
                .0
                .push(format!("{name}'s process ended with code {code}")),
            Exit::Killed => self.0.push(format!("{name}'s process crashed")),
            Exit::Hung => self
                .0
                .push(format!("{name}'s process did not end by itself")),
        }
        if let Some(line) = unreadable.first() {
            self.0
                .push(format!("{name} printed a line that is no event: {line}"));
        }
    }

    fn of_registration(&mut self, party: &Party, authenticated: &BTreeSet<String>) {
        let registered = |event: &Event| matches!(event, Event::Registered { .. });
        let name = party.name;
        match party.when(registered) {
            None => self.0.push(format!("{name} did not register")),
            Some(_) => self.unless(authenticated.contains(name), || {
                format!("{name} registered without the registrar having seen a correct password")
            }),
        }
    }

    fn of_ringing(&mut self, alice: &Party, bob: &Party) {
        let rang = |party: &Party| party.when_state("ringing").is_some();
        self.unless(rang(alice), || {
            "alice was never told that it rings".to_owned()
        });
        self.unless(rang(bob), || "bob's phone did not ring".to_owned());
    }

    fn of_talk(&mut self, alice: &Party, bob: &Party) {
        let hold = [(alice, "held"), (bob, "held-by-remote")];
        for (party, held) in hold {
            let name = party.name;
            if !party.went_through(&["active"]) {
                self.0.push(format!("{name} was never connected"));
            } else if !party.went_through(&["active", held]) {
                self.0.push(format!("{name} did not see the hold"));
            } else if !party.went_through(&["active", held, "active"]) {
                self.0.push(format!("{name} did not see the call resumed"));
            }
        }
        let digits: Vec<String> = digits(bob);
        self.unless(digits == [DIGIT], || {
            format!("bob received the digits {digits:?} instead of {DIGIT}")
        });
    }

    fn ring_ms(&mut self, alice: &Party, bob: &Party) -> Option<u64> {
        bob.when(|event| matches!(event, Event::Incoming { .. }))?;
        // The row knows the moments themselves; the events of two processes come when their own disk has
        // the row, and may cross.
        let row = alice.history.as_ref().ok()?.first()?;
        let moment = |name: &str| row[name].as_u64();
        let waited = moment("ringing_unix_ms")?.saturating_sub(moment("started_unix_ms")?);
        self.unless(waited <= PATIENCE_MS, || {
            format!("bob's phone rang only after {waited} ms")
        });
        Some(waited)
    }

    fn first_audio_ms(&mut self, alice: &Party, bob: &Party) -> Option<u64> {
        let mut first = |party: &Party| {
            let waited = party.find(|event| match event {
                Event::FirstAudio { after_accept_ms } => Some(*after_accept_ms),
                _ => None,
            });
            let name = party.name;
            match waited {
                None => self.0.push(format!("{name} never heard a sound")),
                Some(waited) => self.unless(waited <= PATIENCE_MS, || {
                    format!("{name} heard the first sound only {waited} ms after the answer")
                }),
            }
            waited
        };
        let (alice, bob) = (first(alice), first(bob));
        Some(alice?.max(bob?))
    }

    fn of_speech(&mut self, ear: &str, mouth: &str, Hearing { heard, controls }: Hearing) {
        let score = heard.score;
        self.unless(score >= ALIKE, || {
            format!("what {ear} heard is not what {mouth} said (similarity {score:.2} < {ALIKE})")
        });
        for (what, control) in [
            ("silence", controls.silence),
            ("the other speaker", controls.other_speaker),
            ("a second cut out", controls.one_second_cut),
        ] {
            self.unless(control <= DIFFERENT, || {
                format!("the measure proves nothing: {what} scores {control:.2} against {mouth}")
            });
        }
        let margin = score - controls.one_second_cut;
        self.unless(score < ALIKE || margin >= CUT_MARGIN, || {
            format!("the measure hardly notices a second cut out of {mouth}'s words ({margin:.2})")
        });
    }

    fn of_end(&mut self, party: &Party, expected: &str) -> Option<String> {
        let reason = party.find(|event| match event {
            Event::Ended { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        let name = party.name;
        match &reason {
            None => self.0.push(format!("{name} never saw the call end")),
            Some(reason) => self.unless(reason == expected, || {
                format!("{name}'s call ended as {reason} instead of {expected}")
            }),
        }
        reason
    }

    fn of_history(
        &mut self,
        party: &Party,
        direction: &str,
        peer: &str,
        end_reason: &str,
    ) -> Option<Value> {
        let name = party.name;
        let rows = match &party.history {
            Ok(rows) => rows,
            Err(why) => {
                self.0
                    .push(format!("{name}'s history could not be read: {why}"));
                return None;
            }
        };
        let [row] = rows.as_slice() else {
            self.0.push(format!(
                "{name}'s history has {} calls instead of 1",
                rows.len()
            ));
            return None;
        };
        let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
        let number = |key: &str| row.get(key).and_then(Value::as_u64);
        let ordered = number("started_unix_ms") <= number("accepted_unix_ms")
            && number("accepted_unix_ms") <= number("ended_unix_ms");
        for (fine, what) in [
            (text("direction") == direction, "direction"),
            (text("peer").contains(peer), "other side"),
            (text("account").contains(name), "account"),
            (text("end_reason") == end_reason, "end reason"),
            (number("started_unix_ms").is_some() && ordered, "times"),
            (text("protocol") == "sip", "protocol"),
            (row.get("media") == Some(&json!(["audio"])), "media"),
            (
                row.get("encrypted") == Some(&Value::Bool(true)),
                "encryption",
            ),
        ] {
            self.unless(fine, || {
                format!("{name}'s history is wrong about the {what}: {row}")
            });
        }
        Some(row.clone())
    }
}

fn digits(party: &Party) -> Vec<String> {
    let digit = |stamped: &super::events::Stamped| match &stamped.event {
        Event::Dtmf { digit } => Some(digit.clone()),
        _ => None,
    };
    party.events.iter().filter_map(digit).collect()
}

fn rounded(score: f64) -> f64 {
    (score * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;

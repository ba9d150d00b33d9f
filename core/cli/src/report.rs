//! What is printed: a line for a person, or an object for a program.

use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tandem_engine::{
    AccountSnapshot, AccountState, CallSnapshot, CallState, Event, SafetyPhrase, Trust,
};
use tandem_types::{CallId, CallQuality, Pii};

use crate::exit::registration_token;

/// Prints what happens.
pub struct Report {
    json: bool,
    started: Instant,
}

impl Report {
    /// A report that counts its milliseconds from now.
    pub fn new(json: bool) -> Self {
        Self {
            json,
            started: Instant::now(),
        }
    }

    /// Signing in.
    pub fn registering(&self) {
        self.say("registering", json!({}), "signing in …");
    }

    /// Signed in.
    pub fn registered(&self, expires: Duration) {
        let seconds = expires.as_secs();
        self.say("registered", json!({ "expires_s": seconds }), "signed in");
    }

    /// Not signed in.
    pub fn registration_failed(&self, word: &str, text: &str) {
        let fields = json!({ "reason": word, "text": text });
        self.say(
            "registration-failed",
            fields,
            &format!("not signed in: {text}"),
        );
    }

    /// Ready to be called.
    pub fn listening(&self, local: SocketAddr) {
        let line = format!("waiting for calls at {local} (Ctrl-C ends)");
        self.say("listening", json!({ "address": local.to_string() }), &line);
    }

    /// It rings here.
    pub fn incoming(&self, call: &CallSnapshot) {
        let from = call.peer.reveal();
        let name = call.peer_name.as_ref().map(Pii::reveal);
        let fields = json!({ "call": call.id.as_str(), "from": from, "name": name });
        let who = match name {
            Some(name) => format!("{name} ({from})"),
            None => from.clone(),
        };
        self.say("incoming", fields, &format!("{who} calls"));
        self.call(call);
    }

    /// There is something to read to each other.
    pub fn phrase(&self, call: &CallId, phrase: SafetyPhrase) {
        let words: Vec<&str> = phrase.words().collect();
        let fields = json!({ "call": call.as_str(), "words": words });
        let line =
            format!("safety phrase: {phrase}   (say `verify` if the far end reads the same)");
        self.say("safety-phrase", fields, &line);
    }

    /// The safety phrase was compared, or what was compared counts no more.
    pub fn trust(&self, call: &CallId, trust: Trust) {
        let word = trust_word(trust);
        let fields = json!({ "call": call.as_str(), "trust": word });
        self.say("trust", fields, &format!("far end {word}"));
    }

    /// A call of the last run was cut by a kill.
    pub fn interrupted(&self, call: &CallId) {
        let line = "a call of the last run was interrupted; the history has it";
        self.say("interrupted", json!({ "call": call.as_str() }), line);
    }

    /// An account changed while nothing else goes on.
    pub fn account(&self, account: &AccountSnapshot) {
        match account.state {
            AccountState::Online { expires } => self.registered(expires),
            AccountState::Failed { reason, .. } => {
                self.registration_failed(registration_token(reason), &reason.to_string());
            }
            AccountState::Offline | AccountState::Listening | AccountState::Connecting => {}
        }
    }

    /// Something a person should know that is no event of a call.
    pub fn note(&self, text: &str) {
        self.say("note", json!({ "text": text }), text);
    }

    /// The history.
    pub fn history(&self, calls: &[Value], lines: &[String]) {
        if self.json {
            self.print(&json!({ "event": "history", "calls": calls }).to_string());
        } else {
            for line in lines {
                self.print(line);
            }
        }
    }

    /// Why the program ends without success; for programs the exit code and the events say it.
    pub fn problem(&self, text: &str) {
        let mut stderr = std::io::stderr().lock();
        // Nowhere left to complain.
        let _ = writeln!(stderr, "tandem: {text}");
    }

    /// An event of the engine, while `call` is followed.
    pub fn event(&self, event: &Event, call: &CallId) {
        match event {
            Event::Call(snapshot) if snapshot.id == *call => self.call(snapshot),
            Event::Account(account) => self.account(account),
            Event::FirstAudio {
                call: id,
                after_accept,
            } if id == call => {
                let ms = millis(*after_accept);
                let fields = json!({ "call": id.as_str(), "after_accept_ms": ms });
                self.say(
                    "first-audio",
                    fields,
                    &format!("first sound {ms} ms after the answer"),
                );
            }
            Event::Dtmf { call: id, digit } if id == call => {
                let fields = json!({ "call": id.as_str(), "digit": digit.to_string() });
                self.say("dtmf", fields, &format!("key {digit} from the far end"));
            }
            Event::DtmfSent { call: id, digit } if id == call => {
                let fields = json!({ "call": id.as_str(), "digit": digit.to_string() });
                self.say("dtmf-sent", fields, &format!("key {digit} sent"));
            }
            Event::Played { call: id } if id == call => {
                self.say(
                    "played",
                    json!({ "call": id.as_str() }),
                    "the file was sent",
                );
            }
            // A line a second is for programs; a person hears how it sounds.
            Event::Stats { call: id, stats } if id == call && self.json => {
                let mut fields = quality(&stats.quality);
                fields.insert("call".into(), id.as_str().into());
                fields.insert("level_in_dbov".into(), round(stats.level_in).into());
                fields.insert("level_out_dbov".into(), round(stats.level_out).into());
                self.say("stats", Value::Object(fields), "");
            }
            Event::Lagged { missed } => self.note(&format!("{missed} events were missed")),
            _ => {}
        }
    }

    fn call(&self, call: &CallSnapshot) {
        let id = call.id.as_str();
        match call.state {
            CallState::Ended(reason) => {
                let fields = json!({
                    "call": id,
                    "reason": reason.token(),
                    "quality": Value::Object(quality(&call.quality)),
                    "codec": call.codec,
                    "encryption": call.encryption.token(),
                    "trust": trust_word(call.trust),
                });
                self.say("ended", fields, &format!("call ended: {reason}"));
            }
            CallState::Dialing => {
                let to = call.peer.reveal();
                let fields = json!({ "call": id, "to": to });
                self.say("dialing", fields, &format!("calling {to} …"));
            }
            state @ (CallState::Ringing
            | CallState::EarlyMedia
            | CallState::Incoming
            | CallState::Connecting
            | CallState::Active { .. }
            | CallState::Held { .. }
            | CallState::Reconnecting { .. }
            | CallState::Ending) => {
                // A phone that is called rings as well.
                let rings = state == CallState::Incoming;
                let word = if rings { "ringing" } else { state.token() };
                let fields = json!({
                    "call": id,
                    "state": word,
                    "muted": call.muted,
                    "encryption": call.encryption.token(),
                });
                self.say("state", fields, word);
            }
        }
    }

    fn say(&self, event: &str, fields: Value, line: &str) {
        if !self.json {
            self.print(line);
            return;
        }
        let mut object = Map::new();
        object.insert("event".into(), event.into());
        object.insert("at_ms".into(), millis(self.started.elapsed()).into());
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        object.insert("unix_ms".into(), millis(unix).into());
        if let Value::Object(fields) = fields {
            object.extend(fields);
        }
        self.print(&Value::Object(object).to_string());
    }

    fn print(&self, line: &str) {
        let mut stdout = std::io::stdout().lock();
        // A reader that went away ends the report, not the call.
        let _ = writeln!(stdout, "{line}");
        let _ = stdout.flush();
    }
}

/// The word for what came of comparing the safety phrase.
pub const fn trust_word(trust: Trust) -> &'static str {
    match trust {
        Trust::Unverified => "unverified",
        Trust::Verified => "verified",
        Trust::Distrusted => "distrusted",
    }
}

/// How a call sounded, for a program.
pub fn quality(quality: &CallQuality) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("packets_sent".into(), quality.packets_sent.into());
    fields.insert("packets_received".into(), quality.packets_received.into());
    fields.insert("packets_lost".into(), quality.packets_lost.into());
    fields.insert("frames_concealed".into(), quality.frames_concealed.into());
    fields.insert("jitter_ms".into(), fraction(quality.jitter).into());
    fields.insert(
        "round_trip_ms".into(),
        quality.round_trip.map(fraction).into(),
    );
    fields
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds with three decimals.
fn fraction(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

fn round(level: f32) -> f64 {
    (f64::from(level) * 10.0).round() / 10.0
}

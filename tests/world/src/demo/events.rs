//! The event stream that `tandem --json` prints: one object a line.

use serde::Deserialize;

/// One line of the stream.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Stamped {
    /// Wall time in milliseconds since 1970: comparable between processes of one machine.
    pub unix_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What a client reports, as far as the demo looks at it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case", tag = "event")]
#[allow(
    missing_docs,
    reason = "the fields are those of the command line's own documentation"
)]
pub enum Event {
    Registering,
    Registered {
        expires_s: u64,
    },
    RegistrationFailed {
        reason: String,
        #[serde(default)]
        text: String,
    },
    Listening {
        address: String,
    },
    Dialing {
        to: String,
    },
    Incoming {
        from: String,
    },
    State {
        state: String,
    },
    FirstAudio {
        after_accept_ms: u64,
    },
    Dtmf {
        digit: String,
    },
    DtmfSent {
        digit: String,
    },
    Stats(Stats),
    Ended {
        reason: String,
        #[serde(default)]
        codec: Option<String>,
    },
    /// An event of a later version, or one that the demo has no use for.
    #[serde(other)]
    Other,
}

/// How the media went so far; once a second while a call is up.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub struct Stats {
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP packets that arrived.
    pub packets_received: u64,
    /// RTP packets that never arrived.
    pub packets_lost: u64,
    /// Interarrival jitter in milliseconds.
    pub jitter_ms: f64,
    /// Round trip in milliseconds, once measured.
    pub round_trip_ms: Option<f64>,
    /// Level of what is sent, dB below overload (0 loudest, -127 silence).
    pub level_in_dbov: Option<f64>,
    /// Level of what is played, likewise.
    pub level_out_dbov: Option<f64>,
}

impl Stamped {
    /// Reads one line; `None` if it is no event.
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

impl Event {
    /// The event in words that follow the name of the one it happened to; `None` for what is no news.
    pub fn in_words(&self) -> Option<String> {
        let words = match self {
            Self::Registering | Self::Stats(_) | Self::Other => return None,
            Self::Registered { expires_s } => format!("registered for {expires_s} s"),
            Self::RegistrationFailed { reason, text } => {
                format!("could not register: {text} ({reason})")
            }
            Self::Listening { address } => format!("waits for calls at {address}"),
            Self::Dialing { to } => format!("calls {to}"),
            Self::Incoming { from } => format!("is called by {from}"),
            Self::State { state } => match state.as_str() {
                "ringing" => "ringing".to_owned(),
                "early-media" => "sound before the answer".to_owned(),
                "connecting" => "answered, connecting".to_owned(),
                "active" => "talking".to_owned(),
                "held" => "holds the call".to_owned(),
                "held-by-remote" => "is on hold".to_owned(),
                "reconnecting" => "lost the connection, reconnecting".to_owned(),
                "ending" => return None,
                other => other.to_owned(),
            },
            Self::FirstAudio { after_accept_ms } => {
                format!("first sound {after_accept_ms} ms after the answer")
            }
            Self::Dtmf { digit } => format!("received the digit {digit}"),
            Self::DtmfSent { digit } => format!("sent the digit {digit}"),
            Self::Ended { reason, codec } => match codec {
                Some(codec) => format!("call over: {reason} ({codec})"),
                None => format!("call over: {reason}"),
            },
        };
        Some(words)
    }

    /// Whether this is the change to the call state `name`.
    pub fn is_state(&self, name: &str) -> bool {
        matches!(self, Self::State { state } if state == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_command_line_are_understood() {
        let event = |line: &str| Stamped::parse(line).map(|stamped| stamped.event);
        let state =
            r#"{"event":"state","at_ms":31,"unix_ms":1700000000031,"call":"c","state":"held"}"#;
        assert!(event(state).unwrap().is_state("held"));
        assert_eq!(
            event(r#"{"event":"first-audio","unix_ms":2,"call":"c","after_accept_ms":41}"#),
            Some(Event::FirstAudio {
                after_accept_ms: 41
            })
        );
        let stats = r#"{"event":"stats","unix_ms":3,"call":"c","packets_sent":50,"jitter_ms":0.4,
            "round_trip_ms":null,"level_out_dbov":-31}"#;
        let Some(Event::Stats(stats)) = event(stats) else {
            panic!("no stats")
        };
        assert_eq!((stats.packets_sent, stats.round_trip_ms), (50, None));
        assert_eq!(stats.level_out_dbov, Some(-31.0));
        assert_eq!(
            event(r#"{"event":"new-in-2030","unix_ms":4}"#),
            Some(Event::Other)
        );
        assert_eq!(event("thread 'main' panicked"), None);
    }

    #[test]
    fn only_news_has_words() {
        let state = |name: &str| Event::State {
            state: name.to_owned(),
        };
        assert_eq!(
            state("held-by-remote").in_words().as_deref(),
            Some("is on hold")
        );
        assert_eq!(Event::Stats(Stats::default()).in_words(), None);
    }
}

//! The steps of `--do`: what a caller would press, in order.

use std::str::FromStr;
use std::time::Duration;

/// One thing to do, or to wait for.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Let time pass.
    Wait(Duration),
    /// Until the call is up with media.
    WaitActive,
    /// Until the file of `--play` has been sent once.
    WaitPlayed,
    /// Until the call ends.
    WaitEnd,
    /// Put the far end on hold.
    Hold,
    /// Take it back.
    Resume,
    /// Send silence.
    Mute,
    /// Send sound again.
    Unmute,
    /// Press these keys.
    Dtmf(String),
    /// Until there is a safety phrase to read.
    WaitPhrase,
    /// The two read it to each other: whether the words were the same.
    Verify(bool),
    /// End the call.
    HangUp,
}

/// Steps in order; the end of the script waits for the end of the call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script(pub Vec<Step>);

/// Why a script cannot be followed.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ScriptError {
    /// No such step.
    #[error(
        "`{0}` is no step: use wait SECONDS, wait-played, wait-active, hold, resume, mute, unmute, dtmf DIGITS, wait-phrase, verify, mismatch, hangup, wait-end"
    )]
    Unknown(String),
    /// `wait` without a sensible time.
    #[error("`wait` needs seconds between 0 and 86400, such as 1.5")]
    BadWait,
    /// `dtmf` without keys, or with a key no telephone has.
    #[error("`dtmf` needs keys out of 0-9, *, #, A-D")]
    BadDtmf,
}

impl FromStr for Script {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let steps = text
            .split(';')
            .map(str::trim)
            .filter(|step| !step.is_empty());
        let mut script = Vec::new();
        for text in steps {
            let step = step(text)?;
            if let Step::Verify(_) = step {
                // It comes a moment after the answer.
                script.push(Step::WaitPhrase);
            }
            script.push(step);
        }
        Ok(Self(script))
    }
}

fn step(text: &str) -> Result<Step, ScriptError> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    Ok(match (word, rest.is_empty()) {
        ("wait", _) => Step::Wait(seconds(rest).ok_or(ScriptError::BadWait)?),
        ("dtmf", _) => Step::Dtmf(keys(rest).ok_or(ScriptError::BadDtmf)?),
        ("wait-active", true) => Step::WaitActive,
        ("wait-played", true) => Step::WaitPlayed,
        ("wait-end", true) => Step::WaitEnd,
        ("hold", true) => Step::Hold,
        ("resume", true) => Step::Resume,
        ("mute", true) => Step::Mute,
        ("unmute", true) => Step::Unmute,
        ("wait-phrase", true) => Step::WaitPhrase,
        ("verify", true) => Step::Verify(true),
        ("mismatch", true) => Step::Verify(false),
        ("hangup", true) => Step::HangUp,
        _ => return Err(ScriptError::Unknown(text.to_owned())),
    })
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.parse().ok()?;
    (0.0..=86_400.0)
        .contains(&seconds)
        .then(|| Duration::from_secs_f64(seconds))
}

fn keys(text: &str) -> Option<String> {
    let keys = text.to_ascii_uppercase();
    let known = |key: char| matches!(key, '0'..='9' | '*' | '#' | 'A'..='D');
    (!keys.is_empty() && keys.chars().all(known)).then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_reads_as_it_is_typed() {
        let script: Script = "wait 1.5; hold; resume ;dtmf 5#; mismatch; hangup;"
            .parse()
            .unwrap();
        assert_eq!(
            script.0,
            [
                Step::Wait(Duration::from_millis(1500)),
                Step::Hold,
                Step::Resume,
                Step::Dtmf("5#".into()),
                Step::WaitPhrase,
                Step::Verify(false),
                Step::HangUp
            ]
        );
    }

    #[test]
    fn a_mistyped_step_says_what_would_do() {
        assert_eq!(
            "jump".parse::<Script>(),
            Err(ScriptError::Unknown("jump".into()))
        );
        assert_eq!(
            "hold on".parse::<Script>(),
            Err(ScriptError::Unknown("hold on".into()))
        );
        assert_eq!("wait -1".parse::<Script>(), Err(ScriptError::BadWait));
        assert_eq!("dtmf 5x".parse::<Script>(), Err(ScriptError::BadDtmf));
    }
}

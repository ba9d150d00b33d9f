//! What the user can do with a call, and when.

use std::fmt;
use std::str::FromStr;

use crate::{CallState, HoldState};

/// Most digits one [`Command::SendDtmf`] can carry.
pub const MAX_DIGITS: usize = 64;

/// What the user wants of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// Take an incoming call.
    Answer,
    /// Refuse an incoming call.
    Reject(RejectReason),
    /// End the call, whatever it is doing. An incoming call that was not answered is declined.
    HangUp,
    /// Put the far end on hold.
    ///
    /// The media room stops the sound at once; [`CallState::Held`] follows when the far end agreed. One
    /// wish waits while a re-offer is on its way, and the last wish counts. Asked for at once while the
    /// media is away; not possible before the call is accepted.
    Hold,
    /// End this side's hold.
    Resume,
    /// Play key tones to the far end; also while this side holds, not while the far end does.
    SendDtmf(Digits),
}

/// How an incoming call is refused.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RejectReason {
    /// The user is in another call.
    Busy,
    /// The user does not want this one.
    Declined,
    /// Nobody is there: the call counts as missed.
    NoAnswer,
}

/// Why a command was refused. Nothing changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// To answer or reject, the call must ring here.
    #[error("the call is not an incoming one")]
    NotIncoming,
    /// To answer or reject, the call must not be accepted yet.
    #[error("the call was accepted already")]
    AlreadyAccepted,
    /// Hold and key tones need a call that both sides accepted.
    #[error("the call is not accepted yet")]
    NotAccepted,
    /// This side holds already, or asked to.
    #[error("the call is on hold already")]
    AlreadyHeld,
    /// This side does not hold.
    #[error("the call is not on hold")]
    NotHeld,
    /// Key tones cannot be heard while the far end holds.
    #[error("the far end holds the call")]
    OnHold,
    /// Key tones need media.
    #[error("the call has no media now")]
    NoMedia,
    /// The call is being taken down.
    #[error("the call is ending")]
    Ending,
    /// The call is over.
    #[error("the call is over")]
    Ended,
}

/// Whether `command` makes sense in `state`; what depends on more than the state is checked where it is known.
pub(crate) const fn check(state: CallState, command: &Command) -> Result<(), CommandError> {
    match command {
        Command::Answer | Command::Reject(_) => match state {
            CallState::Incoming => Ok(()),
            CallState::Dialing | CallState::Ringing | CallState::EarlyMedia => {
                Err(CommandError::NotIncoming)
            }
            CallState::Connecting
            | CallState::Active { .. }
            | CallState::Held { .. }
            | CallState::Reconnecting { .. } => Err(CommandError::AlreadyAccepted),
            CallState::Ending => Err(CommandError::Ending),
            CallState::Ended(_) => Err(CommandError::Ended),
        },
        Command::HangUp => match state {
            CallState::Dialing
            | CallState::Ringing
            | CallState::EarlyMedia
            | CallState::Incoming
            | CallState::Connecting
            | CallState::Active { .. }
            | CallState::Held { .. }
            | CallState::Reconnecting { .. } => Ok(()),
            CallState::Ending => Err(CommandError::Ending),
            CallState::Ended(_) => Err(CommandError::Ended),
        },
        Command::Hold | Command::Resume => match state {
            CallState::Connecting
            | CallState::Active { .. }
            | CallState::Held { .. }
            | CallState::Reconnecting { .. } => Ok(()),
            CallState::Dialing
            | CallState::Ringing
            | CallState::EarlyMedia
            | CallState::Incoming => Err(CommandError::NotAccepted),
            CallState::Ending => Err(CommandError::Ending),
            CallState::Ended(_) => Err(CommandError::Ended),
        },
        Command::SendDtmf(_) => match state {
            // Announcements that ask for a key before they answer are played as early media.
            CallState::EarlyMedia | CallState::Active { .. } => Ok(()),
            CallState::Dialing | CallState::Ringing | CallState::Incoming => {
                Err(CommandError::NotAccepted)
            }
            // A hold of our own still lets us speak (`sendonly`); one of theirs wants to hear nothing.
            CallState::Held { by, .. } => match by {
                HoldState::Local => Ok(()),
                HoldState::Remote | HoldState::Both => Err(CommandError::OnHold),
            },
            CallState::Connecting | CallState::Reconnecting { .. } => Err(CommandError::NoMedia),
            CallState::Ending => Err(CommandError::Ending),
            CallState::Ended(_) => Err(CommandError::Ended),
        },
    }
}

/// Key tones: `0`–`9`, `*`, `#` and `A`–`D` (the sixteen DTMF events of RFC 4733 §3.2).
#[derive(Clone, Eq, PartialEq)]
pub struct Digits(String);

/// Why a text is no [`Digits`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DigitsError {
    /// Nothing to play.
    #[error("no digit was given")]
    Empty,
    /// More than [`MAX_DIGITS`].
    #[error("more than {MAX_DIGITS} digits")]
    TooMany,
    /// A character no key has.
    #[error("a character that is on no telephone's keypad")]
    NotADigit,
}

impl Digits {
    /// The digits, letters in upper case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digits {
    type Err = DigitsError;

    fn from_str(text: &str) -> Result<Self, DigitsError> {
        if text.is_empty() {
            return Err(DigitsError::Empty);
        }
        if text.len() > MAX_DIGITS {
            return Err(DigitsError::TooMany);
        }
        let digits = text.to_ascii_uppercase();
        let key = |c: char| c.is_ascii_digit() || ('A'..='D').contains(&c) || c == '*' || c == '#';
        if digits.chars().all(key) {
            Ok(Self(digits))
        } else {
            Err(DigitsError::NotADigit)
        }
    }
}

// Key tones are often a PIN or a card number: a log sees only how many there were.
impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digits({} keys)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_of_a_telephone_are_digits_and_a_log_sees_none_of_them() {
        let digits: Digits = "42#*d".parse().unwrap();
        assert_eq!(digits.as_str(), "42#*D");
        assert_eq!(format!("{digits:?}"), "Digits(5 keys)");
        assert_eq!("".parse::<Digits>(), Err(DigitsError::Empty));
        assert_eq!("4 2".parse::<Digits>(), Err(DigitsError::NotADigit));
        assert_eq!("e".parse::<Digits>(), Err(DigitsError::NotADigit));
        assert!("1".repeat(MAX_DIGITS).parse::<Digits>().is_ok());
        let long = "1".repeat(MAX_DIGITS + 1).parse::<Digits>();
        assert_eq!(long, Err(DigitsError::TooMany));
    }
}

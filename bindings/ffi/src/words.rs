//! Words that several areas use.

use std::time::{Duration, SystemTime};

use tandem_engine::{SafetyPhrase as Phrase, Trust as EngineTrust, UnixMillis};
use tandem_types as core;

/// Who called whom.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum CallDirection {
    /// The far end called.
    Incoming,
    /// The person called.
    Outgoing,
}

/// How a call's sound is protected on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum Encryption {
    /// Not at all.
    None,
    /// With keys that the servers could read.
    Sdes,
    /// From end to end of the media path.
    DtlsSrtp,
}

impl From<core::Encryption> for Encryption {
    fn from(encryption: core::Encryption) -> Self {
        match encryption {
            core::Encryption::Sdes => Self::Sdes,
            core::Encryption::DtlsSrtp => Self::DtlsSrtp,
            // What this version has no word for promises nothing.
            _ => Self::None,
        }
    }
}

/// What two people read to each other to know that nobody sits between their phones.
///
/// Both phones show the same words, unless somebody does. The app asks both to compare them by voice, and tells
/// `Call.verify` what they said.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct SafetyPhrase {
    /// Six English words, in the order to be read.
    pub words: Vec<String>,
    /// What stands behind each word, 0–255: for an app that brings 256 words of another language.
    pub numbers: Vec<u32>,
}

impl From<Phrase> for SafetyPhrase {
    fn from(phrase: Phrase) -> Self {
        Self {
            words: phrase.words().map(str::to_owned).collect(),
            numbers: phrase.bytes().into_iter().map(u32::from).collect(),
        }
    }
}

/// What came of comparing the safety phrase.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum Trust {
    /// Nobody compared it, or there was none.
    Unverified,
    /// The two read the same words.
    Verified,
    /// They did not: somebody sits between them.
    Distrusted,
}

impl From<EngineTrust> for Trust {
    fn from(trust: EngineTrust) -> Self {
        match trust {
            EngineTrust::Unverified => Self::Unverified,
            EngineTrust::Verified => Self::Verified,
            EngineTrust::Distrusted => Self::Distrusted,
        }
    }
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum EndReason {
    /// Another of the person's own devices took the call.
    AnsweredElsewhere,
    /// The far end is in another call.
    Busy,
    /// The caller gave up before an answer; a missed call for the callee.
    Cancelled,
    /// The callee said no.
    Declined,
    /// The account takes encrypted calls only, and this one could not be.
    EncryptionRequired,
    /// Something broke inside; the log has more.
    InternalError,
    /// The app was killed while the call was up.
    Interrupted,
    /// The two ends share no codec or transport.
    MediaIncompatible,
    /// The network died and did not come back in time.
    NetworkLost,
    /// It rang and nobody answered.
    NoAnswer,
    /// The account's calls are relayed always, and none of its TURN servers relays this one.
    NoRelay,
    /// The server asked for a name or password that the account does not have.
    NotAuthorised,
    /// No such person, number or service.
    NotFound,
    /// Nobody could be reached at that address now.
    Unreachable,
    /// The server failed, or spoke nonsense.
    ServerError,
    /// This side hung up.
    LocalHangUp,
    /// The far end hung up.
    RemoteHangUp,
}

impl From<core::EndReason> for EndReason {
    fn from(reason: core::EndReason) -> Self {
        match reason {
            core::EndReason::AnsweredElsewhere => Self::AnsweredElsewhere,
            core::EndReason::Busy => Self::Busy,
            core::EndReason::Cancelled => Self::Cancelled,
            core::EndReason::Declined => Self::Declined,
            core::EndReason::EncryptionRequired => Self::EncryptionRequired,
            core::EndReason::Interrupted => Self::Interrupted,
            core::EndReason::MediaIncompatible => Self::MediaIncompatible,
            core::EndReason::NetworkLost => Self::NetworkLost,
            core::EndReason::NoAnswer => Self::NoAnswer,
            core::EndReason::NoRelay => Self::NoRelay,
            core::EndReason::NotAuthorised => Self::NotAuthorised,
            core::EndReason::NotFound => Self::NotFound,
            core::EndReason::Unreachable => Self::Unreachable,
            core::EndReason::ServerError => Self::ServerError,
            core::EndReason::LocalHangUp => Self::LocalHangUp,
            core::EndReason::RemoteHangUp => Self::RemoteHangUp,
            // Also what this version has no word for.
            _ => Self::InternalError,
        }
    }
}

/// How a call sounded at this end.
#[derive(Clone, Copy, Debug, PartialEq, uniffi::Record)]
pub struct CallQuality {
    /// Packets this side sent.
    pub packets_sent: u64,
    /// Packets that arrived.
    pub packets_received: u64,
    /// Packets the far end sent and that never arrived.
    pub packets_lost: u64,
    /// 20 ms frames played that had to be invented.
    pub frames_concealed: u64,
    /// How unevenly packets arrive.
    pub jitter: Duration,
    /// How long there and back takes, if the far end says.
    pub round_trip: Option<Duration>,
}

impl From<core::CallQuality> for CallQuality {
    fn from(quality: core::CallQuality) -> Self {
        Self {
            packets_sent: quality.packets_sent,
            packets_received: quality.packets_received,
            packets_lost: quality.packets_lost,
            frames_concealed: quality.frames_concealed,
            jitter: quality.jitter,
            round_trip: quality.round_trip,
        }
    }
}

/// A moment, as both languages know it.
pub(crate) fn system_time(at: UnixMillis) -> SystemTime {
    let distance = Duration::from_millis(at.0.unsigned_abs());
    let moment = if at.0 < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    moment.unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_the_core_has_a_word_of_its_own() {
        for reason in core::EndReason::ALL {
            let told = EndReason::from(reason);
            // Both enums name their variants alike, so a reason that only the core has is found here.
            assert_eq!(format!("{told:?}"), format!("{reason:?}"));
            let internal = reason == core::EndReason::InternalError;
            assert_eq!(told == EndReason::InternalError, internal, "{reason:?}");
        }
    }
}

//! What there is to say of a call once it is over: why it ended, what it carried and how it sounded.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Which protocol carried a leg. For history and diagnostics: the person with the phone never sees it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Protocol {
    /// RFC 3261.
    Sip,
}

/// What a stream carries.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
}

/// How a call's media was protected on its way.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Encryption {
    /// Plain RTP.
    #[default]
    None,
    /// SRTP with keys from the signalling (RFC 4568).
    Sdes,
    /// SRTP with keys from DTLS (RFC 5764).
    DtlsSrtp,
}

impl Encryption {
    /// A word that never changes, for JSON.
    pub const fn token(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sdes => "sdes",
            Self::DtlsSrtp => "dtls-srtp",
        }
    }
}

/// Why a call ended, in the words a screen can show.
///
/// Each has a stable [token](EndReason::token) for the store and for JSON.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum EndReason {
    /// Another of the user's own devices took the call.
    AnsweredElsewhere,
    /// The far end is in another call.
    Busy,
    /// The caller gave up before an answer; a missed call for the callee.
    Cancelled,
    /// The callee said no.
    Declined,
    /// The account takes encrypted calls only, and the far end, or this device, cannot encrypt this one.
    EncryptionRequired,
    /// Something broke inside this app; the log has more.
    InternalError,
    /// The app was killed while the call was up (found at the next start).
    Interrupted,
    /// The two ends share no codec or transport.
    MediaIncompatible,
    /// The network path died and did not come back in time.
    NetworkLost,
    /// It rang and nobody answered.
    NoAnswer,
    /// The account's calls are relayed always, and no server relays this one.
    NoRelay,
    /// The server asked for a name or password that the account does not have, or has wrong.
    NotAuthorised,
    /// No such person, number or service.
    NotFound,
    /// Nobody could be reached at that address now: not signed in, or no route.
    Unreachable,
    /// The server failed, or spoke nonsense.
    ServerError,
    /// This side hung up.
    LocalHangUp,
    /// The far end hung up.
    RemoteHangUp,
}

impl EndReason {
    /// Every reason, in the order of the enum.
    pub const ALL: [Self; 17] = [
        Self::AnsweredElsewhere,
        Self::Busy,
        Self::Cancelled,
        Self::Declined,
        Self::EncryptionRequired,
        Self::InternalError,
        Self::Interrupted,
        Self::MediaIncompatible,
        Self::NetworkLost,
        Self::NoAnswer,
        Self::NoRelay,
        Self::NotAuthorised,
        Self::NotFound,
        Self::Unreachable,
        Self::ServerError,
        Self::LocalHangUp,
        Self::RemoteHangUp,
    ];

    /// The stable word for the store and for JSON.
    pub const fn token(self) -> &'static str {
        match self {
            Self::AnsweredElsewhere => "answered-elsewhere",
            Self::Busy => "busy",
            Self::Cancelled => "cancelled",
            Self::Declined => "declined",
            Self::EncryptionRequired => "encryption-required",
            Self::InternalError => "internal-error",
            Self::Interrupted => "interrupted",
            Self::MediaIncompatible => "media-incompatible",
            Self::NetworkLost => "network-lost",
            Self::NoAnswer => "no-answer",
            Self::NoRelay => "no-relay",
            Self::NotAuthorised => "not-authorised",
            Self::NotFound => "not-found",
            Self::Unreachable => "unreachable",
            Self::ServerError => "server-error",
            Self::LocalHangUp => "local-hang-up",
            Self::RemoteHangUp => "remote-hang-up",
        }
    }

    /// Whether the call ended because somebody wanted it to, after it had been up.
    pub const fn is_normal(self) -> bool {
        match self {
            Self::LocalHangUp | Self::RemoteHangUp => true,
            Self::AnsweredElsewhere
            | Self::Busy
            | Self::Cancelled
            | Self::Declined
            | Self::EncryptionRequired
            | Self::InternalError
            | Self::Interrupted
            | Self::MediaIncompatible
            | Self::NetworkLost
            | Self::NoAnswer
            | Self::NoRelay
            | Self::NotAuthorised
            | Self::NotFound
            | Self::Unreachable
            | Self::ServerError => false,
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnsweredElsewhere => "answered on another device",
            Self::Busy => "busy",
            Self::Cancelled => "cancelled before an answer",
            Self::Declined => "declined",
            Self::EncryptionRequired => "the call could not be encrypted",
            Self::InternalError => "an internal error",
            Self::Interrupted => "the app was closed during the call",
            Self::MediaIncompatible => "no common codec or transport",
            Self::NetworkLost => "the connection was lost",
            Self::NoAnswer => "no answer",
            Self::NoRelay => "no relay server could be used",
            Self::NotAuthorised => "the name or password was not accepted",
            Self::NotFound => "no such person or number",
            Self::Unreachable => "not reachable",
            Self::ServerError => "the server failed",
            Self::LocalHangUp => "you hung up",
            Self::RemoteHangUp => "the other side hung up",
        })
    }
}

/// A token no [`EndReason`] has.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an end reason")]
pub struct UnknownEndReason;

impl FromStr for EndReason {
    type Err = UnknownEndReason;

    fn from_str(token: &str) -> Result<Self, UnknownEndReason> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.token() == token)
            .ok_or(UnknownEndReason)
    }
}

/// How a call sounded at this end, over its whole life.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CallQuality {
    /// RTP packets this side sent.
    pub packets_sent: u64,
    /// RTP packets that arrived, duplicates not counted.
    pub packets_received: u64,
    /// Packets the far end sent and that never arrived (RFC 3550 §6.4.1, cumulative; never negative here).
    pub packets_lost: u64,
    /// 20 ms frames played that had to be invented.
    pub frames_concealed: u64,
    /// Interarrival jitter at the end of the call (RFC 3550 §6.4.1).
    pub jitter: Duration,
    /// Last round trip measured by RTCP; `None` if the far end never reported.
    pub round_trip: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_reason_has_a_token_of_its_own_that_reads_back() {
        for reason in EndReason::ALL {
            assert_eq!(reason.token().parse(), Ok(reason));
        }
        assert_eq!("gone".parse::<EndReason>(), Err(UnknownEndReason));
    }
}

//! What the engine tells an app.

use std::time::Duration;

use tandem_call::{CallDirection, CallState, HoldWish};
use tandem_sip::agent::RegistrationFailure;
use tandem_store::{Trust, UnixMillis};
use tandem_types::{AccountId, CallId, CallQuality, Encryption, EndReason, Pii};

use crate::SafetyPhrase;

/// News, in the order in which they happened. What a row of the store stands for is committed before it is
/// told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Everything there is: the first event of a stream, and the first after [`Event::Lagged`].
    Snapshot(Snapshot),
    /// An account's connection changed.
    Account(AccountSnapshot),
    /// An account was removed, and what ran over it has ended.
    AccountRemoved {
        /// Which account.
        account: AccountId,
    },
    /// A call began, changed or ended: the whole picture each time.
    Call(CallSnapshot),
    /// The first sound of a call arrived.
    FirstAudio {
        /// Which call.
        call: CallId,
        /// How long after the accept; zero when it came before (early media).
        after_accept: Duration,
    },
    /// The far end pressed a key.
    Dtmf {
        /// Which call.
        call: CallId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// A key of this side was played to its end.
    DtmfSent {
        /// Which call.
        call: CallId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// The far end would not be held, or would not go on.
    HoldRefused {
        /// Which call.
        call: CallId,
        /// What was wished for.
        wish: HoldWish,
    },
    /// The source of a call has been sent to its end once (a file).
    Played {
        /// Which call.
        call: CallId,
    },
    /// How a call sounds now; once a second while it is accepted.
    Stats {
        /// Which call.
        call: CallId,
        /// The figures.
        stats: CallStats,
    },
    /// A row of the call history was written anew; it can be read already.
    History {
        /// Which call.
        call: CallId,
    },
    /// The reader was too slow: so many events are gone. A [`Event::Snapshot`] follows.
    Lagged {
        /// How many.
        missed: u64,
    },
}

/// Everything a screen shows that is not in the store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Every account of this run.
    pub accounts: Vec<AccountSnapshot>,
    /// Every call that has not ended, oldest first.
    pub calls: Vec<CallSnapshot>,
}

/// An account as a screen shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountSnapshot {
    /// Which account.
    pub id: AccountId,
    /// Its own address; that of a direct account is where it can be called.
    pub address: Pii<String>,
    /// Its connection.
    pub state: AccountState,
}

/// Whether an account can be called, and what stands in the way.
///
/// ```text
///   direct account:     Listening                      (Offline while the app sleeps)
///   account of a server: Offline ─► Connecting ─► Online ─► Offline
///                                     └──────► Failed ──► Connecting
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AccountState {
    /// Not asked to sign in, or signed out; nobody can call it.
    Offline,
    /// A direct account: it has no server, and can be called at its address.
    Listening,
    /// Signing in.
    Connecting,
    /// Signed in.
    Online {
        /// How long the server keeps the registration; it is refreshed before.
        expires: Duration,
    },
    /// Not signed in.
    Failed {
        /// Why.
        reason: RegistrationFailure,
        /// When it is tried again; `None`: not before somebody asks.
        retry_in: Option<Duration>,
    },
}

/// A call as a screen shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct CallSnapshot {
    /// Which call.
    pub id: CallId,
    /// The account it runs over.
    pub account: AccountId,
    /// The far end's address.
    pub peer: Pii<String>,
    /// The name the far end gave itself.
    pub peer_name: Option<Pii<String>>,
    /// Who called whom.
    pub direction: CallDirection,
    /// What it is doing.
    pub state: CallState,
    /// When the two could first talk, by the clock on the wall: what a timer on the screen counts from.
    pub talking_since: Option<UnixMillis>,
    /// When it began.
    pub started: UnixMillis,
    /// When it was answered.
    pub accepted: Option<UnixMillis>,
    /// The codec in use, once there is media.
    pub codec: Option<&'static str>,
    /// How the media is protected.
    pub encryption: Encryption,
    /// What the two can read to each other to know that nobody sits between them; `None` until the keys are
    /// agreed on, and where that could prove nothing.
    pub safety_phrase: Option<SafetyPhrase>,
    /// What came of comparing it.
    pub trust: Trust,
    /// Whether the microphone is off.
    pub muted: bool,
    /// This side's hold, and what was last asked of it.
    pub hold: LocalHold,
    /// The keys this side was asked to play.
    pub keys: KeyCount,
    /// How it sounded so far.
    pub quality: CallQuality,
}

impl CallSnapshot {
    /// Why the call ended, once it has.
    pub const fn end_reason(&self) -> Option<EndReason> {
        match self.state {
            CallState::Ended(reason) => Some(reason),
            CallState::Dialing
            | CallState::Ringing
            | CallState::EarlyMedia
            | CallState::Incoming
            | CallState::Connecting
            | CallState::Active { .. }
            | CallState::Held { .. }
            | CallState::Reconnecting { .. }
            | CallState::Ending => None,
        }
    }
}

/// This side's hold of a call. ([`CallState::Held`] also tells of the far end's.)
///
/// ```text
///   Off ──hold──► Asked(Hold) ──agreed──► On ──resume──► Asked(Resume) ──agreed──► Off
///                   │                                     │
///                   └─refused─► Refused(Hold)             └─refused─► Refused(Resume)
/// ```
/// A refused hold is as good as `Off`, a refused resume as `On`; both stand until something is asked again.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LocalHold {
    /// This side does not hold.
    #[default]
    Off,
    /// The far end was asked, or is asked as soon as it can be.
    Asked(HoldWish),
    /// This side holds, and the far end agreed.
    On,
    /// The far end would not.
    Refused(HoldWish),
}

/// Keys that this side plays, counted since the call began.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct KeyCount {
    /// Taken to be played.
    pub taken: u64,
    /// Played to their end.
    pub played: u64,
}

impl KeyCount {
    /// Whether some still wait, or sound now.
    pub const fn waiting(self) -> bool {
        self.played < self.taken
    }
}

/// How a call sounds at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallStats {
    /// Counts since the call began.
    pub quality: CallQuality,
    /// Mean level heard since the last figures, dBov (0 loudest, −127 silence).
    pub level_in: f32,
    /// Mean level sent since the last figures, dBov.
    pub level_out: f32,
}

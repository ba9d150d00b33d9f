//! What the log says of a call.

use std::collections::BTreeSet;

use tandem_types::{
    AccountId, Address, CallId, CallQuality, Encryption, EndReason, MediaKind, Pii, Protocol,
};

use crate::UnixMillis;

/// Who called whom.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum CallDirection {
    /// The far end called this device.
    Incoming,
    /// This device called the far end.
    Outgoing,
}

/// Whether somebody has compared the keys that protected a call.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Trust {
    /// Nobody has, or there were none.
    #[default]
    Unverified,
    /// They were compared and are the far end's.
    Verified,
    /// They were compared and are somebody else's.
    Distrusted,
}

/// An account as the history names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// Its number in this data folder.
    pub id: AccountId,
    /// The address it answers at.
    pub address: Pii<Address>,
}

/// A call that begins: rings here, or is being dialled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewCall {
    /// Its id.
    pub id: CallId,
    /// Who calls whom.
    pub direction: CallDirection,
    /// The far end.
    pub peer: Pii<Address>,
    /// The person behind the address, if known.
    pub person: Option<Pii<String>>,
    /// The person's name as it was known at that moment, or as the far end gave it.
    pub person_name: Option<Pii<String>>,
    /// The account the call runs over; `None` for a direct one.
    pub account: Option<AccountId>,
    /// What carries it.
    pub protocol: Protocol,
    /// What was asked for.
    pub media: BTreeSet<MediaKind>,
    /// When it began.
    pub started: UnixMillis,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq)]
pub struct EndedCall {
    /// When.
    pub at: UnixMillis,
    /// Why.
    pub reason: EndReason,
    /// What it carried in the end.
    pub media: BTreeSet<MediaKind>,
    /// How it sounded.
    pub quality: CallQuality,
    /// How its media was protected.
    pub encryption: Encryption,
    /// Whether the keys of that protection were compared.
    pub trust: Trust,
    /// Which of the far end's devices took part, where the protocol names it.
    pub sender_device: Option<Pii<String>>,
}

/// A call as the history shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct CallRecord {
    /// Its id.
    pub id: CallId,
    /// Who called whom.
    pub direction: CallDirection,
    /// The far end.
    pub peer: Pii<Address>,
    /// The person behind the address, if known.
    pub person: Option<Pii<String>>,
    /// The person's name as it was known then.
    pub person_name: Option<Pii<String>>,
    /// The account the call ran over; `None` for a direct one.
    pub account: Option<Account>,
    /// What carried it.
    pub protocol: Protocol,
    /// What it carried.
    pub media: BTreeSet<MediaKind>,
    /// When it began.
    pub started: UnixMillis,
    /// When the far end (or this device) began to ring.
    pub ringing: Option<UnixMillis>,
    /// When it was answered; `None` for a call that never was.
    pub accepted: Option<UnixMillis>,
    /// When it ended; `None` while it is up.
    pub ended: Option<UnixMillis>,
    /// Why it ended; `None` while it is up.
    pub end_reason: Option<EndReason>,
    /// How it sounded, as last reported.
    pub quality: CallQuality,
    /// How its media was protected.
    pub encryption: Encryption,
    /// Whether the keys of that protection were compared.
    pub trust: Trust,
    /// Which of the far end's devices took part, where the protocol names it.
    pub sender_device: Option<Pii<String>>,
}

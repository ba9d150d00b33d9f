//! The call history.

use std::sync::Arc;
use std::time::SystemTime;

use tandem_engine::app::{App, LogChange};
use tandem_engine::{CallRecord as Row, LogDirection, Page};
use tandem_types::Pii;

use crate::subscription::subscription;
use crate::words::{CallDirection, CallQuality, Encryption, EndReason, Trust, system_time};

/// A call as the history shows it.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct CallRecord {
    /// The same as of the call itself.
    pub id: String,
    /// Who called whom.
    pub direction: CallDirection,
    /// The far end's address.
    pub peer: String,
    /// The far end's name as it was known then.
    pub peer_name: Option<String>,
    /// The own address it ran over.
    pub account: Option<String>,
    /// When it began.
    pub started: SystemTime,
    /// When it was answered; `None` for one that never was.
    pub accepted: Option<SystemTime>,
    /// When it ended; `None` while it is up.
    pub ended: Option<SystemTime>,
    /// Why it ended; `None` while it is up.
    pub end_reason: Option<EndReason>,
    /// How its sound was protected.
    pub encryption: Encryption,
    /// What came of comparing its safety phrase.
    pub trust: Trust,
    /// How it sounded, as last reported.
    pub quality: CallQuality,
}

impl From<Row> for CallRecord {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.to_string(),
            direction: match row.direction {
                LogDirection::Incoming => CallDirection::Incoming,
                LogDirection::Outgoing => CallDirection::Outgoing,
            },
            peer: row.peer.reveal().to_string(),
            peer_name: row.person_name.map(Pii::into_inner),
            account: row
                .account
                .map(|account| account.address.reveal().to_string()),
            started: system_time(row.started),
            accepted: row.accepted.map(system_time),
            ended: row.ended.map(system_time),
            end_reason: row.end_reason.map(EndReason::from),
            encryption: row.encryption.into(),
            trust: row.trust.into(),
            quality: row.quality.into(),
        }
    }
}

/// A page of the history.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct HistoryPage {
    /// Its calls, newest first.
    pub calls: Vec<CallRecord>,
    /// Calls of this page that are left out because their rows cannot be read.
    pub unreadable: u32,
    /// Where the next page begins; `None` on the last. It stays right while calls come and go.
    pub next: Option<String>,
}

impl From<Page<Row>> for HistoryPage {
    fn from(page: Page<Row>) -> Self {
        Self {
            calls: page.items.into_iter().map(CallRecord::from).collect(),
            unreadable: u32::try_from(page.unreadable).unwrap_or(u32::MAX),
            next: page.next.map(|place| place.to_string()),
        }
    }
}

/// What may look different in the history.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum HistoryChange {
    /// Everything: read the pages that are shown.
    Everything,
    /// One call.
    Call {
        /// Its id.
        id: String,
    },
}

impl From<LogChange> for HistoryChange {
    fn from(change: LogChange) -> Self {
        match change {
            LogChange::Everything => Self::Everything,
            LogChange::Call(id) => Self::Call { id: id.to_string() },
        }
    }
}

subscription! {
    /// What changes in the history; the first is [`HistoryChange::Everything`].
    HistoryUpdates over LogChanges gives HistoryUpdate::Changed { change: HistoryChange }
    by |_: &Arc<App>, change: LogChange| HistoryChange::from(change)
}

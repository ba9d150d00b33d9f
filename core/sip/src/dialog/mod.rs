//! Dialogs (RFC 3261 §12): what two user agents remember of each other between requests.
//!
//! ```text
//!            1xx with To-tag          2xx            BYE, 481, 408 …
//!  INVITE ────────────────▶ Early ─────────▶ Confirmed ─────────▶ (gone)
//!     └─────────────────────────── 2xx ────────▲
//! ```
//!
//! A forked INVITE makes one early dialog for each To-tag. The dialog itself keeps no state but numbers and
//! addresses; which of them are early is known by the session that holds them.

mod create;
mod request;

pub use request::DialogRequest;
pub(crate) use request::request_target;

#[cfg(test)]
mod dialog_tests;

use crate::message::{NameAddr, Uri};

/// What makes a dialog unique (§12).
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct DialogId {
    /// Call-ID.
    pub call_id: String,
    /// The tag of this side.
    pub local_tag: String,
    /// The tag of the far end; empty for an RFC 2543 peer that has none.
    pub remote_tag: String,
}

/// Which side sent the INVITE.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DialogRole {
    /// This side.
    Caller,
    /// The far end.
    Callee,
}

/// One dialog.
#[derive(Clone, Debug)]
pub struct Dialog {
    id: DialogId,
    role: DialogRole,
    /// From of our requests, tag included.
    local: NameAddr,
    /// To of our requests, tag included.
    remote: NameAddr,
    remote_target: Uri,
    routes: Vec<NameAddr>,
    local_sequence: u32,
    remote_sequence: Option<u32>,
    takes_updates: bool,
}

/// Why a dialog cannot be made, or a request does not fit into it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DialogError {
    /// From, To, Call-ID, CSeq, Contact or Record-Route is missing or unreadable.
    #[error("a header that a dialog needs is missing or malformed")]
    Header(#[from] crate::message::HeaderError),
    /// The sender's From has no tag.
    #[error("the far end gave no tag")]
    NoTag,
    /// More routes than any network has.
    #[error("the route set is too long")]
    TooManyRoutes,
    /// CSeq is not higher than the last (§12.2.2): answer 500.
    #[error("the sequence number is out of order")]
    OutOfOrder,
}

/// Routes kept per dialog.
pub const MAX_ROUTES: usize = 32;

impl Dialog {
    /// What makes it unique.
    pub const fn id(&self) -> &DialogId {
        &self.id
    }

    /// Which side sent the INVITE.
    pub const fn role(&self) -> DialogRole {
        self.role
    }

    /// Where the far end said it can be reached: the Request-URI of our requests.
    pub const fn remote_target(&self) -> &Uri {
        &self.remote_target
    }

    /// The proxies that asked to stay on the path, in the order a request of ours visits them.
    pub fn routes(&self) -> &[NameAddr] {
        &self.routes
    }

    /// The far end, as From or To says it.
    pub const fn remote(&self) -> &NameAddr {
        &self.remote
    }

    /// Whether the far end has said that it takes UPDATE (RFC 3311 §4).
    pub const fn takes_updates(&self) -> bool {
        self.takes_updates
    }

    /// The number our next request will not go below.
    pub const fn local_sequence(&self) -> u32 {
        self.local_sequence
    }
}

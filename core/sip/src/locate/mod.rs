//! Finding a server (RFC 3263): from the host, port and transport of a URI to an ordered list of addresses.
//!
//! Nothing here asks a name server. A [`Plan`] says which [`Question`]s are open and takes the [`Answer`]s in
//! any order; a [`Locator`] keeps plans and what came of them, and remembers which targets failed.
//!
//! ```text
//!  literal address ───────────────────────────────────────────────────────────╮
//!  host with port ────────────────────────────────────────────▶ A and AAAA ───┤
//!  host, transport said ──────────────────▶ SRV of it ──none──▶ A and AAAA ───┤
//!  host alone ──▶ NAPTR ──▶ SRV of each service ──▶ A and AAAA of each target ┤
//!                   ╰─none─▶ SRV of each transport ──none──▶ A and AAAA ──────┴▶ targets, best first
//! ```
//!
//! Two decisions beyond the RFC:
//! * `sips:`, `transport=tls` and an account for TLS alone never lead to a plain target, whatever DNS says;
//!   nor does the name change: a server must prove the host of the URI, not the one a record led to (RFC 3263
//!   §4.1, RFC 5922 §4).
//! * among transports that DNS leaves open the encrypted one comes first, and datagrams last; where a domain
//!   offers it at all the others are left out, so that nobody gains by breaking it.

mod locator;
mod place;
mod plan;
mod records;

pub use locator::{Found, Locator};
pub use place::{Place, TransportChoice};
pub use plan::Plan;
pub use records::{Answer, NaptrRecord, Question, SrvRecord};

use std::fmt;
use std::net::SocketAddr;

use crate::message::Host;
use crate::transaction::{Hop, TransportKind};

/// One server to try. `Debug` says the transport only: the address may be a person's.
#[derive(Clone, Eq, PartialEq)]
pub struct Target {
    /// How to speak with it.
    pub transport: TransportKind,
    /// Where it is.
    pub address: SocketAddr,
    /// Which host has that address: the URI's, or the one an SRV record names.
    pub host: Host,
    /// What its certificate must name, where it needs one: the host of the URI.
    pub name: Host,
}

impl Target {
    /// The target as a message's next hop.
    pub fn hop(&self) -> Hop {
        let hop = Hop::at(self.address, self.transport);
        if self.transport.is_secure() {
            hop.proving(self.name.clone())
        } else {
            hop
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({:?} [personal])", self.transport)
    }
}

/// Why a URI leads nowhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LocateError {
    /// The domain says that it has no SIP service (SRV target `.`, RFC 2782).
    #[error("the domain says that it offers no such service")]
    NoService,
    /// No name led to an address.
    #[error("the host name does not resolve")]
    NoAddress,
}

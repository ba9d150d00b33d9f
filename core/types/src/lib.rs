//! The words every room of the house shares: addresses, ids, the signalling-neutral description of a
//! call's media, why a call ended and how it sounded.
//!
//! A leaf: nothing here knows a protocol, a socket or a clock.

mod address;
mod call;
mod entropy;
mod ids;
pub mod media;
mod pii;

pub use address::{Address, AddressError};
pub use call::{CallQuality, Encryption, EndReason, MediaKind, Protocol};
pub use entropy::{Entropy, SeededEntropy};
pub use ids::{AccountId, CallId, LegId};
pub use media::{Direction, MediaDescription};
pub use pii::Pii;

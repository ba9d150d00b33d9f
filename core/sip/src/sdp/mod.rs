//! Session descriptions (SDP, RFC 8866) and their offer/answer model (RFC 3264).
//!
//! Three steps, each usable alone:
//!
//! * [`SessionDescription`]: text to lines and back. [`parse`](SessionDescription::parse) takes what real
//!   phones send (bare LF, missing `s=`, unknown attributes), within bounds; printing is strict.
//! * [`to_media()`] and [`from_media()`]: lines to the signalling-neutral [`MediaDescription`] and back.
//! * [`SdpSession`]: one side of one dialog; it counts the version of `o=` and keeps the m-lines of an
//!   answer, and of later offers, where they belong.
//!
//! [`parse_fragment()`] and [`print_fragment()`] are the bodies of INFO with further ICE candidates (RFC 8840).
//!
//! Which codecs survive a negotiation is none of this module's business.
//!
//! [`MediaDescription`]: tandem_types::MediaDescription

mod bundle;
mod codecs;
mod description;
mod error;
mod fragment;
mod from_media;
mod ice;
mod parse;
mod print;
mod profile;
mod security;
mod session;
mod to_media;

pub use description::{Attribute, Connection, Line, MediaSection, Origin, SessionDescription};
pub use error::SdpError;
pub use fragment::{parse_fragment, print_fragment};
pub use from_media::from_media;
pub use ice::MAX_CANDIDATES;
pub use parse::{MAX_ATTRIBUTES, MAX_FORMATS, MAX_MEDIA, MAX_SIZE};
pub use security::MAX_KEYS;
pub use session::SdpSession;
pub use to_media::to_media;

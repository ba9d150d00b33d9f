//! The targets, one module each.

mod digest;
mod rtp;
mod sdp;
mod sip_message;
mod sip_stream;
mod sip_uri;

use crate::Target;

/// All of them.
pub const ALL: &[Target] = &[
    sip_message::TARGET,
    sip_stream::TARGET,
    sip_uri::TARGET,
    digest::TARGET,
    sdp::TARGET,
    rtp::TARGET,
];

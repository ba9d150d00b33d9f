//! The targets, one module each.

mod digest;
mod dtls;
mod ice_candidate;
mod rtp;
mod sdes;
mod sdp;
mod sip_message;
mod sip_stream;
mod sip_uri;
mod srtp;
mod stun;
mod turn_framing;

use crate::Target;

/// All of them.
pub const ALL: &[Target] = &[
    sip_message::TARGET,
    sip_stream::TARGET,
    sip_uri::TARGET,
    digest::TARGET,
    sdp::TARGET,
    rtp::TARGET,
    ice_candidate::TARGET,
    stun::TARGET,
    turn_framing::TARGET,
    dtls::TARGET,
    srtp::TARGET,
    sdes::TARGET,
];

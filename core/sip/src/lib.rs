//! Tandem: sip.

pub mod digest;
pub mod sdp;

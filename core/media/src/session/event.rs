//! What goes into a session and what comes out.

use std::time::Instant;

use crate::codecs::CodecError;
use crate::io::{AudioSink, AudioSource};
use crate::transport::{
    Datagram, StreamCommand, TransportConfig, TransportEvent, TransportFailure,
};

/// What a session starts with.
pub struct SessionConfig {
    /// What is sent.
    pub source: Box<dyn AudioSource>,
    /// Where the peer's sound goes.
    pub sink: Box<dyn AudioSink>,
    /// Whether to send silence at first.
    pub muted: bool,
    /// How its packets may travel.
    pub transport: TransportConfig,
}

/// What the session wants done or known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Output {
    /// Send this.
    Transmit(Datagram),
    /// Do this to a connection, and tell with [`handle_stream`](crate::MediaSession::handle_stream) what became of it.
    Stream(StreamCommand),
    /// Know this of the way to the peer.
    Transport(TransportEvent),
    /// Know this.
    Event(MediaEvent),
}

/// What happened to a call's media.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MediaEvent {
    /// The first sound of the peer is being played; once a call.
    FirstAudio,
    /// The peer pressed a key.
    Dtmf(char),
    /// A key of ours has been sent completely.
    DtmfSent(char),
    /// Nothing at all arrives any more, neither RTP nor RTCP, although it should.
    Silent {
        /// When the last packet came, or when the waiting began.
        since: Instant,
    },
    /// Something arrives again.
    Heard,
    /// The peer's RTCP said goodbye; the signalling should follow.
    RemoteBye,
}

/// Why terms were not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The session is over.
    #[error("the media session is closed")]
    Closed,
    /// The agreed codec does not work here.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The agreed way or protection does not work here.
    #[error(transparent)]
    Transport(#[from] TransportFailure),
}

/// Why keys were not queued.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DtmfError {
    /// The text holds something other than `0`–`9`, `*`, `#`, `A`–`D`.
    #[error("not a key of a telephone")]
    NoKey,
    /// No media flows yet, or no more.
    #[error("the call is not up")]
    NotRunning,
    /// The peer takes no telephone events (RFC 4733).
    #[error("the far end takes no DTMF")]
    NotNegotiated,
    /// Too many keys are waiting already.
    #[error("too many keys at once")]
    TooMany,
}

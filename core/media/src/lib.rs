//! The sound of one call: offer and answer, RTP and RTCP, codecs, jitter buffer, and the devices at its ends.
//!
//! Everything but `devices` is sans-IO: told the time, given datagrams and randomness, asked for
//! datagrams. Inside, sound is mono `f32` at 48 kHz in frames of 20 ms ([`Frame`]).
//!
//! ```text
//!   AudioSource ─► codec ─► RTP ─┐                  ┌─► RTP ─► jitter buffer + codec ─► AudioSink
//!                                ├─► Transport ◄────┤
//!                  RTCP reports ─┘   (UDP outside)  └─► RTCP: loss, jitter, round trip
//! ```

mod codecs;
pub mod devices;
mod dsp;
mod frame;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod gather;
pub mod io;
mod jitter;
pub mod negotiate;
mod rtcp;
mod session;
#[cfg(test)]
mod testing {
    //! The one real instant that virtual time starts from.

    #[expect(clippy::disallowed_methods, reason = "the origin of virtual time")]
    pub(crate) fn origin() -> std::time::Instant {
        std::time::Instant::now()
    }
}
mod transport;

pub use codecs::{AudioCodec, CodecError, OpusHints, UnknownCodec};
pub use frame::{
    FRAME_DURATION, FRAME_SAMPLES, Frame, LevelMeter, SAMPLE_RATE, SAMPLES_PER_MS, SILENCE_DBOV,
    SILENT_FRAME,
};
pub use negotiate::{
    AgreedSecurity, Capabilities, LocalTransport, NegotiateError, Negotiated, Protection, RemoteIce,
};
pub use session::{
    DtmfError, MediaEvent, MediaSession, Output, QualitySample, SessionConfig, StartError,
};
pub use transport::{
    CandidateError, Certificates, Component, Datagram, IceFault, LocalSocket, NAT64_DISCOVERY_NAME,
    Nat64Prefix, StreamCommand, StreamId, StreamInput, TransportConfig, TransportCounters,
    TransportEvent, TransportFailure, discovered_prefixes, dtls, sdes, srtp,
};

//! Offer and answer (RFC 3264) over [`MediaDescription`]: which codec, which payload types, which way.
//!
//! One audio stream is carried; every other stream is rejected in place, so that the m-lines of both sides
//! stay in step. Pure functions: what they need of the past, the caller hands in.

mod formats;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tandem_types::media::{Codec, Direction, Security, Stream, StreamKind, TransportDescription};
use tandem_types::{Encryption, MediaDescription, MediaKind};

use crate::codecs::{AudioCodec, OpusHints};
use formats::{common_formats, offered_formats, receivable};

/// What this side can and would like to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Capabilities {
    /// Codecs, most wanted first. What is not listed is neither offered nor accepted.
    pub codecs: Vec<AudioCodec>,
    /// Whose order decides in an answer.
    pub answer_order: AnswerOrder,
    /// Packet duration asked of the peer, in milliseconds.
    pub packet_ms: u16,
    /// Whether RTCP may share the RTP port (RFC 5761).
    pub rtcp_mux: bool,
}

/// Whose order of codecs an answer follows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum AnswerOrder {
    /// The offerer's, as RFC 3264 §6.1 recommends.
    #[default]
    Offerer,
    /// Ours: for somebody who set an order on purpose.
    Own,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            codecs: AudioCodec::ALL.to_vec(),
            answer_order: AnswerOrder::Offerer,
            packet_ms: 20,
            rtcp_mux: true,
        }
    }
}

/// The addresses this side receives at, as the peer should see them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LocalTransport {
    /// Where RTP is received (and sent from).
    pub rtp: SocketAddr,
    /// Where RTCP is received unless it is multiplexed; usually the next port.
    pub rtcp: SocketAddr,
}

/// What a payload type means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PayloadFormat {
    /// Coded sound.
    Audio(AudioCodec),
    /// DTMF (RFC 4733) at this RTP clock.
    TelephoneEvent {
        /// Hz.
        clock_rate: u32,
    },
}

/// The payload types this side understands, by number.
pub type ReceiveMap = BTreeMap<u8, PayloadFormat>;

/// What both sides agreed on for the one audio stream: all a [`MediaSession`](crate::MediaSession) needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Negotiated {
    /// The codec to send with.
    pub codec: AudioCodec,
    /// The payload type the peer wants it under.
    pub payload_type: u8,
    /// What the peer said of its Opus decoder.
    pub opus: OpusHints,
    /// The payload type for DTMF at the codec's clock, if the peer takes any.
    pub dtmf_payload_type: Option<u8>,
    /// What may arrive.
    pub receive: ReceiveMap,
    /// Which way media flows, seen from here.
    pub direction: Direction,
    /// Where the peer wants RTP; unspecified (`0.0.0.0`) when it wants none.
    pub remote_rtp: SocketAddr,
    /// Where it wants RTCP.
    pub remote_rtcp: SocketAddr,
    /// RTCP shares the RTP port, both ways.
    pub rtcp_mux: bool,
    /// Duration of the packets to send, in milliseconds.
    pub packet_ms: u16,
    /// How the packets are protected.
    pub encryption: Encryption,
}

/// Why two descriptions do not make a call. In SIP all of these, on an offer, are a 488.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NegotiateError {
    /// No audio stream, or only rejected ones.
    #[error("the description has no usable audio stream")]
    NoAudio,
    /// Audio, but in formats this side does not know or want.
    #[error("no audio codec in common")]
    NoCommonCodec,
    /// The stream is protected in a way this build cannot do.
    #[error("media protection {0:?} is not supported")]
    UnsupportedSecurity(Encryption),
    /// The answer turned our audio stream down.
    #[error("the audio stream was rejected")]
    Rejected,
    /// The answer has fewer or other streams than our offer.
    #[error("the answer does not fit the offer")]
    Mismatch,
}

/// The first offer of a call.
pub fn offer(
    capabilities: &Capabilities,
    local: LocalTransport,
    direction: Direction,
) -> MediaDescription {
    let codecs = offered_formats(&capabilities.codecs, &[]);
    MediaDescription {
        streams: vec![audio_stream(None, codecs, capabilities, local, direction)],
    }
}

/// A later offer in the same call: hold, resume, a new address. Keeps the streams and payload types of
/// `previous`, our last description of either kind (RFC 3264 §8), and offers every codec again.
pub fn reoffer(
    previous: &MediaDescription,
    capabilities: &Capabilities,
    local: LocalTransport,
    direction: Direction,
) -> MediaDescription {
    let Some(index) = previous.streams.iter().position(is_live_audio) else {
        return offer(capabilities, local, direction);
    };
    let streams = previous.streams.iter().enumerate().map(|(i, old)| {
        if i == index {
            let codecs = offered_formats(&capabilities.codecs, &old.codecs);
            audio_stream(old.mid.clone(), codecs, capabilities, local, direction)
        } else {
            rejected(old)
        }
    });
    MediaDescription {
        streams: streams.collect(),
    }
}

/// Answers `offer`, wishing for `wish`: the description to send back and what then holds.
///
/// # Errors
/// Nothing in the offer can be carried here; the caller refuses the whole offer (SIP 488).
pub fn answer(
    offer: &MediaDescription,
    capabilities: &Capabilities,
    local: LocalTransport,
    wish: Direction,
) -> Result<(MediaDescription, Negotiated), NegotiateError> {
    let mut chosen: Option<(usize, Stream, Negotiated)> = None;
    let mut problem = NegotiateError::NoAudio;
    for (index, stream) in offer.streams.iter().enumerate() {
        if !is_live_audio(stream) {
            continue;
        }
        match answer_stream(stream, capabilities, local, wish) {
            Ok((answered, negotiated)) => {
                chosen = Some((index, answered, negotiated));
                break;
            }
            // The first stream's trouble is the one to report.
            Err(error) if problem == NegotiateError::NoAudio => problem = error,
            Err(_) => {}
        }
    }
    let (index, answered, negotiated) = chosen.ok_or(problem)?;
    let streams = offer.streams.iter().enumerate().map(|(i, stream)| {
        if i == index {
            answered.clone()
        } else {
            rejected(stream)
        }
    });
    let description = MediaDescription {
        streams: streams.collect(),
    };
    Ok((description, negotiated))
}

/// Takes the peer's answer to our `offer`.
///
/// # Errors
/// The answer rejects the audio, or does not belong to the offer.
pub fn accept(
    offer: &MediaDescription,
    answer: &MediaDescription,
) -> Result<Negotiated, NegotiateError> {
    let (index, ours) = offer
        .streams
        .iter()
        .enumerate()
        .find(|(_, stream)| is_live_audio(stream))
        .ok_or(NegotiateError::NoAudio)?;
    let theirs = answer.streams.get(index).ok_or(NegotiateError::Mismatch)?;
    if theirs.kind != ours.kind {
        return Err(NegotiateError::Mismatch);
    }
    let transport = theirs.transport.as_ref().ok_or(NegotiateError::Rejected)?;
    let encryption = plain_only(&transport.security)?;
    let offered_mux = ours.transport.as_ref().is_some_and(|t| t.rtcp_mux);

    let wanted: Vec<Codec> = theirs
        .codecs
        .iter()
        .filter(|codec| ours.codecs.iter().any(|own| same_format(own, codec)))
        .cloned()
        .collect();
    let sending = pick(&wanted).ok_or(NegotiateError::NoCommonCodec)?;
    // What we offered is what arrives; numbers of the answer are understood too where they are free, as
    // some peers send under the number they asked for.
    let mut receive = receivable(&wanted);
    receive.extend(receivable(&ours.codecs));
    let theirs_in_fact = effective_direction(theirs.direction, transport);
    Ok(Negotiated {
        codec: sending.codec,
        payload_type: sending.payload_type,
        opus: sending.opus,
        dtmf_payload_type: sending.dtmf_payload_type,
        receive,
        direction: Direction::answer_to(ours.direction, theirs_in_fact).reversed(),
        remote_rtp: transport.rtp,
        remote_rtcp: transport.rtcp,
        rtcp_mux: offered_mux && transport.rtcp_mux,
        packet_ms: theirs.packet_ms.unwrap_or(20),
        encryption,
    })
}

/// What may arrive as soon as `offer`, ours, is sent: media can be faster than its answer (RFC 3264 §5.1).
pub fn receivable_formats(offer: &MediaDescription) -> ReceiveMap {
    offer
        .streams
        .iter()
        .find(|stream| is_live_audio(stream))
        .map(|stream| receivable(&stream.codecs))
        .unwrap_or_default()
}

fn answer_stream(
    offered: &Stream,
    capabilities: &Capabilities,
    local: LocalTransport,
    wish: Direction,
) -> Result<(Stream, Negotiated), NegotiateError> {
    let transport = offered.transport.as_ref().ok_or(NegotiateError::NoAudio)?;
    let encryption = plain_only(&transport.security)?;
    let formats = common_formats(offered, capabilities);
    let sending = pick(&formats).ok_or(NegotiateError::NoCommonCodec)?;
    let receive = receivable(&formats);

    let offered_direction = effective_direction(offered.direction, transport);
    let direction = Direction::answer_to(offered_direction, wish);
    let mut stream = audio_stream(offered.mid.clone(), formats, capabilities, local, direction);
    let rtcp_mux = capabilities.rtcp_mux && transport.rtcp_mux;
    if let Some(own) = &mut stream.transport {
        own.rtcp_mux = rtcp_mux;
    }
    let negotiated = Negotiated {
        codec: sending.codec,
        payload_type: sending.payload_type,
        opus: sending.opus,
        dtmf_payload_type: sending.dtmf_payload_type,
        receive,
        direction,
        remote_rtp: transport.rtp,
        remote_rtcp: transport.rtcp,
        rtcp_mux,
        packet_ms: offered.packet_ms.unwrap_or(20),
        encryption,
    };
    Ok((stream, negotiated))
}

/// What to send, out of the peer's formats in the order that decides.
struct Sending {
    codec: AudioCodec,
    payload_type: u8,
    opus: OpusHints,
    dtmf_payload_type: Option<u8>,
}

fn pick(formats: &[Codec]) -> Option<Sending> {
    let (codec, format) = formats
        .iter()
        .find_map(|format| AudioCodec::of(format).map(|codec| (codec, format)))?;
    let dtmf = formats
        .iter()
        .find(|format| format.is_telephone_event() && format.clock_rate == codec.clock_rate());
    Some(Sending {
        codec,
        payload_type: format.payload_type,
        opus: OpusHints::parse(format.parameters.as_deref().unwrap_or_default()),
        dtmf_payload_type: dtmf.map(|format| format.payload_type),
    })
}

fn same_format(a: &Codec, b: &Codec) -> bool {
    match (AudioCodec::of(a), AudioCodec::of(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a.same_encoding(b),
    }
}

/// The old way to hold is an unspecified address (RFC 2543): such a writer sends, but receives nothing.
fn effective_direction(said: Direction, transport: &TransportDescription) -> Direction {
    let reachable = !transport.rtp.ip().is_unspecified();
    Direction::of(said.sends(), said.receives() && reachable)
}

fn plain_only(security: &Security) -> Result<Encryption, NegotiateError> {
    match security {
        Security::Plain => Ok(Encryption::None),
        other => Err(NegotiateError::UnsupportedSecurity(other.encryption())),
    }
}

fn is_live_audio(stream: &Stream) -> bool {
    stream.kind == StreamKind::Known(MediaKind::Audio) && stream.transport.is_some()
}

fn audio_stream(
    mid: Option<String>,
    codecs: Vec<Codec>,
    capabilities: &Capabilities,
    local: LocalTransport,
    direction: Direction,
) -> Stream {
    Stream {
        mid,
        kind: StreamKind::Known(MediaKind::Audio),
        direction,
        codecs,
        transport: Some(TransportDescription {
            rtp: local.rtp,
            rtcp: local.rtcp,
            rtcp_mux: capabilities.rtcp_mux,
            security: Security::Plain,
            ice: None,
        }),
        packet_ms: Some(capabilities.packet_ms),
    }
}

/// The same stream, turned down: its formats stay, as an m-line must name one (RFC 3264 §6).
fn rejected(stream: &Stream) -> Stream {
    Stream {
        mid: stream.mid.clone(),
        kind: stream.kind.clone(),
        direction: Direction::Inactive,
        codecs: stream.codecs.clone(),
        transport: None,
        packet_ms: None,
    }
}

#[cfg(test)]
#[path = "negotiate_tests.rs"]
mod tests;

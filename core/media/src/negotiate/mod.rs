//! Offer and answer (RFC 3264) over [`MediaDescription`]: which codec, which payload types, which way.
//!
//! One audio stream is carried; every other stream is rejected in place, so that the m-lines of both sides
//! stay in step. Pure functions: what they need of the past, the caller hands in.

mod formats;
mod ice;
mod local;
mod security;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tandem_types::media::{
    Codec, Direction, MediaSecurity, Security, Stream, StreamKind, TransportDescription,
};
use tandem_types::{Encryption, MediaDescription, MediaKind};

use crate::codecs::{AudioCodec, OpusHints};
use formats::{common_formats, offered_formats, receivable};
pub use ice::RemoteIce;
pub use local::LocalTransport;
pub use security::{AgreedSecurity, Protection, protections};

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
    /// What the account asks of the protection.
    pub security: MediaSecurity,
    /// Whether the signalling is encrypted to the next hop, so that keys may be said in it.
    pub signalling_is_secure: bool,
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
            security: MediaSecurity::default(),
            signalling_is_secure: false,
        }
    }
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
    pub security: AgreedSecurity,
    /// The peer's side of ICE; `None`: packets go to the addresses above.
    pub ice: Option<RemoteIce>,
    /// Early RTCP feedback may be sent (RFC 4585).
    pub feedback: bool,
}

impl Negotiated {
    /// What the call is recorded as.
    pub const fn encryption(&self) -> Encryption {
        self.security.encryption()
    }
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
    /// What was offered is not encrypted as [`MediaSecurity::Required`] asks for.
    #[error("the account takes encrypted calls only")]
    EncryptionRequired,
    /// The answer is plain where that was not offered.
    #[error("the answer is not encrypted")]
    NotEncrypted,
    /// The call is encrypted, and would not be any more.
    #[error("the call would go on with less protection")]
    Weaker,
    /// The answer's keys do not belong to our offer, or prove nothing.
    #[error("the answer's keys cannot be used")]
    BadKeys,
    /// The answer turned our audio stream down.
    #[error("the audio stream was rejected")]
    Rejected,
    /// The answer has fewer or other streams than our offer.
    #[error("the answer does not fit the offer")]
    Mismatch,
}

/// The first offer of a call. `protection`: one of [`protections`].
pub fn offer(
    capabilities: &Capabilities,
    local: &LocalTransport,
    protection: Protection,
    direction: Direction,
) -> MediaDescription {
    let codecs = offered_formats(&capabilities.codecs, &[]);
    let transport = offered_transport(capabilities, local, protection);
    MediaDescription::of(vec![audio_stream(
        None,
        codecs,
        capabilities,
        transport,
        direction,
    )])
}

/// `refused`, an offer of ours, with another protection: the far end rejected its stream.
pub fn offer_again(
    refused: &MediaDescription,
    capabilities: &Capabilities,
    local: &LocalTransport,
    protection: Protection,
    direction: Direction,
) -> MediaDescription {
    let transport = offered_transport(capabilities, local, protection);
    later_offer(refused, capabilities, transport, direction)
}

/// A later offer in the same call: hold, resume, a new address. Keeps the streams and payload types of
/// `previous`, our last description of either kind (RFC 3264 §8), and offers every codec again. The
/// protection is that of `current`, and so is the DTLS association unless the keys of `local` are others.
pub fn reoffer(
    previous: &MediaDescription,
    capabilities: &Capabilities,
    local: &LocalTransport,
    current: Option<&Negotiated>,
    direction: Direction,
) -> MediaDescription {
    let before = live_audio(previous).and_then(|(_, stream)| stream.transport.as_ref());
    let mut transport = offered_transport(capabilities, local, Protection::Plain);
    if let Some(before) = before {
        transport.feedback = before.feedback;
        transport.opportunistic = before.opportunistic;
        transport.security = before.security.clone();
    }
    if let Some(current) = current {
        transport.security = security::repeated(&current.security, local);
        // A phone that answered the offer in its own profile gets that one from now on.
        transport.feedback = current.feedback;
        transport.opportunistic &= transport.security != Security::Plain;
    }
    later_offer(previous, capabilities, transport, direction)
}

/// Whether answering `offer` needs new ICE credentials of our own in [`LocalTransport`]: it restarts what
/// holds so far.
pub fn restarts_ice(offer: &MediaDescription, current: &Negotiated) -> bool {
    let offered = live_audio(offer).and_then(|(_, stream)| stream.transport.as_ref()?.ice.as_ref());
    match (&current.ice, offered) {
        (Some(before), Some(after)) => before.description.is_restarted_by(after),
        (None, _) | (_, None) => false,
    }
}

/// Answers `offer`, wishing for `wish`: the description to send back and what then holds. Of several audio
/// streams the best protected one is taken. `current`: what held so far in this call.
///
/// # Errors
/// Nothing in the offer can be carried here, or the policy forbids it; the caller refuses the whole offer
/// (SIP 488).
pub fn answer(
    offer: &MediaDescription,
    capabilities: &Capabilities,
    local: &LocalTransport,
    wish: Direction,
    current: Option<&Negotiated>,
) -> Result<(MediaDescription, Negotiated), NegotiateError> {
    let mut chosen: Option<(usize, Stream, Negotiated)> = None;
    let mut problem = NegotiateError::NoAudio;
    for (index, stream) in offer.streams.iter().enumerate() {
        if !is_live_audio(stream) {
            continue;
        }
        match answer_stream(stream, capabilities, local, wish, current) {
            Ok((answered, negotiated)) => {
                let rank = security::rank(&negotiated.security);
                let best = chosen.as_ref().map(|(_, _, best)| &best.security);
                if best.is_none_or(|best| rank > security::rank(best)) {
                    chosen = Some((index, answered, negotiated));
                }
            }
            // The first stream's trouble is the one to report.
            Err(error) if problem == NegotiateError::NoAudio => problem = error,
            Err(_) => {}
        }
    }
    let (index, answered, negotiated) = chosen.ok_or(problem)?;
    let bundles = bundles_of(offer, answered.mid.as_deref());
    let streams = offer.streams.iter().enumerate().map(|(i, stream)| {
        if i == index {
            answered.clone()
        } else {
            rejected(stream)
        }
    });
    let description = MediaDescription {
        streams: streams.collect(),
        bundles,
    };
    Ok((description, negotiated))
}

/// Takes the peer's answer to our `offer`. `current`: what held so far in this call.
///
/// # Errors
/// The answer rejects the audio, protects it otherwise than we offered, or does not belong to the offer.
pub fn accept(
    offer: &MediaDescription,
    answer: &MediaDescription,
    current: Option<&Negotiated>,
) -> Result<Negotiated, NegotiateError> {
    let (index, ours) = live_audio(offer).ok_or(NegotiateError::NoAudio)?;
    let own = ours.transport.as_ref().ok_or(NegotiateError::NoAudio)?;
    let theirs = answer.streams.get(index).ok_or(NegotiateError::Mismatch)?;
    // A stream that nobody can carry lost its kind on the way: the answer has no keys for its profile.
    if theirs.transport.is_none() && names_audio(&theirs.kind) {
        return Err(NegotiateError::Rejected);
    }
    if theirs.kind != ours.kind {
        return Err(NegotiateError::Mismatch);
    }
    let transport = theirs.transport.as_ref().ok_or(NegotiateError::Rejected)?;
    let security = security::accept(own, transport, current.map(|it| &it.security))?;

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
    let before = current.and_then(|it| it.ice.as_ref());
    Ok(Negotiated {
        codec: sending.codec,
        payload_type: sending.payload_type,
        opus: sending.opus,
        dtmf_payload_type: sending.dtmf_payload_type,
        receive,
        direction: Direction::answer_to(ours.direction, theirs_in_fact).reversed(),
        remote_rtp: transport.rtp,
        remote_rtcp: transport.rtcp,
        rtcp_mux: own.rtcp_mux && transport.rtcp_mux,
        packet_ms: theirs.packet_ms.unwrap_or(20),
        security,
        ice: ice::agree(transport, own.ice.as_ref(), true, before),
        feedback: own.feedback,
    })
}

/// Takes an answer in plain RTP to an `offer` that was not: [`accept`] said [`NegotiateError::NotEncrypted`], and the
/// account prefers a plain call to none. No far end may answer so (RFC 3264 §6.1), but those that know nothing
/// but plain RTP do, whatever they are offered, and it is clear what they will send.
///
/// # Errors
/// As for [`accept`].
pub fn accept_plain(
    offer: &MediaDescription,
    answer: &MediaDescription,
) -> Result<Negotiated, NegotiateError> {
    let mut plain = offer.clone();
    let transports = plain
        .streams
        .iter_mut()
        .filter_map(|stream| stream.transport.as_mut());
    for transport in transports {
        transport.security = Security::Plain;
        transport.feedback = false;
    }
    accept(&plain, answer, None)
}

/// What may arrive as soon as `offer`, ours, is sent: media can be faster than its answer (RFC 3264 §5.1).
pub fn receivable_formats(offer: &MediaDescription) -> ReceiveMap {
    live_audio(offer)
        .map(|(_, stream)| receivable(&stream.codecs))
        .unwrap_or_default()
}

fn answer_stream(
    offered: &Stream,
    capabilities: &Capabilities,
    local: &LocalTransport,
    wish: Direction,
    current: Option<&Negotiated>,
) -> Result<(Stream, Negotiated), NegotiateError> {
    let transport = offered.transport.as_ref().ok_or(NegotiateError::NoAudio)?;
    let (said, security) = security::answer(
        transport,
        capabilities,
        local,
        current.map(|it| &it.security),
    )?;
    let formats = common_formats(offered, capabilities);
    let sending = pick(&formats).ok_or(NegotiateError::NoCommonCodec)?;
    let receive = receivable(&formats);

    let offered_direction = effective_direction(offered.direction, transport);
    let direction = Direction::answer_to(offered_direction, wish);
    let before = current.and_then(|it| it.ice.as_ref());
    let ice = ice::agree(transport, local.ice.as_ref(), false, before);
    let rtcp_mux = transport.rtcp_mux_only || (capabilities.rtcp_mux && transport.rtcp_mux);
    let own = TransportDescription {
        rtcp_mux,
        feedback: transport.feedback,
        opportunistic: transport.opportunistic && said != Security::Plain,
        security: said,
        ice: ice.is_some().then(|| local.ice.clone()).flatten(),
        ice_mismatch: ice::is_mismatch(transport, local),
        ..TransportDescription::plain(local.rtp, local.rtcp)
    };
    let stream = audio_stream(offered.mid.clone(), formats, capabilities, own, direction);
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
        security,
        ice,
        feedback: transport.feedback,
    };
    Ok((stream, negotiated))
}

/// Our audio under other terms, every other stream rejected in its place.
fn later_offer(
    previous: &MediaDescription,
    capabilities: &Capabilities,
    transport: TransportDescription,
    direction: Direction,
) -> MediaDescription {
    let Some((index, old)) = live_audio(previous) else {
        let codecs = offered_formats(&capabilities.codecs, &[]);
        let stream = audio_stream(None, codecs, capabilities, transport, direction);
        return MediaDescription::of(vec![stream]);
    };
    let codecs = offered_formats(&capabilities.codecs, &old.codecs);
    let audio = audio_stream(old.mid.clone(), codecs, capabilities, transport, direction);
    let streams = previous.streams.iter().enumerate().map(|(i, old)| {
        if i == index {
            audio.clone()
        } else {
            rejected(old)
        }
    });
    MediaDescription {
        streams: streams.collect(),
        bundles: bundles_of(previous, old.mid.as_deref()),
    }
}

fn offered_transport(
    capabilities: &Capabilities,
    local: &LocalTransport,
    protection: Protection,
) -> TransportDescription {
    let (security, opportunistic) = security::offered(protection, local);
    TransportDescription {
        rtcp_mux: capabilities.rtcp_mux,
        rtcp_mux_only: capabilities.rtcp_mux && local.is_muxed_only(),
        feedback: protection == Protection::Dtls { feedback: true },
        security,
        opportunistic,
        ice: local.ice.clone(),
        ..TransportDescription::plain(local.rtp, local.rtcp)
    }
}

/// The groups of `description` as far as the one stream goes that is carried (RFC 8843 §7.3.2).
fn bundles_of(description: &MediaDescription, mid: Option<&str>) -> Vec<Vec<String>> {
    let named = |group: &&Vec<String>| group.iter().any(|name| Some(name.as_str()) == mid);
    let groups = description.bundles.iter().filter(named);
    groups.filter_map(|_| Some(vec![mid?.to_owned()])).collect()
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

/// The old way to hold is an unspecified address (RFC 2543): such a writer sends, but receives nothing. With
/// ICE it only means that the candidates say where (RFC 8839 §4.3.1).
fn effective_direction(said: Direction, transport: &TransportDescription) -> Direction {
    let reachable = !transport.rtp.ip().is_unspecified() || transport.ice.is_some();
    Direction::of(said.sends(), said.receives() && reachable)
}

fn live_audio(description: &MediaDescription) -> Option<(usize, &Stream)> {
    let mut streams = description.streams.iter().enumerate();
    streams.find(|(_, stream)| is_live_audio(stream))
}

fn names_audio(kind: &StreamKind) -> bool {
    match kind {
        StreamKind::Known(kind) => *kind == MediaKind::Audio,
        StreamKind::Other { name, .. } => name.eq_ignore_ascii_case("audio"),
    }
}

fn is_live_audio(stream: &Stream) -> bool {
    stream.kind == StreamKind::Known(MediaKind::Audio) && stream.transport.is_some()
}

const fn audio_stream(
    mid: Option<String>,
    codecs: Vec<Codec>,
    capabilities: &Capabilities,
    transport: TransportDescription,
    direction: Direction,
) -> Stream {
    Stream {
        mid,
        kind: StreamKind::Known(MediaKind::Audio),
        direction,
        codecs,
        transport: Some(transport),
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

#[cfg(test)]
#[path = "security_tests.rs"]
mod security_tests;

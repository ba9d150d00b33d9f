//! A description's lines to the signalling-neutral streams.

use std::net::{IpAddr, SocketAddr};

use tandem_types::media::{Stream, StreamKind, TransportDescription};
use tandem_types::{Direction, MediaDescription, MediaKind};

use super::description::{MediaSection, SessionDescription};
use super::error::SdpError;
use super::profile::Profile;
use super::{bundle, codecs, ice, security};

/// What `description` offers or answers: one stream for each m-line, in order.
///
/// * A rejected m-line (port 0) has no transport and no codecs, and flows neither way.
/// * An m-line that this library cannot carry (an unknown kind, an unknown protocol, formats or keys that
///   nothing explains) becomes [`StreamKind::Other`] without transport: the answer rejects it.
/// * The old hold by `c=0.0.0.0` (RFC 3264 §8.4) comes out as a direction that does not receive; with ICE
///   that address means nothing (RFC 8839 §4.3.1) and the direction stands.
/// * Keys under `RTP/AVP` are a wish (RFC 8643): the transport is opportunistic.
/// * An m-line that shares the transport of the first of its BUNDLE group (`a=bundle-only`, or the same port)
///   has that transport.
/// * `a=ptime` is cut to whole milliseconds; `a=remote-candidates` says nothing that is used.
pub fn to_media(description: &SessionDescription) -> Result<MediaDescription, SdpError> {
    let mut bundles = bundle::read(description);
    let streams: Vec<Stream> = description
        .media
        .iter()
        .enumerate()
        .map(|(index, section)| {
            let carrier = bundle::carrier(description, &bundles, section);
            stream(description, section, carrier, index)
        })
        .collect::<Result<_, _>>()?;
    let is_live = |mid: &String| {
        let live = streams.iter().filter(|stream| stream.transport.is_some());
        live.filter_map(|stream| stream.mid.as_ref())
            .any(|named| named == mid)
    };
    for group in &mut bundles {
        group.retain(is_live);
    }
    bundles.retain(|group| !group.is_empty());
    Ok(MediaDescription { streams, bundles })
}

/// The kind that an m-line's first word names, if it is one that this library knows.
pub(super) fn known_kind(media: &str) -> Option<MediaKind> {
    if media.eq_ignore_ascii_case("audio") {
        Some(MediaKind::Audio)
    } else if media.eq_ignore_ascii_case("video") {
        Some(MediaKind::Video)
    } else {
        None
    }
}

/// Which way `section` lets media flow, the old hold included.
pub(super) fn direction(description: &SessionDescription, section: &MediaSection) -> Direction {
    let said = direction_of(&section.attributes)
        .or_else(|| direction_of(&description.attributes))
        .unwrap_or_default();
    let connection = section
        .connection
        .as_ref()
        .or(description.connection.as_ref());
    let nowhere = connection
        .and_then(super::Connection::ip)
        .is_some_and(|ip| ip.is_unspecified());
    if nowhere && !ice::is_offered(description, section) {
        return Direction::of(said.sends(), false);
    }
    said
}

fn stream(
    description: &SessionDescription,
    section: &MediaSection,
    carrier: Option<&MediaSection>,
    index: usize,
) -> Result<Stream, SdpError> {
    let mid = bundle::mid(section).map(str::to_owned);
    let rejected = |kind| Stream {
        mid: mid.clone(),
        kind,
        direction: Direction::Inactive,
        codecs: Vec::new(),
        transport: None,
        packet_ms: None,
    };
    let (Some(kind), Some(profile)) = (known_kind(&section.media), Profile::of(&section.protocol))
    else {
        return Ok(rejected(other(section)));
    };
    if section.is_rejected() && carrier.is_none() {
        return Ok(rejected(StreamKind::Known(kind)));
    }
    let codecs = codecs::read(section);
    let transport = transport(description, carrier.unwrap_or(section), index)?;
    let (Some(transport), false) = (transport, codecs.is_empty()) else {
        return Ok(rejected(other(section)));
    };
    Ok(Stream {
        mid: mid.clone(),
        kind: StreamKind::Known(kind),
        direction: direction(description, section),
        codecs,
        transport: Some(TransportDescription {
            feedback: profile.feedback,
            ..transport
        }),
        packet_ms: packet_ms(description, section),
    })
}

/// `None` where its protocol is unknown, or asks for keys that are not there.
fn transport(
    description: &SessionDescription,
    section: &MediaSection,
    index: usize,
) -> Result<Option<TransportDescription>, SdpError> {
    let Some(profile) = Profile::of(&section.protocol) else {
        return Ok(None);
    };
    let security = security::read(description, section, profile, index)?;
    let Some((security, opportunistic)) = security else {
        return Ok(None);
    };
    let (rtp, rtcp) = addresses(description, section, index)?;
    let has = |name| section.attribute(name).is_some();
    Ok(Some(TransportDescription {
        rtp,
        rtcp,
        rtcp_mux: has("rtcp-mux") || has("rtcp-mux-only"),
        rtcp_mux_only: has("rtcp-mux-only"),
        feedback: profile.feedback,
        security,
        opportunistic,
        ice: ice::read(description, section, index)?,
        ice_mismatch: has("ice-mismatch"),
    }))
}

fn other(section: &MediaSection) -> StreamKind {
    StreamKind::Other {
        name: section.media.clone(),
        protocol: section.protocol.clone(),
        formats: section.formats.clone(),
    }
}

fn direction_of(attributes: &[super::Attribute]) -> Option<Direction> {
    let words = [
        ("sendrecv", Direction::SendRecv),
        ("sendonly", Direction::SendOnly),
        ("recvonly", Direction::RecvOnly),
        ("inactive", Direction::Inactive),
    ];
    attributes.iter().find_map(|attribute| {
        let word = words.iter().find(|(word, _)| attribute.is(word))?;
        Some(word.1)
    })
}

fn addresses(
    description: &SessionDescription,
    section: &MediaSection,
    index: usize,
) -> Result<(SocketAddr, SocketAddr), SdpError> {
    let connection = section
        .connection
        .as_ref()
        .or(description.connection.as_ref());
    let ip = connection
        .ok_or(SdpError::NoConnection { index })?
        .ip()
        .ok_or(SdpError::UnresolvedAddress { index })?;
    let rtp = SocketAddr::new(ip, section.port);
    let rtcp = section
        .attribute("rtcp")
        .and_then(|value| parse_rtcp(value, ip));
    Ok((rtp, rtcp.unwrap_or_else(|| default_rtcp(rtp))))
}

/// Where RTCP goes if nothing is said: the port after RTP's (RFC 3550 §11).
pub(super) fn default_rtcp(rtp: SocketAddr) -> SocketAddr {
    SocketAddr::new(rtp.ip(), rtp.port().checked_add(1).unwrap_or(rtp.port()))
}

/// `port` or `port IN IP4 address` (RFC 3605).
fn parse_rtcp(value: &str, rtp: IpAddr) -> Option<SocketAddr> {
    let mut words = value.split_ascii_whitespace();
    let port = words.next()?.parse().ok().filter(|port| *port != 0)?;
    let address = match words.nth(2) {
        Some(address) => address.parse().ok()?,
        None => rtp,
    };
    Some(SocketAddr::new(address, port))
}

fn packet_ms(description: &SessionDescription, section: &MediaSection) -> Option<u16> {
    let text = description.inherited(section, "ptime")?;
    let whole = text.split('.').next().unwrap_or_default();
    whole.trim().parse().ok().filter(|ms| *ms > 0)
}

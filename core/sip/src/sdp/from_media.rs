//! The signalling-neutral streams to a description's lines.

use std::net::IpAddr;

use tandem_types::media::{Codec, Stream, StreamKind, TransportDescription};
use tandem_types::{Direction, MediaDescription, MediaKind};

use super::description::{Attribute, Connection, MediaSection, Origin, SessionDescription};
use super::profile::protocol_for;
use super::to_media::default_rtcp;
use super::{bundle, codecs, ice, security};

/// `media` as a description with that origin: one m-line for each stream, in order.
///
/// A stream without transport, or without a codec that RTP can carry, is written with port 0. The address of
/// the first live stream stands at the session, others at their m-lines. Hold is a direction, never an
/// address.
pub fn from_media(media: &MediaDescription, origin: &Origin) -> SessionDescription {
    let mut description = SessionDescription::new(origin.clone(), "-".to_owned());
    let live = || media.streams.iter().filter_map(live_transport);
    let session_ip = live()
        .next()
        .map(|transport| transport.rtp.ip())
        .or_else(|| origin.ip());
    description.connection = Some(match session_ip {
        Some(ip) => Connection::new(ip),
        None => Connection {
            address_type: origin.address_type.clone(),
            address: origin.address.clone(),
        },
    });
    bundle::write(&media.bundles, &mut description.attributes);
    if live().any(|transport| transport.ice.as_ref().is_some_and(|ice| ice.lite)) {
        description.attributes.push(Attribute::flag("ice-lite"));
    }
    description.media = media
        .streams
        .iter()
        .map(|stream| section(stream, session_ip))
        .collect();
    description
}

/// The word for a direction.
pub(super) const fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    }
}

/// The transport of a stream that is written with a port.
pub(super) fn live_transport(stream: &Stream) -> Option<&TransportDescription> {
    let carried = match stream.kind {
        StreamKind::Known(_) => stream.codecs.iter().any(codecs::is_writable),
        StreamKind::Other { .. } => false,
    };
    stream
        .transport
        .as_ref()
        .filter(|transport| carried && transport.rtp.port() != 0)
}

/// The first word of a stream's m-line.
pub(super) fn media_word(kind: &StreamKind) -> &str {
    match kind {
        StreamKind::Known(MediaKind::Audio) => "audio",
        StreamKind::Known(MediaKind::Video) => "video",
        // A kind of a later version, which has its own word then.
        StreamKind::Known(_) => "application",
        StreamKind::Other { name, .. } => name,
    }
}

fn section(stream: &Stream, session_ip: Option<IpAddr>) -> MediaSection {
    let writable: Vec<&Codec> = stream
        .codecs
        .iter()
        .filter(|c| codecs::is_writable(c))
        .collect();
    let mut section = MediaSection {
        media: media_word(&stream.kind).to_owned(),
        port: 0,
        port_count: None,
        protocol: "RTP/AVP".to_owned(),
        formats: writable
            .iter()
            .map(|codec| codec.payload_type.to_string())
            .collect(),
        connection: None,
        lines: Vec::new(),
        attributes: Vec::new(),
    };
    if let StreamKind::Other {
        protocol, formats, ..
    } = &stream.kind
    {
        section.protocol.clone_from(protocol);
        section.formats.clone_from(formats);
    }
    if section.formats.is_empty() {
        section
            .formats
            .push(placeholder_format(&stream.kind).to_owned());
    }
    let attributes = &mut section.attributes;
    for codec in writable {
        codecs::write(codec, attributes);
    }
    if let Some(transport) = live_transport(stream) {
        section.port = transport.rtp.port();
        section.protocol = protocol_for(transport).to_owned();
        let ip = transport.rtp.ip();
        section.connection = (Some(ip) != session_ip).then(|| Connection::new(ip));
        if let Some(ms) = stream.packet_ms {
            attributes.push(Attribute::new("ptime", ms.to_string()));
        }
        write_rtcp(transport, attributes);
        security::write(&transport.security, attributes);
        if let Some(description) = &transport.ice {
            ice::write(description, attributes);
        }
        if transport.ice_mismatch {
            attributes.push(Attribute::flag("ice-mismatch"));
        }
        // Written even where it is the default: some parsers lose the m-line otherwise.
        attributes.push(Attribute::flag(direction_word(stream.direction)));
    }
    if let Some(mid) = &stream.mid {
        attributes.push(Attribute::new("mid", mid.as_str()));
    }
    section
}

fn write_rtcp(transport: &TransportDescription, attributes: &mut Vec<Attribute>) {
    let TransportDescription { rtp, rtcp, .. } = transport;
    if *rtcp != default_rtcp(*rtp) {
        let value = if rtcp.ip() == rtp.ip() {
            rtcp.port().to_string()
        } else {
            let Connection {
                address_type,
                address,
            } = Connection::new(rtcp.ip());
            format!("{} IN {address_type} {address}", rtcp.port())
        };
        attributes.push(Attribute::new("rtcp", value));
    }
    if transport.rtcp_mux {
        attributes.push(Attribute::flag("rtcp-mux"));
        if transport.rtcp_mux_only {
            attributes.push(Attribute::flag("rtcp-mux-only"));
        }
    }
}

/// A format for a rejected m-line that has none: the grammar wants one, and static types need no map.
const fn placeholder_format(kind: &StreamKind) -> &'static str {
    match kind {
        StreamKind::Known(MediaKind::Video) => "31",
        StreamKind::Known(_) | StreamKind::Other { .. } => "0",
    }
}

//! Who appears in the stories, and what they say.

use std::net::SocketAddr;
use std::time::Duration;

use tandem_sip::agent::{AgentConfig, LocalAddresses, TransportKind};
use tandem_types::media::{Codec, Stream, StreamKind, TransportDescription};
use tandem_types::{Direction, MediaDescription, MediaKind};

pub const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn config(name: &str, host: u8, transport: TransportKind) -> AgentConfig {
    let address = SocketAddr::from(([192, 0, 2, host], 5060));
    let local = match transport {
        TransportKind::Udp => LocalAddresses {
            udp: Some(address),
            ..LocalAddresses::default()
        },
        TransportKind::Tcp => LocalAddresses {
            tcp: Some(address),
            ..LocalAddresses::default()
        },
        TransportKind::Tls => LocalAddresses {
            tls: Some(SocketAddr::new(address.ip(), 0)),
            ..LocalAddresses::default()
        },
    };
    let aor = format!("sip:{name}@192.0.2.{host}").parse().unwrap();
    let mut config = AgentConfig::new(aor, transport, local);
    config.instance_id = format!("urn:uuid:00000000-0000-1000-8000-0000000000{host:02x}");
    config
}

/// Audio at `port`, in that direction.
pub fn media(port: u16, direction: Direction) -> MediaDescription {
    let rtp = SocketAddr::from(([192, 0, 2, 99], port));
    let codec = |payload_type, name: &str| Codec {
        payload_type,
        name: name.to_owned(),
        clock_rate: 8000,
        channels: 1,
        parameters: None,
    };
    let stream = Stream {
        mid: None,
        kind: StreamKind::Known(MediaKind::Audio),
        direction,
        codecs: vec![codec(8, "PCMA"), codec(0, "PCMU")],
        transport: Some(TransportDescription::plain(
            rtp,
            SocketAddr::new(rtp.ip(), port + 1),
        )),
        packet_ms: None,
    };
    MediaDescription::of(vec![stream])
}

/// The RTP port of the first stream.
pub fn port(media: &MediaDescription) -> u16 {
    media.streams[0].transport.as_ref().unwrap().rtp.port()
}

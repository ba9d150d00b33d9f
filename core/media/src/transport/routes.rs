//! Which stream of a bundle a packet belongs to (RFC 8843 §9.2).
//!
//! By the MID in its header extension, else by an SSRC that is known, else by a payload type that only one
//! stream uses. A transport of one stream is the same with a list of one.

use std::collections::{BTreeMap, BTreeSet};

use rtc_rtp::header::Header;

/// Streams of one bundle.
const MAX_STREAMS: usize = 16;
/// Sources remembered; new ones beyond are recognised packet by packet.
const MAX_SOURCES: usize = 64;

/// One stream's marks.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Route {
    /// `a=mid`.
    pub(crate) mid: Option<String>,
    /// What may arrive.
    pub(crate) payload_types: BTreeSet<u8>,
}

/// All streams of a transport, in the order of the description.
#[derive(Debug, Default)]
pub(super) struct Routes {
    streams: Vec<Route>,
    /// The number of the MID header extension (RFC 8285), if agreed on.
    mid_extension: Option<u8>,
    sources: BTreeMap<u32, usize>,
}

impl Routes {
    /// Takes the streams that were agreed on.
    pub(super) fn set(&mut self, streams: Vec<Route>, mid_extension: Option<u8>) {
        if self.streams.len() != streams.len() {
            self.sources.clear();
        }
        self.streams = streams;
        self.streams.truncate(MAX_STREAMS);
        self.mid_extension = mid_extension;
    }

    /// The stream of a packet; `None`: its payload type was not agreed on, or it could be of several.
    pub(super) fn find(&mut self, header: &Header) -> Option<usize> {
        let by_mid = self.mid_extension.and_then(|number| {
            let mid = header.get_extension(number)?;
            self.streams
                .iter()
                .position(|stream| stream.mid.as_deref().map(str::as_bytes) == Some(mid.as_ref()))
        });
        let known = by_mid.or_else(|| self.sources.get(&header.ssrc).copied());
        let takes = |stream: &Route| stream.payload_types.contains(&header.payload_type);
        let stream = match known {
            Some(stream) => self
                .streams
                .get(stream)
                .is_some_and(takes)
                .then_some(stream),
            None => self.only(takes),
        }
        .or_else(|| self.only(takes))?;
        if self.sources.len() < MAX_SOURCES {
            self.sources.insert(header.ssrc, stream);
        }
        Some(stream)
    }

    fn only(&self, takes: impl Fn(&Route) -> bool) -> Option<usize> {
        let mut found = self
            .streams
            .iter()
            .enumerate()
            .filter(|(_, stream)| takes(stream));
        let (stream, _) = found.next()?;
        found.next().is_none().then_some(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn route(mid: &str, payload_types: &[u8]) -> Route {
        Route {
            mid: Some(mid.to_owned()),
            payload_types: payload_types.iter().copied().collect(),
        }
    }

    fn header(ssrc: u32, payload_type: u8, mid: Option<&'static str>) -> Header {
        let mut header = Header {
            version: 2,
            ssrc,
            payload_type,
            ..Header::default()
        };
        if let Some(mid) = mid {
            header
                .set_extension(3, Bytes::from_static(mid.as_bytes()))
                .unwrap();
        }
        header
    }

    #[test]
    fn a_packet_finds_its_stream_by_mid_then_source_then_payload_type() {
        let mut routes = Routes::default();
        let streams = vec![route("audio", &[0, 8, 96]), route("video", &[97, 96])];
        routes.set(streams, Some(3));
        assert_eq!(routes.find(&header(1, 0, None)), Some(0));
        assert_eq!(routes.find(&header(2, 97, None)), Some(1));
        // 96 is of both: only the MID tells, and from then on the source.
        assert_eq!(routes.find(&header(3, 96, None)), None);
        assert_eq!(routes.find(&header(3, 96, Some("video"))), Some(1));
        assert_eq!(routes.find(&header(3, 96, None)), Some(1));
        assert_eq!(routes.find(&header(4, 96, Some("audio"))), Some(0));
        assert_eq!(routes.find(&header(5, 13, Some("audio"))), None);
    }

    #[test]
    fn one_stream_takes_what_it_agreed_on() {
        let mut routes = Routes::default();
        assert_eq!(routes.find(&header(1, 0, None)), None);
        routes.set(
            vec![Route {
                mid: None,
                ..route("", &[0])
            }],
            None,
        );
        assert_eq!(routes.find(&header(1, 0, None)), Some(0));
        assert_eq!(routes.find(&header(1, 9, None)), None);
    }
}

//! What holds for every description, not only for the examples.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::collection::vec;
use proptest::prelude::*;
use tandem_sip::sdp::{
    Origin, SdpSession, SessionDescription, from_media, parse_fragment, print_fragment, to_media,
};
use tandem_types::media::{
    Codec, DtlsSetup, Fingerprint, IceDescription, SdesKey, Security, Stream, StreamKind,
    TransportDescription,
};
use tandem_types::{Direction, MediaDescription, MediaKind, Pii, SeededEntropy};

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9._+-]{1,12}"
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes))),
        any::<[u8; 16]>().prop_map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes))),
    ]
    .prop_filter("0.0.0.0 and :: mean hold", |ip| !ip.is_unspecified())
}

fn socket() -> impl Strategy<Value = SocketAddr> {
    (address(), 1..=u16::MAX).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

fn direction() -> impl Strategy<Value = Direction> {
    (any::<bool>(), any::<bool>()).prop_map(|(send, receive)| Direction::of(send, receive))
}

fn codecs() -> impl Strategy<Value = Vec<Codec>> {
    let parameters = "[a-z0-9=;-]{1,20}( [a-z0-9=]{1,8})?";
    let codec = (
        token(),
        1..=u32::MAX,
        1..=u8::MAX,
        proptest::option::of(parameters),
    );
    let types = proptest::sample::subsequence((0..=127_u8).collect::<Vec<_>>(), 1..8);
    (types.prop_shuffle(), vec(codec, 8)).prop_map(|(types, details)| {
        types
            .into_iter()
            .zip(details)
            .map(
                |(payload_type, (name, clock_rate, channels, parameters))| Codec {
                    payload_type,
                    name,
                    clock_rate,
                    channels,
                    parameters,
                },
            )
            .collect()
    })
}

fn security() -> impl Strategy<Value = Security> {
    let key = (
        0..=999_999_999_u32,
        token(),
        "inline:[A-Za-z0-9+/=]{1,40}( KDR=1)?",
    )
        .prop_map(|(tag, suite, params)| SdesKey {
            tag,
            suite,
            key_params: Pii::new(params),
        });
    let fingerprint = ("sha-(1|256|512)", vec(any::<u8>(), 1..64))
        .prop_map(|(hash, bytes)| Fingerprint { hash, bytes });
    let setup = prop_oneof![
        Just(DtlsSetup::Active),
        Just(DtlsSetup::ActPass),
        Just(DtlsSetup::Passive),
        Just(DtlsSetup::HoldConn)
    ];
    prop_oneof![
        Just(Security::Plain),
        vec(key, 1..4).prop_map(|keys| Security::Sdes { keys }),
        (
            setup,
            vec(fingerprint, 1..3),
            proptest::option::of("[A-Za-z0-9+/_-]{20,255}")
        )
            .prop_map(|(setup, fingerprints, tls_id)| Security::Dtls {
                setup,
                fingerprints,
                tls_id,
            }),
    ]
}

fn ice(lite: bool) -> impl Strategy<Value = Option<IceDescription>> {
    let candidate = "[a-z0-9]{1,8} 1 UDP [0-9]{1,9} 192\\.0\\.2\\.1 [0-9]{1,4} typ host";
    let description = (
        "[a-zA-Z0-9+/]{4,20}",
        "[a-zA-Z0-9+/]{22,40}",
        vec(candidate, 0..5),
        any::<[bool; 3]>(),
    );
    proptest::option::of(description.prop_map(
        move |(username_fragment, password, candidates, [trickle, ice2, end_of_candidates])| {
            IceDescription {
                username_fragment,
                password: Pii::new(password),
                candidates,
                lite,
                trickle,
                ice2,
                end_of_candidates,
            }
        },
    ))
}

/// Where RTCP goes, given RTP: the next port, another one, another machine, or both.
fn with_rtcp() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    (socket(), socket(), 0..4).prop_map(|(rtp, other, case)| {
        let next = rtp.port().checked_add(1).unwrap_or(rtp.port());
        let rtcp = match case {
            0 => SocketAddr::new(rtp.ip(), next),
            1 => SocketAddr::new(rtp.ip(), other.port()),
            2 => SocketAddr::new(other.ip(), next),
            _ => other,
        };
        (rtp, rtcp)
    })
}

fn transport(lite: bool) -> impl Strategy<Value = TransportDescription> {
    (with_rtcp(), any::<[bool; 5]>(), security(), ice(lite)).prop_map(
        |((rtp, rtcp), [mux, mux_only, feedback, opportunistic, ice_mismatch], security, ice)| {
            TransportDescription {
                rtp,
                rtcp,
                rtcp_mux: mux,
                rtcp_mux_only: mux && mux_only,
                feedback,
                opportunistic: opportunistic && security != Security::Plain,
                security,
                ice,
                ice_mismatch,
            }
        },
    )
}

fn known() -> impl Strategy<Value = StreamKind> {
    prop_oneof![Just(MediaKind::Audio), Just(MediaKind::Video)].prop_map(StreamKind::Known)
}

fn stream(lite: bool) -> impl Strategy<Value = Stream> {
    let live = (
        proptest::option::of(token()),
        known(),
        direction(),
        codecs(),
        transport(lite),
        proptest::option::of(1..=u16::MAX),
    )
        .prop_map(
            |(mid, kind, direction, codecs, transport, packet_ms)| Stream {
                mid,
                kind,
                direction,
                codecs,
                transport: Some(transport),
                packet_ms,
            },
        );
    let other = ("(image|message|application)", token(), vec(token(), 1..4)).prop_map(
        |(name, protocol, formats)| StreamKind::Other {
            name,
            protocol,
            formats,
        },
    );
    let rejected =
        (proptest::option::of(token()), prop_oneof![known(), other]).prop_map(|(mid, kind)| {
            Stream {
                mid,
                kind,
                direction: Direction::Inactive,
                codecs: Vec::new(),
                transport: None,
                packet_ms: None,
            }
        });
    prop_oneof![3 => live, 1 => rejected]
}

/// Every description that SDP can express. ICE-lite is a property of the writer, so of all its streams; ids
/// are unlike each other, and those of live streams may be in a group.
fn description() -> impl Strategy<Value = MediaDescription> {
    any::<bool>()
        .prop_flat_map(|lite| (vec(stream(lite), 0..5), vec(0..3_usize, 5)))
        .prop_map(|(mut streams, group_of)| {
            let mut groups = vec![Vec::new(); 3];
            for ((index, stream), group) in streams.iter_mut().enumerate().zip(group_of) {
                let Some(mid) = &mut stream.mid else { continue };
                mid.push_str(&index.to_string());
                if stream.transport.is_some()
                    && let Some(group) = groups.get_mut(group)
                {
                    group.push(mid.clone());
                }
            }
            // The last third stays alone.
            groups.truncate(2);
            groups.retain(|group| !group.is_empty());
            MediaDescription {
                streams,
                bundles: groups,
            }
        })
}

/// Text of lines that look like SDP, mostly right: about half of it can be read, most of that has live
/// streams.
fn nearly_sdp() -> impl Strategy<Value = String> {
    let m_line = "m=(audio|video) [1-9][0-9]{0,3}(/2)? (RTP/S?AVPF?|UDP/TLS/RTP/SAVP) \
                  (0|8|96)( [0-9]{1,3}){0,4}";
    let odd_m_line = "m=(audio|image|x) [0-9]{1,5} (RTP/AVP|udptl|TCP/TLS)( [0-9a-z*]{1,3}){0,3}";
    let mapped = "a=(rtpmap|fmtp):(0|8|96|101) [a-zA-Z0-9/ ;=]{0,12}";
    let secured = "a=(crypto:[0-9]{1,2}|fingerprint:sha-256|setup:|tls-id:|ice-ufrag:|ice-pwd:) \
                   ?[A-Fa-f0-9: ]{0,24}";
    let other = "a=(rtcp|candidate|ptime|mid|group:BUNDLE|bundle-only|sendonly|inactive|rtcp-mux|ice-lite):?[ -~]{0,20}";
    let line = prop_oneof![
        12 => m_line,
        3 => odd_m_line,
        8 => mapped,
        6 => secured,
        6 => other,
        3 => "[siuepbtrzkxq]=[ -~]{0,30}",
        2 => "c=IN IP4 (192\\.0\\.2\\.[0-9]{1,3}|0\\.0\\.0\\.0|host)(/[0-9])?",
        1 => "[a-z]=[ -~]{0,10}",
        1 => "\\PC{0,20}",
    ];
    let end = prop_oneof![Just("\r\n"), Just("\n"), Just("\r")];
    vec((line, end), 0..30).prop_map(|lines| {
        let mut text = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\n".to_owned();
        for (line, end) in lines {
            text.push_str(&line);
            text.push_str(end);
        }
        text
    })
}

/// Whatever could be read must print to something that reads the same, and must go through the mapping and
/// through an answer.
fn exercise(bytes: &[u8]) {
    let Ok(read) = SessionDescription::parse(bytes) else {
        return;
    };
    let again = SessionDescription::parse(read.to_string().as_bytes()).unwrap();
    // The printer sorts lines within a section, so a second print is the fixed point.
    assert_eq!(again.to_string(), read.to_string());
    let Ok(media) = to_media(&read) else { return };
    assert_eq!(to_media(&again).unwrap(), media);
    assert_eq!(media.streams.len(), read.media.len());
    let ours = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));
    let mut session = SdpSession::new(ours, &mut SeededEntropy::new(1));
    if let Ok(answer) = session.answer(&read, &media) {
        assert_eq!(answer.media.len(), read.media.len());
        for (said, offered) in answer.media.iter().zip(&read.media) {
            assert_eq!(
                (&said.media, &said.protocol),
                (&offered.media, &offered.protocol)
            );
        }
        SessionDescription::parse(answer.to_string().as_bytes()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_description_survives_the_way_through_sdp(media in description(), ip in address()) {
        let origin = Origin::new("-", 1, 1, ip);
        let text = from_media(&media, &origin).to_string();
        let read = SessionDescription::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(&read.origin, &origin, "{}", text);
        prop_assert_eq!(to_media(&read).unwrap(), media, "{}", text);
    }

    #[test]
    fn every_offer_can_be_accepted_as_it_is(media in description(), ip in address()) {
        let mut caller = SdpSession::new(ip, &mut SeededEntropy::new(1));
        let mut callee = SdpSession::new(ip, &mut SeededEntropy::new(2));
        let offer = caller.offer(&media).unwrap();
        let mut mirror = to_media(&offer).unwrap();
        for stream in &mut mirror.streams {
            stream.direction = Direction::SendRecv;
        }
        let answer = callee.answer(&offer, &mirror).unwrap();
        let answered = to_media(&answer).unwrap();
        for (ours, theirs) in answered.streams.iter().zip(&media.streams) {
            prop_assert_eq!(&ours.kind, &theirs.kind);
            prop_assert_eq!(&ours.mid, &theirs.mid);
            prop_assert_eq!(ours.direction, theirs.direction.reversed());
        }
        prop_assert_eq!(callee.answer(&offer, &mirror).unwrap(), answer, "a repetition is no change");
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..2000)) {
        exercise(&bytes);
        let _ = parse_fragment(&bytes);
        let mut text = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n".to_vec();
        text.extend_from_slice(&bytes);
        exercise(&text);
    }

    #[test]
    fn nothing_that_looks_like_sdp_panics(text in nearly_sdp()) {
        exercise(text.as_bytes());
        // A fragment of what is read is written so that it reads the same.
        if let Ok(updates) = parse_fragment(text.as_bytes()) {
            let again = parse_fragment(print_fragment(&updates).as_bytes());
            prop_assert_eq!(again.unwrap(), updates);
        }
    }

    #[test]
    fn no_value_can_begin_a_line_of_its_own(evil in "[\\r\\n\\x00 a-z=:]{0,20}", ip in address()) {
        let media = MediaDescription::of(vec![Stream {
            mid: Some(evil.clone()),
            kind: StreamKind::Other { name: "image".into(), protocol: evil.clone(), formats: vec![evil] },
            direction: Direction::Inactive,
            codecs: Vec::new(),
            transport: None,
            packet_ms: None,
        }]);
        let text = from_media(&media, &Origin::new("-", 1, 1, ip)).to_string();
        let letters: String = text.split("\r\n").filter_map(|line| line.chars().next()).collect();
        prop_assert_eq!(letters, "vosctma", "{}", text);
        prop_assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']));
    }
}

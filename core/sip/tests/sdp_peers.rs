//! Descriptions as real phones and servers write them, and what is understood of each.
//!
//! Those of baresip and SIPp were captured from the programs; those of Asterisk, Cisco and Chromium follow
//! published traces. Addresses and keys are replaced by documentation ones.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]
#![allow(clippy::indexing_slicing, reason = "a missing stream fails the test")]

use tandem_sip::sdp::{SdpError, SessionDescription, from_media, to_media};
use tandem_types::media::{DtlsSetup, Security, Stream, StreamKind};
use tandem_types::{Direction, MediaDescription, MediaKind};

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../tests/fixtures/sdp/", $name, ".sdp"))
    };
}

fn parse(text: &str) -> SessionDescription {
    SessionDescription::parse(text.as_bytes()).unwrap()
}

fn media(text: &str) -> MediaDescription {
    to_media(&parse(text)).unwrap()
}

/// `name/rate[/channels]@type`, in order.
fn codecs(stream: &Stream) -> String {
    let words: Vec<String> = stream
        .codecs
        .iter()
        .map(|c| match c.channels {
            1 => format!("{}/{}@{}", c.name, c.clock_rate, c.payload_type),
            n => format!("{}/{}/{n}@{}", c.name, c.clock_rate, c.payload_type),
        })
        .collect();
    words.join(" ")
}

fn rtp_rtcp(stream: &Stream) -> (String, String) {
    let transport = stream.transport.as_ref().unwrap();
    (transport.rtp.to_string(), transport.rtcp.to_string())
}

#[test]
fn baresip_offers_audio_and_video_without_ids() {
    let media = media(fixture!("baresip-audio-video"));
    let [audio, video] = media.streams.as_slice() else {
        panic!("{media:?}")
    };
    assert_eq!(audio.kind, StreamKind::Known(MediaKind::Audio));
    assert_eq!(
        codecs(audio),
        "opus/48000/2@96 G722/8000@9 PCMU/8000@0 PCMA/8000@8 telephone-event/8000@101"
    );
    assert_eq!(
        audio.codecs[0].parameters.as_deref(),
        Some("stereo=1;sprop-stereo=1")
    );
    assert_eq!(audio.codecs[4].parameters.as_deref(), Some("0-15"));
    assert_eq!(
        (audio.mid.clone(), audio.direction),
        (None, Direction::SendRecv)
    );
    assert_eq!(audio.packet_ms, Some(20));
    assert_eq!(
        rtp_rtcp(audio),
        ("192.0.2.50:31048".to_owned(), "192.0.2.50:31049".to_owned())
    );
    assert_eq!(audio.transport.as_ref().unwrap().security, Security::Plain);
    assert_eq!(video.kind, StreamKind::Known(MediaKind::Video));
    assert_eq!(codecs(video), "VP8/90000@96");
}

#[test]
fn baresip_offers_srtp_with_keys_in_the_signalling() {
    let media = media(fixture!("baresip-srtp"));
    let transport = media.streams[0].transport.as_ref().unwrap();
    assert!(transport.rtcp_mux);
    let Security::Sdes { keys } = &transport.security else {
        panic!("{:?}", transport.security)
    };
    assert_eq!(keys.len(), 1);
    assert_eq!(
        (keys[0].tag, keys[0].suite.as_str()),
        (1, "AES_CM_128_HMAC_SHA1_80")
    );
    assert!(keys[0].key_params.reveal().starts_with("inline:LTic3HF8"));
}

#[test]
fn baresip_offers_dtls_and_ice_with_credentials_of_the_session() {
    let media = media(fixture!("baresip-dtls-ice"));
    assert_eq!(media.streams.len(), 2);
    for stream in &media.streams {
        let transport = stream.transport.as_ref().unwrap();
        assert_eq!(
            transport.rtp.ip().to_string(),
            "192.0.2.2",
            "the m-line's own c= wins"
        );
        let ice = transport.ice.as_ref().unwrap();
        assert_eq!(
            (ice.username_fragment.as_str(), ice.candidates.len()),
            ("FCHGOcY", 1)
        );
        assert_eq!(ice.password.reveal(), "BpWjAtTCjPo7Mrpm6Avoc26lFANaj1P");
        let Security::Dtls {
            setup,
            fingerprints,
            ..
        } = &transport.security
        else {
            panic!("{:?}", transport.security)
        };
        assert_eq!(*setup, DtlsSetup::ActPass);
        assert_eq!(
            fingerprints[0].hash, "sha-256",
            "names of hashes have no case"
        );
        assert_eq!(fingerprints[0].bytes.len(), 32);
        assert_eq!(fingerprints[0].bytes[..2], [0x55, 0x99]);
    }
}

#[test]
fn sipp_sends_the_plainest_offer_of_all() {
    let media = media(fixture!("sipp-uac"));
    assert_eq!(codecs(&media.streams[0]), "PCMU/8000@0");
    assert_eq!(media.streams[0].direction, Direction::SendRecv);
    assert_eq!(media.streams[0].packet_ms, None);
}

#[test]
fn asterisk_is_understood_by_both_of_its_sip_stacks() {
    let pjsip = media(fixture!("asterisk-pjsip"));
    assert_eq!(
        codecs(&pjsip.streams[0]),
        "PCMU/8000@0 PCMA/8000@8 G722/8000@9 opus/48000/2@107 telephone-event/8000@101"
    );

    // RTP/SAVPF with a=crypto and ICE, and no fingerprint.
    let old = media(fixture!("asterisk-savpf-sdes-ice"));
    let transport = old.streams[0].transport.as_ref().unwrap();
    assert!(
        matches!(transport.security, Security::Sdes { .. }),
        "{:?}",
        transport.security
    );
    assert_eq!(transport.ice.as_ref().unwrap().candidates.len(), 2);
    assert!(!transport.rtcp_mux);
}

#[test]
fn a_cisco_answer_in_an_ack_keeps_its_four_rejected_m_lines() {
    let media = media(fixture!("cisco-ack-answer"));
    let kinds: Vec<String> = media
        .streams
        .iter()
        .map(|stream| match &stream.kind {
            StreamKind::Known(kind) => format!("{kind:?}"),
            StreamKind::Other {
                name,
                protocol,
                formats,
            } => {
                format!("{name} {protocol} {}", formats.join(","))
            }
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "Audio",
            "Video",
            "application UDP/BFCP *",
            "application RTP/AVP 96",
            "application UDP/UDT/IX *"
        ]
    );
    assert_eq!(
        codecs(&media.streams[0]),
        "G729/8000@18 telephone-event/8000@101"
    );
    for rejected in &media.streams[1..] {
        assert_eq!((&rejected.transport, rejected.codecs.len()), (&None, 0));
        assert_eq!(rejected.direction, Direction::Inactive);
    }
}

#[test]
fn chromium_behind_jssip_gives_no_address_and_holds_nobody() {
    let media = media(fixture!("jssip-chromium"));
    let audio = &media.streams[0];
    assert_eq!(audio.mid.as_deref(), Some("0"));
    assert_eq!(
        audio.direction,
        Direction::SendRecv,
        "with ICE, 0.0.0.0 is no hold"
    );
    assert_eq!(
        codecs(audio),
        "opus/48000/2@111 red/48000/2@63 G722/8000@9 PCMU/8000@0 PCMA/8000@8 CN/8000@13 \
         telephone-event/48000@110 telephone-event/8000@126"
    );
    let transport = audio.transport.as_ref().unwrap();
    assert_eq!(
        rtp_rtcp(audio),
        ("0.0.0.0:9".to_owned(), "0.0.0.0:9".to_owned())
    );
    assert!(transport.rtcp_mux);
    let candidates = &transport.ice.as_ref().unwrap().candidates;
    assert_eq!(candidates.len(), 2);
    assert!(candidates[1].contains(".local 36768"), "{candidates:?}");
}

#[test]
fn hold_is_understood_in_every_form() {
    let with = |connection: &str, attribute: &str| {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN {connection}\r\nt=0 0\r\n\
             m=audio 4000 RTP/AVP 0\r\n{attribute}"
        );
        media(&text).streams[0].direction
    };
    let here = "IP4 192.0.2.1";
    assert_eq!(with(here, ""), Direction::SendRecv);
    assert_eq!(with(here, "a=sendonly\r\n"), Direction::SendOnly);
    assert_eq!(with(here, "a=inactive\r\n"), Direction::Inactive);
    assert_eq!(with(here, "a=recvonly\r\n"), Direction::RecvOnly);
    // RFC 2543 phones, and some that say both.
    assert_eq!(with("IP4 0.0.0.0", ""), Direction::SendOnly);
    assert_eq!(with("IP4 0.0.0.0", "a=sendonly\r\n"), Direction::SendOnly);
    assert_eq!(with("IP4 0.0.0.0", "a=recvonly\r\n"), Direction::Inactive);
    assert_eq!(with("IP6 ::", ""), Direction::SendOnly);
    // The m-line's own address is the one that counts.
    assert_eq!(
        with("IP4 0.0.0.0", "c=IN IP4 192.0.2.1\r\n"),
        Direction::SendRecv
    );
    assert_eq!(with(here, "c=IN IP4 0.0.0.0\r\n"), Direction::SendOnly);
    assert_eq!(
        media(fixture!("cisco-hold-inactive")).streams[0].direction,
        Direction::Inactive
    );
}

#[test]
fn a_direction_of_the_session_applies_where_the_m_line_says_nothing() {
    let media = media(
        "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\na=sendonly\n\
         m=audio 4000 RTP/AVP 0\nm=audio 4002 RTP/AVP 0\na=recvonly\n",
    );
    let directions: Vec<Direction> = media.streams.iter().map(|s| s.direction).collect();
    assert_eq!(directions, [Direction::SendOnly, Direction::RecvOnly]);
}

#[test]
fn a_fax_line_is_kept_by_name_for_the_answer_to_reject() {
    let media = media(fixture!("fax-t38"));
    assert_eq!(
        media.streams[0].kind,
        StreamKind::Other {
            name: "image".to_owned(),
            protocol: "udptl".to_owned(),
            formats: vec!["t38".to_owned()],
        }
    );
    assert_eq!(media.streams[0].transport, None);
    assert_eq!(
        codecs(&media.streams[1]),
        "G729/8000@18 telephone-event/8000@96"
    );
    assert_eq!(
        media.streams[1].codecs[1].parameters.as_deref(),
        Some("0-15,32-35")
    );
}

#[test]
fn a_sloppy_writer_is_understood_as_far_as_it_makes_sense() {
    let description = parse(fixture!("sloppy-lf"));
    assert_eq!(description.origin.username, "phone with spaces");
    assert_eq!(description.origin.version, "99999999999999999999999");
    assert_eq!(description.name, "-");
    assert_eq!(description.media[0].attribute("unknown"), Some(""));
    assert_eq!(description.media[0].port_count, Some(2));

    let media = to_media(&description).unwrap();
    let audio = &media.streams[0];
    assert_eq!(
        codecs(audio),
        "G729/8000@18 GSM/8000@3 PCMU/8000@0 PCMA/8000@8 G722/8000@9"
    );
    assert_eq!(
        (audio.direction, audio.packet_ms),
        (Direction::RecvOnly, Some(30))
    );
    assert_eq!(
        rtp_rtcp(audio),
        (
            "[2001:db8::7]:5004".to_owned(),
            "[2001:db8::8]:5100".to_owned()
        )
    );
    assert_eq!(media.streams[1].transport, None);

    assert_eq!(
        description.to_string(),
        "v=0\r\n\
         o=phone with spaces 1 99999999999999999999999 IN IP6 2001:db8::7\r\n\
         s=-\r\n\
         c=IN IP6 2001:db8::7\r\n\
         t=0 0\r\n\
         a=recvonly\r\n\
         a=ptime:30\r\n\
         m=audio 5004/2 rtp/avp 18 3 0 8 9 18 200 x 99\r\n\
         i=hall\r\n\
         a=unknown\r\n\
         a=rtcp:5100 IN IP6 2001:db8::8\r\n\
         m=video 0 RTP/AVP\r\n"
    );
}

#[test]
fn what_cannot_be_carried_becomes_a_stream_to_reject_not_an_error() {
    let line = |m: &str| {
        let text = format!("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n{m}\n");
        media(&text).streams[0].clone()
    };
    for m in [
        "m=audio 4000 TCP/RTP/AVP 0",
        "m=audio 4000 RTP/AVP 96",
        "m=audio 4000 RTP/AVP 96\na=rtpmap:96 opus",
        "m=audio 4000 RTP/AVP 96\na=rtpmap:96 opus/0",
        "m=audio 4000 RTP/SAVP 0",
        "m=audio 4000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80",
        "m=audio 4000 UDP/TLS/RTP/SAVPF 0\na=setup:actpass",
        "m=audio 4000 UDP/TLS/RTP/SAVPF 0\na=fingerprint:sha-256 0G:11",
        "m=message 2855 TCP/MSRP *\na=path:msrp://192.0.2.1:2855/x;tcp",
    ] {
        let stream = line(m);
        assert!(
            matches!(stream.kind, StreamKind::Other { .. }),
            "{m}: {stream:?}"
        );
        assert_eq!(
            (stream.transport, stream.direction),
            (None, Direction::Inactive),
            "{m}"
        );
    }
    // Keys where plain RTP is asked for (RFC 8643) are a wish.
    let wished = line("m=audio 4000 RTP/AVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x");
    let wished = wished.transport.unwrap();
    assert!(matches!(wished.security, Security::Sdes { .. }) && wished.opportunistic);
    // DTLS under the profile of SDES, as some gateways write it.
    let gateway = line("m=audio 4000 RTP/SAVPF 0\na=fingerprint:sha-256 00:11\na=setup:passive");
    assert!(matches!(
        gateway.transport.unwrap().security,
        Security::Dtls {
            setup: DtlsSetup::Passive,
            ..
        }
    ));
}

#[test]
fn broken_descriptions_say_what_is_wrong() {
    let err = |text: &str| SessionDescription::parse(text.as_bytes()).unwrap_err();
    let head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n";
    assert_eq!(err(""), SdpError::NotSdp);
    assert_eq!(err("v=1\r\n"), SdpError::NotSdp);
    assert_eq!(
        err("INVITE sip:bob@example.org SIP/2.0\r\n"),
        SdpError::NotSdp
    );
    assert_eq!(err("v=0\r\ns=-\r\n"), SdpError::NoOrigin);
    assert_eq!(
        err(&format!("{head}nonsense\r\n")),
        SdpError::BadLine { line: 3 }
    );
    assert_eq!(
        err(&format!("{head}ab=c\r\n")),
        SdpError::BadLine { line: 3 }
    );
    assert_eq!(
        err(&format!("{head}s=\0\r\n")),
        SdpError::BadLine { line: 3 }
    );
    assert_eq!(
        err(&format!("{head}\r\n\r\nc=IN IP4\r\n")),
        SdpError::BadLine { line: 5 }
    );
    assert_eq!(
        err(&format!("{head}m=audio\r\n")),
        SdpError::BadLine { line: 3 }
    );
    assert_eq!(
        err(&format!("{head}m=audio 65536 RTP/AVP 0\r\n")),
        SdpError::BadLine { line: 3 }
    );
    assert_eq!(
        err(&format!("{head}m=audio -1 RTP/AVP 0\r\n")),
        SdpError::BadLine { line: 3 }
    );
    assert_eq!(
        err(&format!("{head}a=:x\r\n")),
        SdpError::BadLine { line: 3 }
    );
    let m = |n| format!("{head}{}", "m=audio 0 RTP/AVP 0\r\n".repeat(n));
    assert_eq!(parse(&m(32)).media.len(), 32);
    assert_eq!(err(&m(33)), SdpError::TooManyMedia);
    let a = |n| format!("{head}m=audio 4000 RTP/AVP 0\r\n{}", "a=x\r\n".repeat(n));
    assert_eq!(parse(&a(512)).media[0].attributes.len(), 512);
    assert_eq!(err(&a(513)), SdpError::TooManyAttributes);
    assert_eq!(
        err(&format!("{head}{}", "b=AS:1\r\n".repeat(513))),
        SdpError::TooManyAttributes
    );
    let f = |n| format!("{head}m=audio 4000 RTP/AVP{}\r\n", " 0".repeat(n));
    assert_eq!(parse(&f(128)).media[0].formats.len(), 128);
    assert_eq!(err(&f(129)), SdpError::TooManyFormats);
    assert_eq!(
        err(&format!("{head}s={}", "x".repeat(64 * 1024))),
        SdpError::TooLong
    );
}

#[test]
fn an_m_line_without_a_usable_address_is_an_error_with_its_place() {
    let lines = |c: &str| {
        parse(&format!(
            "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\nm=video 0 RTP/AVP 31\n\
             m=audio 4000 RTP/AVP 0\n{c}"
        ))
    };
    assert_eq!(
        to_media(&lines("")),
        Err(SdpError::NoConnection { index: 1 })
    );
    let mut named = lines("c=IN IP4 media.example.org\n");
    assert_eq!(
        to_media(&named),
        Err(SdpError::UnresolvedAddress { index: 1 })
    );
    // The caller may look the name up.
    let names: Vec<String> = named.unresolved_names().map(str::to_owned).collect();
    assert_eq!(names, ["media.example.org"]);
    named.resolve("media.example.org", "192.0.2.9".parse().unwrap());
    let media = to_media(&named).unwrap();
    assert_eq!(rtp_rtcp(&media.streams[1]).0, "192.0.2.9:4000");
}

#[test]
fn text_that_is_no_utf8_does_not_end_the_call() {
    let mut text = b"v=0\r\no=J\xf6rg 1 1 IN IP4 192.0.2.1\r\ns=B\xfcro\r\n".to_vec();
    text.extend_from_slice(b"c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n");
    let description = SessionDescription::parse(&text).unwrap();
    assert_eq!(
        codecs(&to_media(&description).unwrap().streams[0]),
        "PCMA/8000@8"
    );
}

#[test]
fn a_log_shows_the_shape_of_a_description_and_nobodys_address_or_key() {
    for text in [
        fixture!("baresip-dtls-ice"),
        fixture!("baresip-srtp"),
        fixture!("jssip-chromium"),
    ] {
        let shown = format!("{:?}", parse(text));
        assert!(shown.contains("opus/48000/2"), "{shown}");
        for secret in [
            "192.0.2.", "alice", "inline:", "BpWjAtTC", "FCHGOcY", "4RfB1x", "55:99",
        ] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }
}

#[test]
fn what_a_peer_said_means_the_same_after_printing_and_after_rewriting() {
    for text in [
        fixture!("asterisk-pjsip"),
        fixture!("asterisk-savpf-sdes-ice"),
        fixture!("baresip-audio-video"),
        fixture!("baresip-dtls-ice"),
        fixture!("baresip-srtp"),
        fixture!("cisco-ack-answer"),
        fixture!("fax-t38"),
        fixture!("jssip-chromium"),
        fixture!("sipp-uac"),
        fixture!("sloppy-lf"),
    ] {
        let description = parse(text);
        assert_eq!(parse(&description.to_string()), description, "{text}");
        let media = to_media(&description).unwrap();
        let rewritten = from_media(&media, &description.origin);
        assert_eq!(
            to_media(&parse(&rewritten.to_string())).unwrap(),
            media,
            "{rewritten}"
        );
    }
}

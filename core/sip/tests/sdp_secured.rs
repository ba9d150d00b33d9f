//! What descriptions say of keys, ICE and shared transports.
//!
//! The fixtures follow the documented behaviour of each program; addresses and keys are documentation ones.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]
#![allow(clippy::indexing_slicing, reason = "a missing stream fails the test")]

use tandem_sip::sdp::{
    MAX_CANDIDATES, MAX_KEYS, SdpError, SdpSession, SessionDescription, from_media, parse_fragment,
    print_fragment, to_media,
};
use tandem_types::media::{DtlsRole, DtlsSetup, IceUpdate, Security, TransportDescription};
use tandem_types::{MediaDescription, Pii, SeededEntropy};

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

fn transport(text: &str) -> TransportDescription {
    media(text).streams[0].transport.clone().unwrap()
}

/// One audio line under a session with these lines.
fn described(session: &str, profile: &str, lines: &str) -> String {
    format!(
        "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n{session}\
         m=audio 4000 {profile} 0\n{lines}"
    )
}

const PRINT: &str = "a=fingerprint:sha-256 \
    00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\n";

#[test]
fn asterisk_for_browsers_offers_dtls_ice_and_a_group_of_one() {
    let offer = media(fixture!("asterisk-webrtc-offer"));
    assert_eq!(offer.bundles, [["audio-0"]]);
    let transport = offer.streams[0].transport.clone().unwrap();
    assert!(transport.rtcp_mux && transport.feedback && !transport.opportunistic);
    assert_eq!(
        transport.security.encryption(),
        tandem_types::Encryption::DtlsSrtp
    );
    let ice = transport.ice.unwrap();
    assert_eq!(ice.candidates.len(), 2);
    assert!(!ice.trickle && !ice.lite && !ice.end_of_candidates);
}

#[test]
fn the_profile_says_whether_feedback_is_early() {
    for (name, feedback) in [
        (fixture!("asterisk-dtls-two-ports"), false),
        (fixture!("asterisk-webrtc-offer"), true),
        (fixture!("asterisk-sdes-tls"), false),
        (fixture!("asterisk-savpf-sdes-ice"), true),
    ] {
        let offer = parse(name);
        assert_eq!(transport(name).feedback, feedback);
        // An answer repeats the protocol whatever it prefers.
        let mut ours = to_media(&offer).unwrap();
        for stream in &mut ours.streams {
            if let Some(transport) = &mut stream.transport {
                transport.feedback = !feedback;
            }
        }
        let ip = "192.0.2.9".parse().unwrap();
        let mut session = SdpSession::new(ip, &mut SeededEntropy::new(1));
        let answer = session.answer(&offer, &ours).unwrap();
        assert_eq!(answer.media[0].protocol, offer.media[0].protocol);
    }
}

#[test]
fn keys_beside_plain_rtp_are_a_wish_both_ways() {
    let wished = transport(fixture!("asterisk-optional-sdes"));
    assert!(wished.opportunistic && wished.ice.is_some());
    assert!(matches!(wished.security, Security::Sdes { .. }));
    let text = described("", "RTP/AVPF", PRINT);
    let wished = media(&text);
    let transport = wished.streams[0].transport.as_ref().unwrap();
    assert!(transport.opportunistic && transport.feedback);
    let written = from_media(&wished, &parse(&text).origin);
    assert_eq!(written.media[0].protocol, "RTP/AVPF");
    assert_eq!(to_media(&written).unwrap(), wished);
}

#[test]
fn fingerprints_and_their_setup_stand_at_the_session_or_at_the_line() {
    let both = "a=fingerprint:sha-1 00:11\na=fingerprint:sha-512 22:33\na=setup:holdconn\n\
                a=tls-id:abcdefghijklmnopqrstuvwxyz\n";
    for text in [
        described(both, "UDP/TLS/RTP/SAVP", ""),
        described("", "UDP/TLS/RTP/SAVP", both),
        described("a=fingerprint:md5 99\n", "UDP/TLS/RTP/SAVP", both),
    ] {
        let Security::Dtls {
            setup,
            fingerprints,
            tls_id,
        } = transport(&text).security
        else {
            panic!("{text}")
        };
        let hashes: Vec<&str> = fingerprints
            .iter()
            .map(|print| print.hash.as_str())
            .collect();
        assert_eq!(hashes, ["sha-1", "sha-512"]);
        assert_eq!(setup, DtlsSetup::HoldConn);
        assert_eq!(tls_id.as_deref(), Some("abcdefghijklmnopqrstuvwxyz"));
    }
}

#[test]
fn with_both_kinds_of_keys_those_that_do_not_pass_the_signalling_count() {
    let keys = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\n";
    let text = described("", "RTP/SAVPF", &format!("{keys}{PRINT}a=setup:actpass\n"));
    assert!(matches!(transport(&text).security, Security::Dtls { .. }));
}

#[test]
fn linphone_has_its_ice_name_at_the_session_and_rtcp_at_a_port_of_its_own() {
    let transport = transport(fixture!("linphone-dtls"));
    assert_eq!(
        (transport.rtp.port(), transport.rtcp.port()),
        (52_316, 50_907)
    );
    assert_eq!(transport.ice.unwrap().username_fragment, "e1b7c93d");
}

#[test]
fn an_old_phone_offers_the_same_sound_twice_encrypted_and_plain() {
    let offer = media(fixture!("old-phone-optional-srtp"));
    let kinds: Vec<_> = offer
        .streams
        .iter()
        .map(|stream| stream.transport.as_ref().unwrap().security.encryption())
        .collect();
    use tandem_types::Encryption::{None, Sdes};
    assert_eq!(kinds, [Sdes, None]);
}

#[test]
fn the_options_of_ice_are_read_wherever_they_stand() {
    let named = "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n";
    let options = "a=ice-options:trickle ice2 renomination\na=end-of-candidates\n";
    for text in [
        described(&format!("a=ice-lite\n{named}{options}"), "RTP/AVP", ""),
        described("a=ice-lite\n", "RTP/AVP", &format!("{named}{options}")),
    ] {
        let ice = transport(&text).ice.unwrap();
        assert!(ice.lite && ice.trickle && ice.ice2 && ice.end_of_candidates);
    }
    let mismatch = described("", "RTP/AVP", "a=ice-mismatch\na=rtcp-mux-only\n");
    let transport = transport(&mismatch);
    assert!(transport.ice_mismatch && transport.ice.is_none());
    assert!(transport.rtcp_mux && transport.rtcp_mux_only);
}

#[test]
fn what_is_too_much_is_refused_by_name() {
    let err = |text: &str| to_media(&parse(text)).unwrap_err();
    let named = "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n";
    let many = "a=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\n".repeat(MAX_CANDIDATES + 1);
    let text = described("", "RTP/AVP", &format!("{named}{many}"));
    assert_eq!(err(&text), SdpError::CandidatesTooLarge { index: 0 });
    let long = format!("{named}a=candidate:{}\n", "x".repeat(600));
    let text = described("", "RTP/AVP", &long);
    assert_eq!(err(&text), SdpError::CandidatesTooLarge { index: 0 });
    let text = described("a=ice-ufrag:a:b\na=ice-pwd:x\n", "RTP/AVP", "");
    assert_eq!(err(&text), SdpError::BadIceCredentials { index: 0 });
    let text = described("", "RTP/SAVP", &PRINT.repeat(MAX_KEYS + 1));
    assert_eq!(err(&text), SdpError::TooManyKeys { index: 0 });
}

const BUNDLED: &str = "v=0
o=- 1 1 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=0 0
a=group:BUNDLE a v x
a=group:LS a v
m=audio 4000 RTP/AVP 0
a=mid:a
a=rtcp-mux
a=ice-ufrag:abcd
a=ice-pwd:0123456789012345678901
m=video 0 RTP/AVPF 31
a=mid:v
a=bundle-only
m=audio 0 RTP/AVP 8
a=mid:x
";

#[test]
fn a_line_of_a_group_without_a_port_travels_with_the_first() {
    let offer = media(BUNDLED);
    assert_eq!(
        offer.bundles,
        [["a", "v"]],
        "a rejected line is in no group"
    );
    let of = |index: usize| offer.streams[index].transport.clone();
    let carried = TransportDescription {
        feedback: true,
        ..of(0).unwrap()
    };
    assert_eq!((of(1), of(2)), (Some(carried), None));
}

#[test]
fn an_answer_groups_what_it_accepts() {
    let offer = parse(BUNDLED);
    let mut ours = to_media(&offer).unwrap();
    let ip = "192.0.2.9".parse().unwrap();
    let mut session = SdpSession::new(ip, &mut SeededEntropy::new(1));
    let answer = session.answer(&offer, &ours).unwrap();
    assert!(answer.to_string().contains("a=group:BUNDLE a v\r\n"));
    let ports: Vec<bool> = answer.media.iter().map(|line| line.port != 0).collect();
    assert_eq!(ports, [true, true, false]);
    // The group claims a line that the answer rejects.
    ours.streams[1].transport = None;
    let answer = session.answer(&offer, &ours).unwrap().to_string();
    assert!(answer.contains("a=group:BUNDLE a\r\n"), "{answer}");
    ours.streams[0].transport = None;
    let answer = session.answer(&offer, &ours).unwrap().to_string();
    assert!(!answer.contains("BUNDLE"), "{answer}");
}

#[test]
fn candidates_that_come_later_are_read_by_line_and_by_generation() {
    let body = "a=ice-pwd:asd88fgpdd777uzjYhagZg\r\na=ice-ufrag:8hhY\r\n\
                m=audio 9 RTP/AVP 0\r\na=mid:1\r\n\
                a=candidate:1 1 UDP 2130706432 2001:db8::1 5000 typ host\r\n\
                a=candidate:2 1 UDP 1694498815 192.0.2.3 5010 typ srflx raddr 10.0.1.1 rport 5010\r\n\
                m=audio 9 RTP/AVP 0\r\na=mid:2\r\na=ice-ufrag:new1\r\na=ice-pwd:0123456789012345678901\r\n\
                a=end-of-candidates\r\n";
    let updates = parse_fragment(body.as_bytes()).unwrap();
    let fragments: Vec<_> = updates
        .iter()
        .map(|it| it.username_fragment.as_deref())
        .collect();
    assert_eq!(fragments, [Some("8hhY"), Some("new1")]);
    assert_eq!(
        (updates[0].candidates.len(), updates[0].end_of_candidates),
        (2, false)
    );
    assert_eq!(
        (updates[1].mid.as_deref(), updates[1].end_of_candidates),
        (Some("2"), true)
    );
    assert_eq!(
        parse_fragment(print_fragment(&updates).as_bytes()).unwrap(),
        updates
    );
    // A call of one stream needs no line at all.
    let alone = parse_fragment(b"a=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\n").unwrap();
    assert_eq!((alone.len(), alone[0].candidates.len()), (1, 1));
    assert_eq!(
        parse_fragment(b"nonsense"),
        Err(SdpError::BadLine { line: 1 })
    );
    assert_eq!(
        parse_fragment(b"a=ice-ufrag:\n"),
        Err(SdpError::BadIceCredentials { index: 0 })
    );
    let evil = IceUpdate {
        mid: Some("1\r\nm=video 1 RTP/AVP 0".to_owned()),
        password: Some(Pii::new("x".to_owned())),
        ..IceUpdate::default()
    };
    assert_eq!(print_fragment(&[evil]).matches("\r\nm=").count(), 0);
}

#[test]
fn roles_and_what_an_answer_says_of_them_are_one() {
    assert_eq!(DtlsRole::Client.setup(), DtlsSetup::Active);
    assert_eq!(DtlsRole::Client.reversed().setup(), DtlsSetup::Passive);
}

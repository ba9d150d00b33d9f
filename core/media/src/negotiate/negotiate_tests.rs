//! Offers and answers as real peers make them.

use tandem_types::media::{DtlsSetup, SdesKey};

use super::*;

fn local() -> LocalTransport {
    LocalTransport::plain(
        SocketAddr::from(([192, 0, 2, 1], 4000)),
        SocketAddr::from(([192, 0, 2, 1], 4001)),
    )
}

fn remote() -> TransportDescription {
    TransportDescription::plain(
        SocketAddr::from(([198, 51, 100, 7], 7000)),
        SocketAddr::from(([198, 51, 100, 7], 7001)),
    )
}

fn plain_offer(capabilities: &Capabilities, direction: Direction) -> MediaDescription {
    offer(capabilities, &local(), Protection::Plain, direction)
}

/// `"111 opus/48000/2"` and the like.
fn format(text: &str) -> Codec {
    let (number, rest) = text.split_once(' ').unwrap();
    let mut parts = rest.split('/');
    Codec {
        payload_type: number.parse().unwrap(),
        name: parts.next().unwrap().to_owned(),
        clock_rate: parts.next().unwrap().parse().unwrap(),
        channels: parts.next().map_or(1, |channels| channels.parse().unwrap()),
        parameters: None,
    }
}

fn audio(formats: &[&str]) -> Stream {
    Stream {
        mid: None,
        kind: StreamKind::Known(MediaKind::Audio),
        direction: Direction::SendRecv,
        codecs: formats.iter().map(|text| format(text)).collect(),
        transport: Some(remote()),
        packet_ms: None,
    }
}

fn description(streams: Vec<Stream>) -> MediaDescription {
    MediaDescription::of(streams)
}

fn numbers(stream: &Stream) -> Vec<u8> {
    stream
        .codecs
        .iter()
        .map(|codec| codec.payload_type)
        .collect()
}

fn take(offered: &MediaDescription) -> Result<(MediaDescription, Negotiated), NegotiateError> {
    answer(
        offered,
        &Capabilities::default(),
        &local(),
        Direction::SendRecv,
        None,
    )
}

#[test]
fn our_offer_has_every_codec_once_and_keys_at_both_clocks() {
    let offered = plain_offer(&Capabilities::default(), Direction::SendRecv);
    let [stream] = &offered.streams[..] else {
        panic!("one stream")
    };
    assert_eq!(numbers(stream), [96, 9, 0, 8, 97, 101]);
    let keys: Vec<u32> = stream
        .codecs
        .iter()
        .filter(|codec| codec.is_telephone_event())
        .map(|codec| codec.clock_rate)
        .collect();
    assert_eq!(keys, [48_000, 8_000]);
    assert_eq!(stream.packet_ms, Some(20));
    assert_eq!(stream.transport.as_ref().unwrap().rtcp.port(), 4001);
    let narrow = Capabilities {
        codecs: vec![AudioCodec::Pcma],
        ..Capabilities::default()
    };
    let offered = plain_offer(&narrow, Direction::SendRecv);
    assert_eq!(numbers(&offered.streams[0]), [8, 101]);
}

#[test]
fn the_answer_repeats_the_numbers_the_offer_imposes() {
    let offered = description(vec![audio(&[
        "107 opus/48000/2",
        "8 PCMA/8000",
        "126 telephone-event/48000",
        "99 telephone-event/8000",
        "3 GSM/8000",
    ])]);
    let (answered, terms) = take(&offered).unwrap();
    assert_eq!(numbers(&answered.streams[0]), [107, 8, 126, 99]);
    assert_eq!((terms.codec, terms.payload_type), (AudioCodec::Opus, 107));
    assert_eq!(terms.dtmf_payload_type, Some(126));
    assert_eq!(
        terms.receive.get(&8),
        Some(&PayloadFormat::Audio(AudioCodec::Pcma))
    );
    let keys = PayloadFormat::TelephoneEvent { clock_rate: 8_000 };
    assert_eq!(terms.receive.get(&99), Some(&keys));
    assert_eq!(terms.receive.get(&3), None);
    assert!(!terms.rtcp_mux);
    assert_eq!(terms.remote_rtcp.port(), 7001);
}

#[test]
fn keys_need_the_clock_of_the_codec() {
    // Opus with keys at 8000 only, as old gateways offer: none can be sent with Opus.
    let offered = description(vec![audio(&[
        "96 opus/48000/2",
        "101 telephone-event/8000",
    ])]);
    let (answered, terms) = take(&offered).unwrap();
    assert_eq!(numbers(&answered.streams[0]), [96]);
    assert_eq!(terms.dtmf_payload_type, None);
}

#[test]
fn the_order_of_the_offer_decides_unless_somebody_asked_for_his_own() {
    let offered = description(vec![audio(&[
        "0 PCMU/8000",
        "9 G722/8000",
        "96 opus/48000/2",
    ])]);
    assert_eq!(take(&offered).unwrap().1.codec, AudioCodec::Pcmu);
    let own = Capabilities {
        codecs: vec![AudioCodec::G722, AudioCodec::Pcmu],
        answer_order: AnswerOrder::Own,
        ..Capabilities::default()
    };
    let (answered, terms) = answer(&offered, &own, &local(), Direction::SendRecv, None).unwrap();
    assert_eq!(terms.codec, AudioCodec::G722);
    assert_eq!(numbers(&answered.streams[0]), [9, 0]);
}

#[test]
fn each_side_sends_under_the_number_the_other_asked_for() {
    let offered = plain_offer(&Capabilities::default(), Direction::SendRecv);
    let mut theirs = audio(&["111 opus/48000/2", "120 telephone-event/48000"]);
    theirs.codecs[0].parameters = Some("maxaveragebitrate=20000; useinbandfec=0;cbr=1".to_owned());
    theirs.packet_ms = Some(40);
    let terms = accept(&offered, &description(vec![theirs]), None).unwrap();
    assert_eq!(
        (terms.payload_type, terms.dtmf_payload_type),
        (111, Some(120))
    );
    assert_eq!(terms.packet_ms, 40);
    let hints = OpusHints {
        max_bitrate: Some(20_000),
        fec: false,
        constant_bitrate: true,
    };
    assert_eq!(terms.opus, hints);
    // What we offered arrives under our numbers; theirs are understood too.
    assert_eq!(
        terms.receive.get(&96),
        Some(&PayloadFormat::Audio(AudioCodec::Opus))
    );
    assert_eq!(
        terms.receive.get(&111),
        Some(&PayloadFormat::Audio(AudioCodec::Opus))
    );
    assert_eq!(
        terms.receive.get(&0),
        Some(&PayloadFormat::Audio(AudioCodec::Pcmu))
    );
    // A number that means something else with us keeps our meaning.
    let clash = audio(&["101 opus/48000"]);
    let terms = accept(&offered, &description(vec![clash]), None).unwrap();
    let keys = PayloadFormat::TelephoneEvent { clock_rate: 8_000 };
    assert_eq!(terms.payload_type, 101);
    assert_eq!(terms.receive.get(&101), Some(&keys));
}

#[test]
fn other_streams_are_turned_down_in_their_place() {
    let fax = Stream {
        kind: StreamKind::Other {
            name: "image".to_owned(),
            protocol: "udptl".to_owned(),
            formats: vec!["t38".to_owned()],
        },
        codecs: Vec::new(),
        ..audio(&[])
    };
    let video = Stream {
        kind: StreamKind::Known(MediaKind::Video),
        ..audio(&["97 H264/90000"])
    };
    let dead = Stream {
        transport: None,
        ..audio(&["0 PCMU/8000"])
    };
    let gsm = audio(&["3 GSM/8000"]);
    let offered = description(vec![
        fax.clone(),
        dead,
        video,
        gsm,
        audio(&["0 PCMU/8000"]),
        audio(&["8 PCMA/8000"]),
    ]);
    let (answered, terms) = take(&offered).unwrap();
    let alive: Vec<bool> = answered
        .streams
        .iter()
        .map(|s| s.transport.is_some())
        .collect();
    assert_eq!(alive, [false, false, false, false, true, false]);
    assert_eq!(answered.streams[0].kind, fax.kind);
    assert_eq!(numbers(&answered.streams[2]), [97]);
    assert_eq!(terms.codec, AudioCodec::Pcmu);
    // And a later offer of ours keeps all six.
    let again = reoffer(
        &answered,
        &Capabilities::default(),
        &local(),
        None,
        Direction::SendOnly,
    );
    let alive: Vec<bool> = again
        .streams
        .iter()
        .map(|s| s.transport.is_some())
        .collect();
    assert_eq!(alive, [false, false, false, false, true, false]);
}

#[test]
fn what_cannot_be_carried_says_why() {
    assert_eq!(
        take(&description(vec![])).unwrap_err(),
        NegotiateError::NoAudio
    );
    let gsm = description(vec![audio(&["3 GSM/8000", "101 telephone-event/8000"])]);
    assert_eq!(take(&gsm).unwrap_err(), NegotiateError::NoCommonCodec);
    for (security, encryption) in [
        (
            Security::Sdes {
                keys: Vec::<SdesKey>::new(),
            },
            Encryption::Sdes,
        ),
        (
            Security::Dtls {
                setup: DtlsSetup::ActPass,
                fingerprints: Vec::new(),
                tls_id: None,
            },
            Encryption::DtlsSrtp,
        ),
    ] {
        let mut stream = audio(&["0 PCMU/8000"]);
        stream.transport.as_mut().unwrap().security = security;
        let error = take(&description(vec![stream])).unwrap_err();
        assert_eq!(error, NegotiateError::UnsupportedSecurity(encryption));
    }
}

#[test]
fn an_answer_that_does_not_fit_is_told_from_a_refusal() {
    let offered = plain_offer(&Capabilities::default(), Direction::SendRecv);
    let accepted = |stream| accept(&offered, &description(vec![stream]), None);
    let rejected = Stream {
        transport: None,
        ..audio(&["0 PCMU/8000"])
    };
    assert_eq!(accepted(rejected), Err(NegotiateError::Rejected));
    assert_eq!(
        accept(&offered, &description(vec![]), None),
        Err(NegotiateError::Mismatch)
    );
    let video = Stream {
        kind: StreamKind::Known(MediaKind::Video),
        ..audio(&["0 PCMU/8000"])
    };
    assert_eq!(accepted(video), Err(NegotiateError::Mismatch));
    assert_eq!(
        accepted(audio(&["18 G729/8000"])),
        Err(NegotiateError::NoCommonCodec)
    );
}

#[test]
fn holding_works_the_new_way_and_the_old_way() {
    for (said, wish, ours) in [
        (
            Direction::SendOnly,
            Direction::SendRecv,
            Direction::RecvOnly,
        ),
        (
            Direction::Inactive,
            Direction::SendRecv,
            Direction::Inactive,
        ),
        (
            Direction::SendRecv,
            Direction::SendOnly,
            Direction::SendOnly,
        ),
        (
            Direction::SendOnly,
            Direction::SendOnly,
            Direction::Inactive,
        ),
    ] {
        let offered = description(vec![Stream {
            direction: said,
            ..audio(&["0 PCMU/8000"])
        }]);
        let (answered, terms) =
            answer(&offered, &Capabilities::default(), &local(), wish, None).unwrap();
        assert_eq!(terms.direction, ours);
        assert_eq!(answered.streams[0].direction, ours);
    }
    // RFC 2543: the address is no address.
    let mut old = audio(&["0 PCMU/8000"]);
    old.transport.as_mut().unwrap().rtp = SocketAddr::from(([0, 0, 0, 0], 7000));
    let (answered, terms) = take(&description(vec![old])).unwrap();
    assert_eq!(terms.direction, Direction::RecvOnly);
    assert_eq!(answered.streams[0].direction, Direction::RecvOnly);
    // Our own hold, as the answer sees it.
    let held = plain_offer(&Capabilities::default(), Direction::SendOnly);
    for (said, ours) in [
        (Direction::RecvOnly, Direction::SendOnly),
        (Direction::SendRecv, Direction::SendOnly),
        (Direction::Inactive, Direction::Inactive),
    ] {
        let theirs = Stream {
            direction: said,
            ..audio(&["0 PCMU/8000"])
        };
        assert_eq!(
            accept(&held, &description(vec![theirs]), None)
                .unwrap()
                .direction,
            ours
        );
    }
}

#[test]
fn a_later_offer_keeps_numbers_and_never_gives_one_twice() {
    let first = description(vec![audio(&[
        "97 opus/48000/2",
        "96 telephone-event/48000",
    ])]);
    let (answered, _) = take(&first).unwrap();
    let again = reoffer(
        &answered,
        &Capabilities::default(),
        &local(),
        None,
        Direction::SendOnly,
    );
    let stream = &again.streams[0];
    assert_eq!(stream.direction, Direction::SendOnly);
    assert_eq!(numbers(stream), [97, 9, 0, 8, 96, 101]);
    // The offer the peer then answers is as good as the first.
    assert_eq!(
        receivable_formats(&again).get(&97),
        Some(&PayloadFormat::Audio(AudioCodec::Opus))
    );
}

#[test]
fn both_ends_of_one_offer_agree() {
    for codec in AudioCodec::ALL {
        let capabilities = Capabilities {
            codecs: vec![codec],
            ..Capabilities::default()
        };
        let offered = plain_offer(&capabilities, Direction::SendRecv);
        let (answered, theirs) = take(&offered).unwrap();
        let ours = accept(&offered, &answered, None).unwrap();
        assert_eq!((ours.codec, theirs.codec), (codec, codec));
        assert!(ours.rtcp_mux && theirs.rtcp_mux);
        assert!(theirs.receive.contains_key(&ours.payload_type));
        assert!(ours.receive.contains_key(&theirs.payload_type));
        assert!(ours.dtmf_payload_type.is_some() && theirs.dtmf_payload_type.is_some());
    }
}

//! Offers and answers: the published examples, and the rules that keep two phones in step.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]
#![allow(clippy::indexing_slicing, reason = "a missing stream fails the test")]

use std::net::IpAddr;

use tandem_sip::sdp::{SdpError, SdpSession, SessionDescription, to_media};
use tandem_types::media::{Codec, Security, Stream, StreamKind, TransportDescription};
use tandem_types::{Direction, MediaDescription, MediaKind, SeededEntropy};

const ALICE: &str = "192.0.2.1";
const BOB: &str = "192.0.2.2";

/// `media` with every live stream on hold: this side stops listening (RFC 3264 §8.4).
fn hold(media: &MediaDescription) -> MediaDescription {
    let mut held = media.clone();
    let live = held
        .streams
        .iter_mut()
        .filter(|stream| stream.transport.is_some());
    live.for_each(|stream| stream.direction = Direction::of(stream.direction.sends(), false));
    held
}

/// Whether the writer of `remote` holds its reader: there are live streams, and it listens to none.
fn is_held_by(remote: &MediaDescription) -> bool {
    let live = || {
        remote
            .streams
            .iter()
            .filter(|stream| stream.transport.is_some())
    };
    live().next().is_some() && !live().any(|stream| stream.direction.receives())
}

/// Reads a published example, whose media addresses are names.
fn example(text: &str) -> SessionDescription {
    let mut description = SessionDescription::parse(text.as_bytes()).unwrap();
    for (name, address) in [
        ("host.anywhere.com", ALICE),
        ("host.example.com", BOB),
        ("host.atlanta.example.com", ALICE),
        ("host.biloxi.example.com", BOB),
    ] {
        description.resolve(name, ip(address));
    }
    description
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn session(address: &str) -> SdpSession {
    SdpSession::new(ip(address), &mut SeededEntropy::new(5))
}

fn media(description: &SessionDescription) -> MediaDescription {
    to_media(description).unwrap()
}

/// The m-lines with their port and formats, as an eye compares them.
fn m_lines(description: &SessionDescription) -> Vec<String> {
    let text = description.to_string();
    text.lines()
        .filter_map(|line| line.strip_prefix("m="))
        .map(str::to_owned)
        .collect()
}

fn attributes(description: &SessionDescription, index: usize) -> Vec<String> {
    let text = description.media[index].to_string();
    text.lines()
        .filter_map(|line| line.strip_prefix("a="))
        .map(str::to_owned)
        .collect()
}

fn pcmu() -> Codec {
    Codec {
        payload_type: 0,
        name: "PCMU".to_owned(),
        clock_rate: 8000,
        channels: 1,
        parameters: None,
    }
}

fn audio(address: &str, port: u16, direction: Direction) -> Stream {
    let rtp = std::net::SocketAddr::new(ip(address), port);
    let rtcp = std::net::SocketAddr::new(ip(address), port + 1);
    Stream {
        mid: None,
        kind: StreamKind::Known(MediaKind::Audio),
        direction,
        codecs: vec![pcmu()],
        transport: Some(TransportDescription::plain(rtp, rtcp)),
        packet_ms: Some(20),
    }
}

fn one(stream: Stream) -> MediaDescription {
    MediaDescription::of(vec![stream])
}

fn directions(media: &MediaDescription) -> Vec<Direction> {
    media
        .streams
        .iter()
        .map(|stream| stream.direction)
        .collect()
}

const RFC_3264_OFFER: &str = "v=0
o=alice 2890844526 2890844526 IN IP4 host.anywhere.com
s=
c=IN IP4 host.anywhere.com
t=0 0
m=audio 49170 RTP/AVP 0
a=rtpmap:0 PCMU/8000
m=video 51372 RTP/AVP 31
a=rtpmap:31 H261/90000
m=video 53000 RTP/AVP 32
a=rtpmap:32 MPV/90000
";

#[test]
fn rfc_3264_section_10_1_bob_rejects_the_first_video() {
    let offer = example(RFC_3264_OFFER);
    // Bob takes what he was offered, with his own ports, but not the H.261.
    let mut mine = media(&offer);
    for (stream, port) in mine.streams.iter_mut().zip([49920, 0, 53000]) {
        match (&mut stream.transport, port) {
            (transport, 0) => *transport = None,
            (Some(transport), port) => {
                transport.rtp = std::net::SocketAddr::new(ip(BOB), port);
                transport.rtcp = std::net::SocketAddr::new(ip(BOB), port + 1);
            }
            (None, _) => panic!("every m-line of the offer is alive"),
        }
    }
    let answer = session(BOB).answer(&offer, &mine).unwrap();
    assert_eq!(
        m_lines(&answer),
        [
            "audio 49920 RTP/AVP 0",
            "video 0 RTP/AVP 31",
            "video 53000 RTP/AVP 32"
        ]
    );
    let published = example(
        "v=0
o=bob 2890844730 2890844730 IN IP4 host.example.com
s=
c=IN IP4 host.example.com
t=0 0
m=audio 49920 RTP/AVP 0
a=rtpmap:0 PCMU/8000
m=video 0 RTP/AVP 31
m=video 53000 RTP/AVP 32
a=rtpmap:32 MPV/90000
",
    );
    assert_eq!(m_lines(&answer), m_lines(&published));
    assert_eq!(media(&answer), media(&published));
}

#[test]
fn rfc_3264_section_10_1_then_bob_moves_a_port_and_adds_a_stream() {
    let published = example(
        "v=0
o=bob 2890844730 2890844731 IN IP4 host.example.com
s=
c=IN IP4 host.example.com
t=0 0
m=audio 65422 RTP/AVP 0
a=rtpmap:0 PCMU/8000
m=video 0 RTP/AVP 31
m=video 53000 RTP/AVP 32
a=rtpmap:32 MPV/90000
m=audio 51434 RTP/AVP 110
a=rtpmap:110 telephone-events/8000
a=recvonly
",
    );
    let offered = media(&published);
    assert_eq!(
        directions(&offered),
        [
            Direction::SendRecv,
            Direction::Inactive,
            Direction::SendRecv,
            Direction::RecvOnly
        ]
    );
    // Alice would send and receive everywhere; the new stream only lets her send.
    let mut mine = offered.clone();
    for stream in &mut mine.streams {
        stream.direction = Direction::SendRecv;
    }
    let answer = session(ALICE).answer(&published, &mine).unwrap();
    assert_eq!(
        directions(&media(&answer)),
        [
            Direction::SendRecv,
            Direction::Inactive,
            Direction::SendRecv,
            Direction::SendOnly
        ]
    );
    assert_eq!(m_lines(&answer)[1], "video 0 RTP/AVP 31");
}

#[test]
fn rfc_3264_section_10_2_one_of_n_codecs() {
    let mut bob = session(BOB);
    let offer = example(
        "v=0
o=alice 2890844526 2890844526 IN IP4 host.anywhere.com
s=
c=IN IP4 host.anywhere.com
t=0 0
m=audio 62986 RTP/AVP 0 4 18
a=rtpmap:0 PCMU/8000
a=rtpmap:4 G723/8000
a=rtpmap:18 G729/8000
a=inactive
",
    );
    let names: Vec<_> = media(&offer).streams[0]
        .codecs
        .iter()
        .map(|c| c.name.clone())
        .collect();
    assert_eq!(names, ["PCMU", "G723", "G729"]);
    let mut mine = media(&offer);
    mine.streams[0].codecs.truncate(2);
    mine.streams[0].direction = Direction::SendRecv;
    let answer = bob.answer(&offer, &mine).unwrap();
    assert_eq!(m_lines(&answer), ["audio 62986 RTP/AVP 0 4"]);
    assert_eq!(
        directions(&media(&answer)),
        [Direction::Inactive],
        "no more than was offered"
    );
    assert_eq!(answer.origin.version, "1");

    let offer = example(
        "v=0
o=alice 2890844526 2890844527 IN IP4 host.anywhere.com
s=
c=IN IP4 host.anywhere.com
t=0 0
m=audio 62986 RTP/AVP 4
a=rtpmap:4 G723/8000
a=sendrecv
",
    );
    mine.streams[0].codecs.remove(0);
    let answer = bob.answer(&offer, &mine).unwrap();
    assert_eq!(m_lines(&answer), ["audio 62986 RTP/AVP 4"]);
    assert_eq!(directions(&media(&answer)), [Direction::SendRecv]);
    assert_eq!(answer.origin.version, "2");
}

#[test]
fn rfc_4317_section_2_1_codecs_of_audio_and_video() {
    let offer = example(
        "v=0
o=alice 2890844526 2890844526 IN IP4 host.atlanta.example.com
s=
c=IN IP4 host.atlanta.example.com
t=0 0
m=audio 49170 RTP/AVP 0 8 97
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:97 iLBC/8000
m=video 51372 RTP/AVP 31 32
a=rtpmap:31 H261/90000
a=rtpmap:32 MPV/90000
",
    );
    let published = example(
        "v=0
o=bob 2808844564 2808844564 IN IP4 host.biloxi.example.com
s=
c=IN IP4 host.biloxi.example.com
t=0 0
m=audio 49174 RTP/AVP 0
a=rtpmap:0 PCMU/8000
m=video 49170 RTP/AVP 32
a=rtpmap:32 MPV/90000
",
    );
    assert_eq!(media(&offer).streams[0].codecs[2].name, "iLBC");
    // The published answer is what ours says when it is given the same streams.
    let answer = session(BOB).answer(&offer, &media(&published)).unwrap();
    assert_eq!(m_lines(&answer), m_lines(&published));
    assert_eq!(media(&answer), media(&published));
}

#[test]
fn rfc_4317_section_3_1_hold_and_back() {
    let mut alice = session(ALICE);
    let mut bob = session(BOB);
    let talking = one(audio(ALICE, 49170, Direction::SendRecv));
    let bobs = one(audio(BOB, 49172, Direction::SendRecv));
    let offer = alice.offer(&talking).unwrap();
    bob.answer(&offer, &bobs).unwrap();

    let held = alice.offer(&hold(&talking)).unwrap();
    assert!(
        attributes(&held, 0).contains(&"sendonly".to_owned()),
        "{held}"
    );
    assert!(
        !held.to_string().contains("0.0.0.0"),
        "hold is no address: {held}"
    );
    assert!(is_held_by(&media(&held)));
    let answer = bob.answer(&held, &bobs).unwrap();
    assert_eq!(directions(&media(&answer)), [Direction::RecvOnly]);
    assert!(!is_held_by(&media(&answer)), "who listens holds nobody");

    let back = alice.offer(&talking).unwrap();
    assert!(!is_held_by(&media(&back)));
    let answer = bob.answer(&back, &bobs).unwrap();
    assert_eq!(directions(&media(&answer)), [Direction::SendRecv]);
    let versions = [&offer, &held, &back].map(|sdp| sdp.origin.version.clone());
    assert_eq!(versions, ["1", "2", "3"]);
}

#[test]
fn both_on_hold_is_silence_and_each_can_come_back() {
    let alices = one(audio(ALICE, 4000, Direction::SendRecv));
    let bobs = one(audio(BOB, 5000, Direction::SendRecv));
    let (mut alice, mut bob) = (session(ALICE), session(BOB));
    let offer = alice.offer(&hold(&alices)).unwrap();
    let answer = bob.answer(&offer, &hold(&bobs)).unwrap();
    assert_eq!(directions(&media(&answer)), [Direction::Inactive]);
    assert!(is_held_by(&media(&answer)));
    // Alice comes back, Bob still holds.
    let offer = alice.offer(&alices).unwrap();
    let answer = bob.answer(&offer, &hold(&bobs)).unwrap();
    assert_eq!(directions(&media(&answer)), [Direction::SendOnly]);
}

#[test]
fn an_old_hold_by_address_is_answered_by_a_direction() {
    let offer = example(
        "v=0
o=- 1 2 IN IP4 192.0.2.1
s=-
c=IN IP4 0.0.0.0
t=0 0
m=audio 4000 RTP/AVP 0
",
    );
    let bobs = one(audio(BOB, 5000, Direction::SendRecv));
    let answer = session(BOB).answer(&offer, &bobs).unwrap();
    assert_eq!(directions(&media(&answer)), [Direction::RecvOnly]);
    assert!(answer.to_string().contains("c=IN IP4 192.0.2.2\r\n"));
}

#[test]
fn a_refresh_repeats_itself_and_a_change_does_not() {
    let mut alice = session(ALICE);
    let talking = one(audio(ALICE, 4000, Direction::SendRecv));
    let first = alice.offer(&talking).unwrap();
    let refresh = alice.offer(&talking).unwrap();
    assert_eq!(refresh, first);
    assert!(refresh.repeats(&first));
    let mut moved = talking.clone();
    moved.streams[0]
        .transport
        .as_mut()
        .unwrap()
        .rtp
        .set_port(4002);
    let changed = alice.offer(&moved).unwrap();
    assert!(!changed.repeats(&first));
    assert_eq!(changed.origin.session_id, first.origin.session_id);
    assert_eq!(changed.origin.version, "2");
    assert_eq!(changed.origin.address, ALICE);
    assert_eq!(alice.last(), Some(&changed));
}

#[test]
fn the_phone_moves_to_another_network_and_the_origin_stays() {
    let mut alice = session(ALICE);
    alice
        .offer(&one(audio(ALICE, 4000, Direction::SendRecv)))
        .unwrap();
    let moved = alice
        .offer(&one(audio("198.51.100.7", 4000, Direction::SendRecv)))
        .unwrap();
    assert_eq!(
        (moved.origin.address.as_str(), moved.origin.version.as_str()),
        (ALICE, "2")
    );
    assert_eq!(moved.connection.unwrap().address, "198.51.100.7");
}

#[test]
fn an_answer_speaks_the_protocol_and_the_ids_of_its_offer() {
    let offer = example(
        "v=0
o=- 1 1 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=0 0
m=audio 4000 RTP/AVPF 0
a=mid:sound
m=image 4002 udptl t38
a=mid:fax
m=video 4004 RTP/AVP 96 34
a=rtpmap:96 VP8/90000
a=fmtp:96 max-fs=3600
",
    );
    // Only the audio is answered; the rest is rejected though nothing was said of it.
    let mut bob = session(BOB);
    let bobs = one(audio(BOB, 5000, Direction::SendRecv));
    let answer = bob.answer(&offer, &bobs).unwrap();
    assert_eq!(
        m_lines(&answer),
        [
            "audio 5000 RTP/AVPF 0",
            "image 0 udptl t38",
            "video 0 RTP/AVP 96 34"
        ]
    );
    assert!(attributes(&answer, 0).contains(&"mid:sound".to_owned()));
    assert_eq!(attributes(&answer, 1), ["mid:fax"]);
    assert_eq!(attributes(&answer, 2), ["rtpmap:96 VP8/90000"]);

    // Bob's own later offer keeps all three in place, and the protocol that was agreed.
    let mut later = hold(&bobs);
    later.streams[0].transport.as_mut().unwrap().feedback = true;
    let reoffer = bob.offer(&later).unwrap();
    assert_eq!(m_lines(&reoffer), m_lines(&answer));
    assert_eq!(reoffer.origin.version, "2");
}

#[test]
fn a_stream_rejected_by_either_side_keeps_its_place_in_later_offers() {
    let mut alice = session(ALICE);
    let mut two = one(audio(ALICE, 4000, Direction::SendRecv));
    two.streams.push(audio(ALICE, 4002, Direction::SendRecv));
    alice.offer(&two).unwrap();
    two.streams[1].transport = None;
    two.streams[1].codecs.clear();
    let offer = alice.offer(&two).unwrap();
    assert_eq!(
        m_lines(&offer),
        ["audio 4000 RTP/AVP 0", "audio 0 RTP/AVP 0"]
    );
    two.streams.truncate(1);
    assert_eq!(m_lines(&alice.offer(&two).unwrap()), m_lines(&offer));
}

#[test]
fn a_refused_offer_leaves_the_session_as_it_was() {
    let mut alice = session(ALICE);
    let talking = one(audio(ALICE, 4000, Direction::SendRecv));
    let agreed = alice.offer(&talking).unwrap();
    let mut more = talking.clone();
    more.streams.push(audio(ALICE, 4002, Direction::SendRecv));
    assert_eq!(alice.offer(&more).unwrap().origin.version, "2");
    alice.offer_refused();
    let held = alice.offer(&hold(&talking)).unwrap();
    assert_eq!(
        m_lines(&held),
        m_lines(&agreed),
        "the m-line that was refused is gone"
    );
    assert_eq!(held.origin.version, "3", "a version is used once");
}

#[test]
fn an_answer_that_does_not_fit_is_an_error_and_nothing_is_said() {
    let offer = example(RFC_3264_OFFER);
    let mut bob = session(BOB);
    let mut wrong_kind = media(&offer);
    wrong_kind.streams.swap(0, 1);
    assert_eq!(
        bob.answer(&offer, &wrong_kind),
        Err(SdpError::AnswerDoesNotFit { index: 0 })
    );
    let mut too_many = media(&offer);
    too_many.streams.push(audio(BOB, 5000, Direction::SendRecv));
    assert_eq!(
        bob.answer(&offer, &too_many),
        Err(SdpError::AnswerDoesNotFit { index: 3 })
    );
    let mut secured = media(&offer);
    secured.streams[2].transport.as_mut().unwrap().security = Security::Sdes { keys: Vec::new() };
    assert_eq!(
        bob.answer(&offer, &secured),
        Err(SdpError::OtherProtection { index: 2 })
    );
    let nowhere = one(audio("0.0.0.0", 5000, Direction::SendRecv));
    assert_eq!(
        bob.answer(&offer, &nowhere),
        Err(SdpError::UnspecifiedAddress { index: 0 })
    );
    assert_eq!(
        bob.offer(&nowhere),
        Err(SdpError::UnspecifiedAddress { index: 0 })
    );
    assert_eq!(bob.last(), None);
}

#[test]
fn a_rejected_m_line_cannot_be_revived_by_an_answer() {
    let offer = example(
        "v=0
o=- 1 1 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=0 0
m=audio 0 RTP/AVP 8
",
    );
    let answer = session(BOB)
        .answer(&offer, &one(audio(BOB, 5000, Direction::SendRecv)))
        .unwrap();
    assert_eq!(m_lines(&answer), ["audio 0 RTP/AVP 8"]);
}

#[test]
fn what_is_written_is_in_the_order_of_rfc_8866() {
    let offer = session(ALICE)
        .offer(&one(audio(ALICE, 4000, Direction::SendRecv)))
        .unwrap();
    let (session_id, text) = (&offer.origin.session_id, offer.to_string());
    assert_eq!(
        text,
        format!(
            "v=0\r\n\
             o=- {session_id} 1 IN IP4 192.0.2.1\r\n\
             s=-\r\n\
             c=IN IP4 192.0.2.1\r\n\
             t=0 0\r\n\
             m=audio 4000 RTP/AVP 0\r\n\
             a=rtpmap:0 PCMU/8000\r\n\
             a=ptime:20\r\n\
             a=sendrecv\r\n"
        )
    );
    let shuffled = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\na=tool:x\nk=clear:y\nz=0 0\nt=1 2\nr=7d 1h 0\n\
                    b=AS:80\nc=IN IP4 192.0.2.1\np=+1\ne=a@example.org\nu=http://example.org\ni=info\n\
                    m=audio 4000 RTP/AVP 0\na=sendrecv\nb=AS:64\nc=IN IP4 192.0.2.2\nk=prompt\ni=left\n";
    let text = SessionDescription::parse(shuffled.as_bytes())
        .unwrap()
        .to_string();
    let letters: String = text
        .lines()
        .filter_map(|line| line.chars().next())
        .collect();
    assert_eq!(letters, "vosiuepcbtrzkamicbka");
}

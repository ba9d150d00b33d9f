use super::super::{Message, ParseFault};
use super::{Frame, FrameError, Limits, StreamDecoder};

const HEAD: &str = "OPTIONS sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\n\
    From: <sip:alice@example.org>;tag=1\r\nTo: <sip:bob@example.org>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n";

fn drain(decoder: &mut StreamDecoder) -> Vec<Result<Frame, FrameError>> {
    std::iter::from_fn(|| decoder.next()).collect()
}

fn frames(bytes: &[u8]) -> Vec<Result<Frame, FrameError>> {
    let mut decoder = StreamDecoder::new(Limits::default());
    decoder.push(bytes);
    drain(&mut decoder)
}

fn error(bytes: &[u8]) -> (ParseFault, Option<u16>, bool) {
    let error = frames(bytes).pop().unwrap().unwrap_err();
    let status = error
        .error
        .response()
        .map(|response| response.status.code());
    (error.error.fault(), status, error.close)
}

#[test]
fn messages_and_keep_alives_come_in_order() {
    let stream =
        format!("\r\n\r\n{HEAD}l: 4\r\n\r\nabcd{HEAD}\r\n\r\n{HEAD}Content-Length: 0\r\n\r\n\r\n");
    let shown: Vec<String> = frames(stream.as_bytes())
        .into_iter()
        .map(|frame| match frame.unwrap() {
            Frame::Message(message) => String::from_utf8_lossy(message.body()).into_owned(),
            Frame::KeepAlivePing => "ping".into(),
            Frame::KeepAlivePong => "pong".into(),
        })
        .collect();
    assert_eq!(shown, ["pong", "ping", "abcd", "", "pong", "", "pong"]);
}

#[test]
fn a_pong_is_seen_at_once_and_a_ping_in_halves_is_still_a_ping() {
    let mut decoder = StreamDecoder::new(Limits::default());
    decoder.push(b"\r");
    assert_eq!(decoder.next(), None);
    decoder.push(b"\n");
    assert_eq!(decoder.next(), Some(Ok(Frame::KeepAlivePong)));
    assert_eq!(decoder.next(), None);
    decoder.push(b"\r\n");
    assert_eq!(decoder.next(), Some(Ok(Frame::KeepAlivePing)));
    decoder.push(b"\r\n");
    assert_eq!(decoder.next(), Some(Ok(Frame::KeepAlivePong)));
}

#[test]
fn a_broken_message_in_sound_framing_costs_only_itself() {
    let stream = format!("{HEAD}broken\r\nl: 2\r\n\r\nab{HEAD}l: 0\r\n\r\n");
    let frames = frames(stream.as_bytes());
    let [Err(first), Ok(Frame::Message(Message::Request(_)))] = frames.as_slice() else {
        panic!("{frames:?}");
    };
    assert_eq!(first.error.fault(), ParseFault::HeaderLine);
    assert!(!first.close);
}

#[test]
fn broken_framing_is_answered_and_ends_the_stream() {
    let with = |fields: &str| format!("{HEAD}{fields}\r\n{HEAD}l: 0\r\n\r\n").into_bytes();
    assert_eq!(
        error(&with("l: -1\r\n")),
        (ParseFault::ContentLength, Some(400), true)
    );
    assert_eq!(
        error(&with("l: 1\r\nl: 2\r\n")),
        (ParseFault::ContentLength, Some(400), true)
    );
    let type_only = with("Content-Type: application/sdp\r\n");
    assert_eq!(
        error(&type_only),
        (ParseFault::NoContentLength, Some(400), true)
    );
    let huge = with("l: 1048577\r\n");
    assert_eq!(error(&huge), (ParseFault::BodyTooLarge, Some(513), true));
    assert_eq!(
        error(&with("l: 99999999999999999999\r\n")).0,
        ParseFault::ContentLength
    );
    let ack = String::from_utf8(with("l: x\r\n"))
        .unwrap()
        .replacen("OPTIONS", "ACK", 1);
    assert_eq!(
        error(ack.as_bytes()),
        (ParseFault::ContentLength, None, true)
    );
}

#[test]
fn a_head_without_end_is_not_collected_for_ever() {
    let mut decoder = StreamDecoder::new(Limits {
        head: 100,
        ..Limits::default()
    });
    decoder.push(&[b'x'; 100]);
    assert_eq!(decoder.next(), None);
    decoder.push(b"x");
    let error = decoder.next().unwrap().unwrap_err();
    assert_eq!(
        (error.error.fault(), error.close),
        (ParseFault::HeadTooLarge, true)
    );
    decoder.push(HEAD.as_bytes());
    assert_eq!((decoder.next(), decoder.buffered()), (None, 0));
}

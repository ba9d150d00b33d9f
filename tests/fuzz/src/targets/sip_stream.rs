//! SIP over a stream: framing, whatever the pieces in which it arrives.

use tandem_sip::message::{Frame, FrameError, Limits, StreamDecoder};

use super::sip_message::reads_back;
use crate::{Budget, Target};

pub(super) const TARGET: Target = Target {
    name: "sip-stream",
    about: "SIP over TCP: the same frames whatever the pieces, bounded memory",
    seeds: &["tests/fixtures/sip"],
    dictionary: Some("sip"),
    longest: 4096,
    budget: Budget {
        // What is measured here is mostly the list of frames: a keep-alive of two bytes is one.
        memory: (256 << 10, 1024),
        work: (512 << 10, 4096),
    },
    check,
};

/// Small, so that short inputs reach them.
const LIMITS: Limits = Limits {
    head: 1024,
    body: 512,
    headers: 24,
};

/// The first byte says how the rest is cut.
fn check(input: &[u8]) {
    let Some((&cut, stream)) = input.split_first() else {
        return;
    };
    let whole = frames(stream, stream.len().max(1));
    let pieces = frames(stream, usize::from(cut % 61) + 1);
    assert_eq!(whole, pieces, "how a stream is cut makes no difference");
    for frame in whole {
        match frame {
            Ok(Frame::Message(message)) => reads_back(&message),
            Ok(Frame::KeepAlivePing | Frame::KeepAlivePong) => {}
            Err(FrameError { error, .. }) => drop(error.response().map(|r| r.to_bytes())),
        }
    }
}

fn frames(stream: &[u8], piece: usize) -> Vec<Result<Frame, FrameError>> {
    let mut decoder = StreamDecoder::new(LIMITS);
    let mut frames = Vec::new();
    for bytes in stream.chunks(piece) {
        decoder.push(bytes);
        while let Some(frame) = decoder.next() {
            frames.push(frame);
        }
        assert!(
            decoder.buffered() <= LIMITS.head + LIMITS.body,
            "{} bytes are held",
            decoder.buffered()
        );
    }
    frames
}

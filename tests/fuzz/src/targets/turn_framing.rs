//! TURN over a stream: the same messages whatever the pieces.

use tandem_media::gather::{
    FramingError, MAX_MESSAGE, StunMessage, TurnFraming, parse_channel_data,
};

use crate::{Budget, Target};

pub(super) const TARGET: Target = Target {
    name: "turn-framing",
    about: "TURN over TCP: the same messages whatever the pieces, bounded memory",
    seeds: &[],
    dictionary: None,
    longest: 9000,
    budget: Budget {
        memory: (64 << 10, 64),
        work: (256 << 10, 1024),
    },
    check,
};

/// The first byte says how the rest is cut.
fn check(input: &[u8]) {
    let Some((&cut, stream)) = input.split_first() else {
        return;
    };
    let (whole, whole_ends) = messages(stream, stream.len().max(1));
    let (pieces, pieces_end) = messages(stream, usize::from(cut) + 1);
    if whole_ends.is_ok() {
        assert_eq!(whole, pieces, "how a stream is cut makes no difference");
        assert!(pieces_end.is_ok());
    }
    for message in whole.iter().chain(&pieces) {
        assert!(message.len() <= MAX_MESSAGE);
        if parse_channel_data(message).is_none() {
            let _ = StunMessage::parse(message);
        }
    }
}

fn messages(stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, Result<(), FramingError>) {
    let mut framing = TurnFraming::default();
    let mut messages = Vec::new();
    for bytes in stream.chunks(piece) {
        match framing.push(bytes) {
            Ok(more) => messages.extend(more),
            Err(error) => {
                assert!(framing.push(b"\0\0\0\0").is_err(), "broken stays broken");
                return (messages, Err(error));
            }
        }
    }
    (messages, Ok(()))
}

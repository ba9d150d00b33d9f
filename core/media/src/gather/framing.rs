//! TURN's two ways to carry a message: as a datagram, and back to back in a stream (RFC 8656 §12.4, §12.5).

use rtc_shared::turn_framing::TurnStreamDecoder;
use thiserror::Error;

use super::message::MAX_MESSAGE;

/// Channel numbers (RFC 8656 §12).
pub(super) const FIRST_CHANNEL: u16 = 0x4000;
const LAST_CHANNEL: u16 = 0x4fff;
const HEADER: usize = 4;
/// The decoder moves what it holds for every message that it gives out: small bites keep that cheap.
const BITE: usize = 2048;

/// The stream holds something that is not TURN. It has no point to start again from: close it.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the stream is not TURN")]
pub struct FramingError;

/// Cuts a byte stream into TURN messages. Holds at most one message and one bite.
#[derive(Debug, Default)]
pub struct TurnFraming {
    decoder: TurnStreamDecoder,
    broken: bool,
}

impl TurnFraming {
    /// The messages that `bytes` complete, ChannelData with its padding.
    ///
    /// # Errors
    /// It is not TURN, or a message is longer than [`MAX_MESSAGE`]; so is everything after.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, FramingError> {
        let mut messages = Vec::new();
        for bite in bytes.chunks(BITE) {
            if self.broken {
                return Err(FramingError);
            }
            self.decoder.extend_from_slice(bite);
            while let Some(message) = self.next()? {
                messages.push(message);
            }
            // No message is this long: do not wait for its end.
            self.broken = self.decoder.buffered_len() > MAX_MESSAGE;
        }
        if self.broken {
            Err(FramingError)
        } else {
            Ok(messages)
        }
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>, FramingError> {
        let next = self.decoder.next_message().map_err(|_| FramingError);
        let next = next.and_then(|message| match message {
            Some(message) if message.len() > MAX_MESSAGE => Err(FramingError),
            other => Ok(other),
        });
        self.broken = next.is_err();
        next
    }
}

/// Reads a ChannelData message: its channel and its payload, without padding.
pub fn parse_channel_data(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
    let [channel_high, channel_low, high, low] = *header;
    let channel = u16::from_be_bytes([channel_high, channel_low]);
    let payload = rest.get(..usize::from(u16::from_be_bytes([high, low])))?;
    (FIRST_CHANNEL..=LAST_CHANNEL)
        .contains(&channel)
        .then_some((channel, payload))
}

/// Writes a ChannelData message, padded as a stream needs it if `padded`.
pub(super) fn channel_data(channel: u16, payload: &[u8], padded: bool) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let size = if padded {
        payload.len().next_multiple_of(4)
    } else {
        payload.len()
    };
    let mut message = Vec::with_capacity(HEADER + size);
    message.extend(channel.to_be_bytes());
    message.extend(length.to_be_bytes());
    message.extend(payload);
    message.resize(HEADER + size, 0);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_whole_however_the_stream_is_cut() {
        let binding = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
        let data = channel_data(0x4001, b"seven b", true);
        let stream = [binding.clone(), data.clone(), binding.clone()].concat();
        for size in 1..stream.len() {
            let mut framing = TurnFraming::default();
            let pieces = stream.chunks(size);
            let messages: Vec<_> = pieces
                .flat_map(|p| framing.push(p).expect("TURN"))
                .collect();
            assert_eq!(messages, [binding.clone(), data.clone(), binding.clone()]);
        }
        assert_eq!(parse_channel_data(&data), Some((0x4001, &b"seven b"[..])));
    }

    #[test]
    fn a_stream_that_is_not_turn_ends_for_good() {
        for garbage in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            &[0x80, 0, 0, 0],
            &[0xff; 8],
        ] {
            let mut framing = TurnFraming::default();
            assert_eq!(framing.push(&[]), Ok(Vec::new()));
            // "HTTP" reads as ChannelData of 0x5450 bytes: it is the length that gives it away.
            let more = [garbage, &[0; 2 * MAX_MESSAGE]].concat();
            assert_eq!(framing.push(&more), Err(FramingError));
            assert_eq!(framing.push(&[0x40, 0, 0, 0]), Err(FramingError));
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_not_waited_for() {
        let mut framing = TurnFraming::default();
        assert_eq!(framing.push(&[0x40, 0, 0xff, 0xff]), Ok(Vec::new()));
        let mut held = 0;
        while framing.push(&[0; 1000]).is_ok() {
            held += 1000;
        }
        assert!(held <= MAX_MESSAGE, "{held}");
    }

    #[test]
    fn channel_data_must_be_whole_and_on_a_channel() {
        assert_eq!(parse_channel_data(&[0x40, 1, 0, 2, 5]), None);
        assert_eq!(parse_channel_data(&[0x50, 0, 0, 0]), None);
        assert_eq!(parse_channel_data(&[0x3f, 255, 0, 0]), None);
        assert_eq!(parse_channel_data(&[0x40, 0, 0]), None);
        assert_eq!(
            parse_channel_data(&[0x40, 0, 0, 0]),
            Some((0x4000, &[][..]))
        );
        // Over UDP it has no padding, but may.
        assert_eq!(channel_data(0x4000, b"a", false), [0x40, 0, 0, 1, b'a']);
        assert_eq!(
            parse_channel_data(&channel_data(0x4000, b"a", true)),
            Some((0x4000, &b"a"[..]))
        );
    }
}

//! Messages out of a byte stream: TCP, TLS (RFC 3261 §18.3, RFC 5626 §3.5.1).

use super::parse::{self, Head, Limits};
use super::wire::LineEnd;
use super::{Message, ParseError, ParseFault};

/// What a stream brought.
#[allow(
    clippy::large_enum_variant,
    reason = "most frames are messages, and none lives long"
)]
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// A message.
    Message(Message),
    /// A second CRLF right after a first: together they ask for a pong (RFC 5626 §3.5.1). The server answers
    /// with one CRLF.
    KeepAlivePing,
    /// A CRLF between messages: the server's pong, or the first half of a ping, or just white space
    /// (RFC 3261 §7.5). Reported at once, because whoever waits for a pong waits on a timer.
    KeepAlivePong,
}

/// A message of a stream that could not be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{error}")]
pub struct FrameError {
    /// What is wrong, with the answer where one is due.
    pub error: ParseError,
    /// Where the next message begins cannot be known: answer, then close the connection. The decoder has
    /// nothing more to say.
    pub close: bool,
}

/// Cuts a stream into frames.
///
/// Push what was read, then call [`StreamDecoder::next`] until it is `None`; then no more than one head and
/// one body within [`Limits`] are held. How the bytes were cut into pushes makes no difference.
#[derive(Debug)]
pub struct StreamDecoder {
    limits: Limits,
    buffer: Vec<u8>,
    /// Where the bytes begin that no frame has taken. They are moved to the front once a push, not once a
    /// frame: a flood of keep-alives must not cost the square of its length.
    start: usize,
    /// How many of them are known not to hold the head's end.
    searched: usize,
    /// How many there must be before it is worth looking again: a slow body must not have its head read for
    /// every byte.
    needed: usize,
    last_was_line_break: bool,
    closed: bool,
}

impl StreamDecoder {
    /// A decoder for a fresh connection.
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            needed: 0,
            last_was_line_break: false,
            closed: false,
        }
    }

    /// Takes what was read from the connection. Ignored after an error that closes it.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.closed {
            self.buffer.drain(..self.start.min(self.buffer.len()));
            self.start = 0;
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Bytes held that are not a whole frame yet.
    pub fn buffered(&self) -> usize {
        self.pending().len()
    }

    /// The next frame; `None` if more bytes are needed, or the stream is beyond repair.
    #[allow(
        clippy::should_implement_trait,
        reason = "`None` is \"not yet\", not the end"
    )]
    pub fn next(&mut self) -> Option<Result<Frame, FrameError>> {
        if self.closed || self.pending().len() < self.needed {
            return None;
        }
        if self.pending().starts_with(b"\r\n") {
            self.consume(2);
            let second = std::mem::replace(&mut self.last_was_line_break, true);
            if second {
                self.last_was_line_break = false;
                return Some(Ok(Frame::KeepAlivePing));
            }
            return Some(Ok(Frame::KeepAlivePong));
        }
        if matches!(self.pending(), [] | [b'\r']) {
            return None;
        }
        self.last_was_line_break = false;
        self.message()
    }

    fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    fn message(&mut self) -> Option<Result<Frame, FrameError>> {
        let Some(end) = parse::head_end(self.pending(), self.searched) else {
            if self.pending().len() > self.limits.head {
                return Some(Err(self.close(ParseError::Drop(ParseFault::HeadTooLarge))));
            }
            // The blank line may begin with the last three bytes.
            self.searched = self.pending().len().saturating_sub(3);
            return None;
        };
        if end > self.limits.head {
            return Some(Err(self.close(ParseError::Drop(ParseFault::HeadTooLarge))));
        }
        self.searched = end.saturating_sub(4);
        let bytes = self.pending().get(..end).unwrap_or_default();
        let head = Head::read(bytes, LineEnd::of(bytes), self.limits);
        let length = match head.headers.content_length() {
            Ok(None) if parse::announces_body(&head.headers) => {
                return Some(Err(self.close(head.refuse(ParseFault::NoContentLength))));
            }
            Ok(None) => 0,
            Ok(Some(length)) => length,
            Err(_) => return Some(Err(self.close(head.refuse(ParseFault::ContentLength)))),
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > self.limits.body {
            return Some(Err(self.close(head.refuse(ParseFault::BodyTooLarge))));
        }
        let whole = end.saturating_add(length);
        let Some(body) = self.pending().get(end..whole) else {
            self.needed = whole;
            return None;
        };
        let message = head.into_message(body);
        self.consume(whole);
        Some(message.map(Frame::Message).map_err(|error| FrameError {
            error,
            close: false,
        }))
    }

    fn consume(&mut self, bytes: usize) {
        self.start = self.start.saturating_add(bytes);
        self.searched = 0;
        self.needed = 0;
    }

    fn close(&mut self, error: ParseError) -> FrameError {
        self.closed = true;
        self.buffer = Vec::new();
        self.start = 0;
        FrameError { error, close: true }
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;

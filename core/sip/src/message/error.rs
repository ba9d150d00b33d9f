//! What can be wrong with a SIP message, from a single character to the whole datagram.
//!
//! No text of the message is kept in an error: whatever a peer sends may be personal.

use super::Response;

/// Why a text does not follow the grammar of RFC 3261 §25.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// A character that may not stand here.
    #[error("a character that is not allowed here")]
    BadCharacter,
    /// A `%` that two hex digits do not follow.
    #[error("a percent sign without two hex digits")]
    BadEscape,
    /// No name, IPv4 address or bracketed IPv6 address.
    #[error("not a host")]
    BadHost,
    /// Not a number, or one beyond what the grammar gives it.
    #[error("not a number within its range")]
    BadNumber,
    /// Not 0–65535.
    #[error("not a port")]
    BadPort,
    /// The method, tag or other word is no token.
    #[error("not a token")]
    BadToken,
    /// Something that must be there is not.
    #[error("a part is empty")]
    Empty,
    /// A method other than the request's.
    #[error("not the method of the request")]
    MethodMismatch,
    /// A URI without scheme.
    #[error("no URI scheme")]
    NoScheme,
    /// Text after the end of what was read.
    #[error("unexpected text at the end")]
    TrailingText,
    /// A quote, angle bracket or comment that is not closed.
    #[error("a quote, bracket or comment is not closed")]
    Unclosed,
    /// A protocol other than SIP/2.0 where only that may stand.
    #[error("not SIP/2.0")]
    UnknownProtocol,
}

/// Why a header field cannot be read as what it should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{name}: {fault}")]
pub struct HeaderError {
    /// The field, by its full name.
    pub name: &'static str,
    /// What is wrong with it.
    pub fault: HeaderFault,
}

/// What is wrong with a header field.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderFault {
    /// The message has none.
    #[error("the header field is missing")]
    Missing,
    /// A field that may stand once stands more often (RFC 3261 §7.3.1).
    #[error("the header field stands more than once")]
    Repeated,
    /// The value does not follow the field's grammar.
    #[error("{0}")]
    Syntax(#[from] SyntaxError),
}

impl HeaderError {
    pub(crate) const fn missing(name: &'static str) -> Self {
        Self {
            name,
            fault: HeaderFault::Missing,
        }
    }

    pub(crate) const fn syntax(name: &'static str, fault: SyntaxError) -> Self {
        Self {
            name,
            fault: HeaderFault::Syntax(fault),
        }
    }
}

/// Why a header field cannot be added as given.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The name is no token.
    #[error("the header name is not a token")]
    BadName,
    /// The value holds CR, LF or NUL: it could end the field and begin another.
    #[error("the header value holds a line break or a null byte")]
    BadValue,
}

/// What keeps bytes from being one SIP message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseFault {
    /// Only line breaks: a keep-alive (RFC 5626 §4.4), not an error of the peer.
    #[error("a keep-alive without a message")]
    KeepAlive,
    /// Neither a Request-Line nor a Status-Line.
    #[error("the first line is malformed: {0}")]
    StartLine(SyntaxError),
    /// The Request-URI cannot be read.
    #[error("the request URI is malformed: {0}")]
    RequestUri(SyntaxError),
    /// A header line without name or colon.
    #[error("a header line is malformed")]
    HeaderLine,
    /// The blank line after the header fields is missing.
    #[error("the header fields have no end")]
    UnterminatedHead,
    /// More header lines than the limit.
    #[error("too many header fields")]
    TooManyHeaders,
    /// Start line and header fields are longer than the limit.
    #[error("the head is too large")]
    HeadTooLarge,
    /// The body is longer than the limit.
    #[error("the body is too large")]
    BodyTooLarge,
    /// Content-Length is no number, or two of them disagree.
    #[error("the content length is malformed or contradicts itself")]
    ContentLength,
    /// On a stream: a body without Content-Length (RFC 3261 §18.3).
    #[error("a body on a stream needs a content length")]
    NoContentLength,
    /// A datagram ends before its body does (RFC 3261 §18.3).
    #[error("the datagram ends before its body")]
    BodyCut,
}

/// A message that could not be read, and whether its sender may be told.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ParseError {
    /// A request, broken but with enough of a head left to answer it. Where its Via cannot be read, the answer
    /// goes back to where the bytes came from.
    #[error("{fault}")]
    Answer {
        /// What is wrong.
        fault: ParseFault,
        /// The answer: status, Via, From, To (with a tag), Call-ID and CSeq are in place.
        response: Box<Response>,
    },
    /// Nothing that may be answered: a response, an ACK, or bytes without a Via.
    #[error("{0}")]
    Drop(ParseFault),
}

impl ParseError {
    /// What is wrong.
    pub const fn fault(&self) -> ParseFault {
        match self {
            Self::Answer { fault, .. } | Self::Drop(fault) => *fault,
        }
    }

    /// The answer to send, if one may be sent.
    pub fn response(&self) -> Option<&Response> {
        match self {
            Self::Answer { response, .. } => Some(response),
            Self::Drop(_) => None,
        }
    }
}

//! SIP messages: bytes in, bytes out, nothing lost (RFC 3261 §7, §18.3, §19, §20, §25).
//!
//! A [`Message`] keeps header fields in the order and form they came in; [`Headers`] reads typed views
//! ([`Via`], [`NameAddr`], [`CSeq`], …) when asked. Bytes become messages by [`parse_datagram`] or a
//! [`StreamDecoder`]; [`screen()`] says whether an element may act on a message or how it answers instead.
//!
//! Nothing here logs, and `Debug` of a message shows names and sizes only: what people write to and are
//! called by stays out of logs.
//!
//! ```
//! use tandem_sip::message::{Message, Response, StatusCode, parse_datagram};
//!
//! let datagram = b"OPTIONS sip:bob@example.org SIP/2.0\r\n\
//!     v: SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK1\r\n\
//!     f: \"Alice, A.\" <sip:alice@example.org>;tag=1\r\n\
//!     t: <tel:+15550100>\r\n\
//!     i: 1\r\n\
//!     CSeq: 1 OPTIONS\r\n\r\n";
//! let Message::Request(options) = parse_datagram(datagram)? else { return Ok(()) };
//! assert_eq!(options.headers.from()?.display.as_deref(), Some("Alice, A."));
//! assert_eq!(options.to_bytes_verbatim(), datagram);
//!
//! let answer = Response::answer(&options, StatusCode::OK).with_to_tag("2");
//! assert!(answer.to_bytes().starts_with(b"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP [2001:db8::1]"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod escape;
mod header;
mod headers;
mod host;
mod lex;
mod method;
mod name_addr;
mod params;
mod parse;
mod request;
mod response;
mod screen;
mod sip_uri;
mod status;
mod stream;
mod tel_uri;
mod uri;
mod values;
mod via;
mod views;
mod wire;

#[cfg(test)]
mod build_tests;
#[cfg(test)]
mod sip_uri_tests;

pub use error::{BuildError, HeaderError, HeaderFault, ParseError, ParseFault, SyntaxError};
#[cfg(feature = "rsip")]
pub(crate) use header::canonical_name;
pub use header::{Header, name};
pub use headers::Headers;
pub use host::Host;
pub use method::Method;
pub use name_addr::NameAddr;
pub use params::Params;
pub use parse::{Limits, parse_datagram};
pub use request::Request;
pub use response::Response;
pub use screen::{Capabilities, DropReason, Verdict, screen, screen_request, screen_response};
pub use sip_uri::SipUri;
pub use status::StatusCode;
pub use stream::{Frame, FrameError, StreamDecoder};
pub use tel_uri::TelUri;
pub use uri::{OtherUri, Uri};
pub use values::{CSeq, MediaType, Parameterized, RAck, Reason, RetryAfter, Warning};
pub use via::Via;
pub use views::Contacts;

/// A request or a response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Message {
    /// The header fields.
    pub const fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// The header fields, to be changed.
    pub const fn headers_mut(&mut self) -> &mut Headers {
        match self {
            Self::Request(request) => &mut request.headers,
            Self::Response(response) => &mut response.headers,
        }
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Request(request) => &request.body,
            Self::Response(response) => &response.body,
        }
    }

    /// The message for the wire: what it holds, with a Content-Length that is right.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Request(request) => request.to_bytes(),
            Self::Response(response) => response.to_bytes(),
        }
    }

    /// Exactly what the message holds, a missing or wrong Content-Length included.
    pub fn to_bytes_verbatim(&self) -> Vec<u8> {
        match self {
            Self::Request(request) => request.to_bytes_verbatim(),
            Self::Response(response) => response.to_bytes_verbatim(),
        }
    }
}

impl From<Request> for Message {
    fn from(request: Request) -> Self {
        Self::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

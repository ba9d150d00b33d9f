//! Requests (RFC 3261 §7.1).

use std::fmt;

use super::wire::{self, Wire};
use super::{Headers, Method, Uri};

/// A request.
#[derive(Clone, Eq, PartialEq)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// Of whom: the Request-URI.
    pub uri: Uri,
    /// The header fields.
    pub headers: Headers,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    pub(super) wire: Wire,
}

impl Request {
    /// A request without header fields and body.
    pub fn new(method: Method, uri: impl Into<Uri>) -> Self {
        let (headers, body, wire) = (Headers::new(), Vec::new(), Wire::default());
        Self {
            method,
            uri: uri.into(),
            headers,
            body,
            wire,
        }
    }

    /// The protocol version as written: `SIP/2.0` unless a peer said something else.
    pub fn version(&self) -> &str {
        self.wire.version()
    }

    /// Sets the body and says what it is.
    pub fn set_body(&mut self, content_type: &str, body: impl Into<Vec<u8>>) {
        self.headers.set(super::name::CONTENT_TYPE, content_type);
        self.body = body.into();
    }

    /// The request for the wire: what it holds, with a Content-Length that is right.
    pub fn to_bytes(&self) -> Vec<u8> {
        wire::print(
            &self.start_line(),
            &self.headers,
            &self.body,
            &self.wire,
            true,
        )
    }

    /// Exactly what the request holds, a missing or wrong Content-Length included.
    pub fn to_bytes_verbatim(&self) -> Vec<u8> {
        wire::print(
            &self.start_line(),
            &self.headers,
            &self.body,
            &self.wire,
            false,
        )
    }

    fn start_line(&self) -> Vec<u8> {
        format!("{} {} {}", self.method, self.uri, self.version()).into_bytes()
    }
}

impl fmt::Debug for Request {
    /// The method, header names and sizes: the rest is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body.len();
        write!(
            f,
            "Request({} {:?} {:?} {body} bytes)",
            self.method, self.uri, self.headers
        )
    }
}

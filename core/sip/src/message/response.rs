//! Responses (RFC 3261 §7.2, §8.2.6).

use std::borrow::Cow;
use std::fmt;

use super::wire::{self, Wire};
use super::{Header, Headers, Request, StatusCode, name};

/// A response.
#[derive(Clone, Eq, PartialEq)]
pub struct Response {
    /// What came of the request.
    pub status: StatusCode,
    /// The header fields.
    pub headers: Headers,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// `None`: not even the space before it was there.
    pub(super) reason: Option<Vec<u8>>,
    pub(super) wire: Wire,
}

impl Response {
    /// A response without header fields and body, with the usual phrase.
    pub fn new(status: StatusCode) -> Self {
        let reason = Some(status.default_reason().as_bytes().to_vec());
        Self {
            status,
            headers: Headers::new(),
            body: Vec::new(),
            reason,
            wire: Wire::default(),
        }
    }

    /// An answer to `request`: Via, From, To, Call-ID, CSeq and Timestamp are copied (RFC 3261 §8.2.6.2,
    /// §20.38). To has no tag of ours yet: see [`Response::with_to_tag`].
    pub fn answer(request: &Request, status: StatusCode) -> Self {
        Self::answer_to(&request.headers, status)
    }

    pub(super) fn answer_to(request: &Headers, status: StatusCode) -> Self {
        let mut response = Self::new(status);
        let copied = [
            name::VIA,
            name::FROM,
            name::TO,
            name::CALL_ID,
            name::CSEQ,
            name::TIMESTAMP,
        ];
        for copied in copied {
            response.headers.copy_from(request, copied);
        }
        response
    }

    /// With this tag on To, unless To has one already or cannot be read.
    #[must_use]
    pub fn with_to_tag(mut self, tag: &str) -> Self {
        let Ok(to) = self.headers.to() else {
            return self;
        };
        if to.tag().is_none()
            && let Some(raw) = self.headers.get_raw(name::TO)
        {
            let mut value = raw.into_owned();
            value.extend_from_slice(b";tag=");
            value.extend_from_slice(super::escape::token(tag).as_bytes());
            self.headers.set(name::TO, value);
        }
        self
    }

    /// With the tag that every stateless answer to the same request gets, so that a retransmission does not
    /// look like another dialog (RFC 3261 §8.2.7). For answers no transaction remembers, never for a dialog.
    #[must_use]
    pub fn with_stateless_to_tag(self) -> Self {
        // FNV-1a over what names the transaction; it must repeat, not be hard to guess.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for name in [name::VIA, name::CALL_ID, name::CSEQ, name::FROM] {
            for byte in self.headers.get_raw(name).unwrap_or_default().iter() {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        self.with_to_tag(&format!("{hash:016x}"))
    }

    /// With this phrase; control characters become spaces.
    #[must_use]
    pub fn with_reason(mut self, reason: &str) -> Self {
        let harmless = |c: char| if c.is_control() { ' ' } else { c };
        self.reason = Some(
            reason
                .chars()
                .map(harmless)
                .collect::<String>()
                .into_bytes(),
        );
        self
    }

    /// The phrase, for a person. Bytes that are no UTF-8 show as U+FFFD.
    pub fn reason(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.reason_bytes())
    }

    /// The phrase as it came.
    pub fn reason_bytes(&self) -> &[u8] {
        self.reason.as_deref().unwrap_or_default()
    }

    /// Adds a field, chained.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push_header(Header::new(name, value));
        self
    }

    /// Sets the body and says what it is.
    pub fn set_body(&mut self, content_type: &str, body: impl Into<Vec<u8>>) {
        self.headers.set(name::CONTENT_TYPE, content_type);
        self.body = body.into();
    }

    /// The response for the wire: what it holds, with a Content-Length that is right.
    pub fn to_bytes(&self) -> Vec<u8> {
        wire::print(
            &self.start_line(),
            &self.headers,
            &self.body,
            &self.wire,
            true,
        )
    }

    /// Exactly what the response holds, a missing or wrong Content-Length included.
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
        let mut line = format!("{} {}", self.wire.version(), self.status).into_bytes();
        if let Some(reason) = &self.reason {
            line.push(b' ');
            line.extend_from_slice(reason);
        }
        line
    }
}

impl fmt::Debug for Response {
    /// The status, header names and sizes: the rest is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Response({} {:?} {} bytes)",
            self.status,
            self.headers,
            self.body.len()
        )
    }
}

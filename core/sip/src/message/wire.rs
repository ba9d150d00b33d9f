//! What a message looked like on the wire beyond what it says, and how it is printed.

use super::{Headers, name};

pub(super) const VERSION: &str = "SIP/2.0";

/// How the sender wrote what we would have written otherwise.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Wire {
    /// `None`: `SIP/2.0`.
    pub version: Option<Box<str>>,
    pub line_end: LineEnd,
}

/// How lines end. One message uses one kind throughout.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum LineEnd {
    /// RFC 3261 §7.
    #[default]
    CrLf,
    /// Not legal, but sent by hand-made tools and some devices, and without ambiguity if nothing else is in
    /// use.
    Lf,
}

impl LineEnd {
    pub const fn bytes(self) -> &'static [u8] {
        match self {
            Self::CrLf => b"\r\n",
            Self::Lf => b"\n",
        }
    }
}

impl Wire {
    pub fn version(&self) -> &str {
        self.version.as_deref().unwrap_or(VERSION)
    }
}

pub(super) fn print(
    start_line: &[u8],
    headers: &Headers,
    body: &[u8],
    wire: &Wire,
    fix_length: bool,
) -> Vec<u8> {
    let line_end = wire.line_end.bytes();
    let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let fix_length = fix_length && headers.content_length() != Ok(Some(length));
    let mut bytes = Vec::with_capacity(body.len().saturating_add(1024));
    bytes.extend_from_slice(start_line);
    bytes.extend_from_slice(line_end);
    for header in headers {
        if !(fix_length && header.is(name::CONTENT_LENGTH)) {
            header.write(line_end, &mut bytes);
        }
    }
    if fix_length {
        super::Header::new(name::CONTENT_LENGTH, length.to_string()).write(line_end, &mut bytes);
    }
    bytes.extend_from_slice(line_end);
    bytes.extend_from_slice(body);
    bytes
}

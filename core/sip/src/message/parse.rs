//! From bytes to messages (RFC 3261 §7, §18.3).

use super::wire::{self, LineEnd, Wire};
use super::{
    Header, Headers, Message, Method, ParseError, ParseFault, Request, Response, StatusCode,
    SyntaxError, lex, name,
};

/// What a peer may send before it is cut off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of start line and header fields together.
    pub head: usize,
    /// Bytes of the body.
    pub body: usize,
    /// Header lines.
    pub headers: usize,
}

impl Default for Limits {
    /// 64 KiB of head, 1 MiB of body, 256 header lines.
    fn default() -> Self {
        Self {
            head: 64 << 10,
            body: 1 << 20,
            headers: 256,
        }
    }
}

/// Reads the one message of a datagram (RFC 3261 §18.3): what follows Content-Length is dropped; without
/// Content-Length the body is the rest.
///
/// # Errors
/// If the bytes are no message; [`ParseError::response`] has the answer where one is due.
pub fn parse_datagram(bytes: &[u8]) -> Result<Message, ParseError> {
    let limits = Limits::default();
    let bytes = skip_line_breaks(bytes);
    if bytes.is_empty() {
        return Err(ParseError::Drop(ParseFault::KeepAlive));
    }
    let Some(end) = head_end(bytes, 0) else {
        let head = Head::read(bytes, LineEnd::of(bytes), limits);
        return Err(head.refuse(ParseFault::UnterminatedHead));
    };
    let (head, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    let head = Head::read(head, LineEnd::of(head), limits);
    if end > limits.head {
        return Err(head.refuse(ParseFault::HeadTooLarge));
    }
    let length = match head.headers.content_length() {
        Ok(None) => rest.len(),
        Ok(Some(length)) => usize::try_from(length).unwrap_or(usize::MAX),
        Err(_) => return Err(head.refuse(ParseFault::ContentLength)),
    };
    match rest.get(..length) {
        None => Err(head.refuse(ParseFault::BodyCut)),
        Some(body) if body.len() > limits.body => Err(head.refuse(ParseFault::BodyTooLarge)),
        Some(body) => head.into_message(body),
    }
}

/// `bytes` without the line breaks before a start line (RFC 3261 §7.5).
fn skip_line_breaks(mut bytes: &[u8]) -> &[u8] {
    while let [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Where the head ends, blank line included; `None` if it does not end in `bytes`. Nothing before `from`
/// needs to be looked at again.
pub(super) fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let blank: &[u8] = match LineEnd::of(bytes) {
        LineEnd::CrLf => b"\r\n\r\n",
        LineEnd::Lf => b"\n\n",
    };
    let tail = bytes.get(from..)?;
    let at = tail
        .windows(blank.len())
        .position(|window| window == blank)?;
    Some(from.saturating_add(at).saturating_add(blank.len()))
}

impl LineEnd {
    /// The kind the first line has; all others must have the same.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match bytes.iter().position(|&b| b == b'\n') {
            Some(0) => Self::Lf,
            Some(at) if bytes.get(at.saturating_sub(1)) != Some(&b'\r') => Self::Lf,
            Some(_) | None => Self::CrLf,
        }
    }
}

/// A head taken apart as far as it can be, so that even a broken request can be answered.
pub(super) struct Head {
    start: Result<Start, ParseFault>,
    /// Neither a response nor an ACK, as far as the first line shows.
    is_answerable: bool,
    pub headers: Headers,
    fault: Option<ParseFault>,
    wire: Wire,
}

enum Start {
    Request {
        method: Method,
        uri: super::Uri,
    },
    Response {
        status: StatusCode,
        reason: Option<Vec<u8>>,
    },
}

impl Head {
    pub fn read(bytes: &[u8], line_end: LineEnd, limits: Limits) -> Self {
        let mut lines = Lines {
            rest: bytes,
            line_end,
        };
        let first = lines.next().unwrap_or_default();
        let mut wire = Wire {
            version: None,
            line_end,
        };
        let start = start_line(first, &mut wire);
        let mut head = Self {
            start,
            is_answerable: !first.starts_with(b"ACK ") && !is_status_line(first),
            headers: Headers::new(),
            fault: None,
            wire,
        };
        let mut field: Option<Vec<u8>> = None;
        for line in lines.take_while(|line| !line.is_empty()) {
            if line.first().is_some_and(|b| matches!(b, b' ' | b'\t')) {
                match &mut field {
                    Some(field) => {
                        field.extend_from_slice(line_end.bytes());
                        field.extend_from_slice(line);
                    }
                    None => head.complain(ParseFault::HeaderLine),
                }
                continue;
            }
            head.add(field.take(), line_end, limits);
            field = Some(line.to_vec());
        }
        head.add(field, line_end, limits);
        head
    }

    fn complain(&mut self, fault: ParseFault) {
        self.fault.get_or_insert(fault);
    }

    fn add(&mut self, field: Option<Vec<u8>>, line_end: LineEnd, limits: Limits) {
        let Some(field) = field else { return };
        if self.headers.len() >= limits.headers {
            return self.complain(ParseFault::TooManyHeaders);
        }
        match read_field(&field, line_end) {
            Some(header) => self.headers.push_header(header),
            None => self.complain(ParseFault::HeaderLine),
        }
    }

    /// The first thing wrong with the head itself.
    fn fault(&self) -> Option<ParseFault> {
        self.start.as_ref().err().copied().or(self.fault)
    }

    /// The error for this head: `later` unless something in the head is wrong before it.
    pub fn refuse(self, later: ParseFault) -> ParseError {
        let fault = self.fault().unwrap_or(later);
        if !self.is_answerable || !self.headers.contains(name::VIA) {
            return ParseError::Drop(fault);
        }
        let status = match fault {
            ParseFault::BodyTooLarge | ParseFault::HeadTooLarge | ParseFault::TooManyHeaders => {
                StatusCode::MESSAGE_TOO_LARGE
            }
            ParseFault::BodyCut
            | ParseFault::ContentLength
            | ParseFault::HeaderLine
            | ParseFault::KeepAlive
            | ParseFault::NoContentLength
            | ParseFault::RequestUri(_)
            | ParseFault::StartLine(_)
            | ParseFault::UnterminatedHead => StatusCode::BAD_REQUEST,
        };
        let reason = format!("{} - {fault}", status.default_reason());
        let response = Response::answer_to(&self.headers, status).with_reason(&reason);
        ParseError::Answer {
            fault,
            response: Box::new(response.with_stateless_to_tag()),
        }
    }

    pub fn into_message(self, body: &[u8]) -> Result<Message, ParseError> {
        if let Some(fault) = self.fault {
            return Err(self.refuse(fault));
        }
        let body = body.to_vec();
        match self.start {
            Err(fault) => Err(self.refuse(fault)),
            Ok(Start::Request { method, uri }) => {
                let (headers, wire) = (self.headers, self.wire);
                Ok(Message::Request(Request {
                    method,
                    uri,
                    headers,
                    body,
                    wire,
                }))
            }
            Ok(Start::Response { status, reason }) => {
                let (headers, wire) = (self.headers, self.wire);
                Ok(Message::Response(Response {
                    status,
                    headers,
                    body,
                    reason,
                    wire,
                }))
            }
        }
    }
}

/// Lines without their ends.
struct Lines<'a> {
    rest: &'a [u8],
    line_end: LineEnd,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.line_end.bytes();
        let at = self
            .rest
            .windows(end.len())
            .position(|window| window == end);
        let (line, rest) = self.rest.split_at_checked(at.unwrap_or(self.rest.len()))?;
        self.rest = rest.strip_prefix(end).unwrap_or(rest);
        Some(line)
    }
}

/// `name : value`, folds included. `None` if the name is no token, the colon is missing, or a line break of
/// the other kind hides inside.
fn read_field(field: &[u8], line_end: LineEnd) -> Option<Header> {
    let at = field.iter().position(|&b| b == b':')?;
    let (name, raw) = field.split_at_checked(at)?;
    let raw = raw.strip_prefix(b":")?;
    let name = std::str::from_utf8(name).ok()?;
    let bare = name.trim_end_matches(lex::is_space);
    if !lex::is_token(bare) || has_stray_break(raw, line_end) {
        return None;
    }
    Some(Header::read(bare, name.strip_prefix(bare)?, raw))
}

/// Whether a CR or LF stands in `raw` that is not part of a fold. A stray one could be taken for the end of a
/// field by the next element on the path.
fn has_stray_break(raw: &[u8], line_end: LineEnd) -> bool {
    let mut lines = Lines {
        rest: raw,
        line_end,
    };
    lines.any(|line| line.iter().any(|b| matches!(b, b'\r' | b'\n')))
}

fn is_status_line(line: &[u8]) -> bool {
    line.get(..4)
        .is_some_and(|head| head.eq_ignore_ascii_case(b"SIP/"))
}

fn start_line(line: &[u8], wire: &mut Wire) -> Result<Start, ParseFault> {
    if line.iter().any(|b| matches!(b, b'\r' | b'\n')) {
        return Err(ParseFault::StartLine(SyntaxError::BadCharacter));
    }
    if is_status_line(line) {
        status_line(line, wire)
    } else {
        request_line(line, wire)
    }
}

/// `Method SP Request-URI SP SIP-Version`, one space each (RFC 3261 §7.1, RFC 4475 §3.1.2.8–3.1.2.10).
fn request_line(line: &[u8], wire: &mut Wire) -> Result<Start, ParseFault> {
    let line =
        std::str::from_utf8(line).map_err(|_| ParseFault::StartLine(SyntaxError::BadCharacter))?;
    let empty = ParseFault::StartLine(SyntaxError::Empty);
    let (method, rest) = line.split_once(' ').ok_or(empty)?;
    let (uri, version) = rest.rsplit_once(' ').ok_or(empty)?;
    let method = method.parse().map_err(ParseFault::StartLine)?;
    let number = version
        .get(4..)
        .filter(|_| is_status_line(version.as_bytes()));
    let (major, minor) = number
        .and_then(|number| number.split_once('.'))
        .ok_or(ParseFault::StartLine(SyntaxError::UnknownProtocol))?;
    lex::number(major)
        .and(lex::number(minor))
        .map_err(ParseFault::StartLine)?;
    if version != wire::VERSION {
        wire.version = Some(version.into());
    }
    let uri = uri.parse().map_err(ParseFault::RequestUri)?;
    Ok(Start::Request { method, uri })
}

/// `SIP-Version SP Status-Code SP Reason-Phrase` (RFC 3261 §7.2). A missing phrase may lack its space too.
fn status_line(line: &[u8], wire: &mut Wire) -> Result<Start, ParseFault> {
    let fault = ParseFault::StartLine;
    let (version, rest) = line.split_at_checked(7).ok_or(fault(SyntaxError::Empty))?;
    if !version.eq_ignore_ascii_case(wire::VERSION.as_bytes()) {
        return Err(fault(SyntaxError::UnknownProtocol));
    }
    if version != wire::VERSION.as_bytes() {
        wire.version = Some(String::from_utf8_lossy(version).into());
    }
    let rest = rest
        .strip_prefix(b" ")
        .ok_or(fault(SyntaxError::BadCharacter))?;
    let (code, reason) = match rest.iter().position(|&b| b == b' ') {
        Some(at) => rest.split_at_checked(at).unwrap_or((rest, &[])),
        None => (rest, &[][..]),
    };
    let code = std::str::from_utf8(code).map_err(|_| fault(SyntaxError::BadNumber))?;
    let number = (code.len() == 3).then(|| lex::number(code).ok()).flatten();
    let status = number
        .and_then(|n| u16::try_from(n).ok())
        .and_then(StatusCode::new);
    let status = status.ok_or(fault(SyntaxError::BadNumber))?;
    Ok(Start::Response {
        status,
        reason: reason.strip_prefix(b" ").map(<[u8]>::to_vec),
    })
}

/// Whether a head that came over a stream may have a body although it has no Content-Length.
pub(super) fn announces_body(headers: &Headers) -> bool {
    headers.contains(name::CONTENT_TYPE)
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;

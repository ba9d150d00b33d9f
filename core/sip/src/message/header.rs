//! One header line and the names of header fields.

use std::borrow::Cow;
use std::fmt;

use super::{BuildError, escape, lex};

/// The names this crate uses, in their usual spelling.
pub mod name {
    macro_rules! names {
        ($($constant:ident $text:literal)*) => {
            $(#[doc = concat!("`", $text, "`")] pub const $constant: &str = $text;)*
        };
    }
    names! {
        ACCEPT "Accept"
        ALLOW "Allow"
        ALLOW_EVENTS "Allow-Events"
        AUTHENTICATION_INFO "Authentication-Info"
        AUTHORIZATION "Authorization"
        CALL_ID "Call-ID"
        CONTACT "Contact"
        CONTENT_DISPOSITION "Content-Disposition"
        CONTENT_ENCODING "Content-Encoding"
        CONTENT_LENGTH "Content-Length"
        CONTENT_TYPE "Content-Type"
        CSEQ "CSeq"
        DATE "Date"
        EVENT "Event"
        EXPIRES "Expires"
        FLOW_TIMER "Flow-Timer"
        FROM "From"
        MAX_FORWARDS "Max-Forwards"
        MIN_EXPIRES "Min-Expires"
        MIN_SE "Min-SE"
        P_ASSERTED_IDENTITY "P-Asserted-Identity"
        PATH "Path"
        PROXY_AUTHENTICATE "Proxy-Authenticate"
        PROXY_AUTHORIZATION "Proxy-Authorization"
        PROXY_REQUIRE "Proxy-Require"
        RACK "RAck"
        REASON "Reason"
        RECORD_ROUTE "Record-Route"
        REFER_TO "Refer-To"
        REFERRED_BY "Referred-By"
        REPLACES "Replaces"
        REQUIRE "Require"
        RETRY_AFTER "Retry-After"
        ROUTE "Route"
        RSEQ "RSeq"
        SERVER "Server"
        SERVICE_ROUTE "Service-Route"
        SESSION_EXPIRES "Session-Expires"
        SUBJECT "Subject"
        SUBSCRIPTION_STATE "Subscription-State"
        SUPPORTED "Supported"
        TIMESTAMP "Timestamp"
        TO "To"
        UNSUPPORTED "Unsupported"
        USER_AGENT "User-Agent"
        VIA "Via"
        WARNING "Warning"
        WWW_AUTHENTICATE "WWW-Authenticate"
    }
}

/// One-letter forms (RFC 3261 §7.3.3 and the registrations after it).
const COMPACT: [(&str, &str); 19] = [
    ("a", "Accept-Contact"),
    ("b", "Referred-By"),
    ("c", "Content-Type"),
    ("d", "Request-Disposition"),
    ("e", "Content-Encoding"),
    ("f", "From"),
    ("i", "Call-ID"),
    ("j", "Reject-Contact"),
    ("k", "Supported"),
    ("l", "Content-Length"),
    ("m", "Contact"),
    ("n", "Identity-Info"),
    ("o", "Event"),
    ("r", "Refer-To"),
    ("s", "Subject"),
    ("t", "To"),
    ("u", "Allow-Events"),
    ("v", "Via"),
    ("x", "Session-Expires"),
];

/// The full name behind a compact form; any other name itself.
pub(crate) fn canonical_name(name: &str) -> &str {
    let found = COMPACT
        .iter()
        .find(|(short, _)| short.eq_ignore_ascii_case(name));
    found.map_or(name, |(_, full)| full)
}

/// One header field as it stands on the wire, line breaks of folding included.
#[derive(Clone, Eq, PartialEq)]
pub struct Header {
    name: String,
    /// White space between name and colon: legal (RFC 3261 §7.3.1), seen in the wild.
    gap: String,
    /// Everything from after the colon to the line's end.
    raw: Vec<u8>,
}

impl Header {
    /// A field. The name belongs to the program; line breaks and null bytes of the value become spaces, so
    /// that no value can begin another field.
    pub fn new(name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let harmless = |b: &u8| if breaks_line(*b) { b' ' } else { *b };
        let value: Vec<u8> = value.as_ref().iter().map(harmless).collect();
        Self::joined(escape::token(name).into_owned(), &value)
    }

    /// A field whose name or value came from outside the program.
    ///
    /// # Errors
    /// If the name is no token, or the value holds CR, LF or NUL.
    pub fn checked(name: &str, value: impl AsRef<[u8]>) -> Result<Self, BuildError> {
        if !lex::is_token(name) {
            return Err(BuildError::BadName);
        }
        if value.as_ref().iter().copied().any(breaks_line) {
            return Err(BuildError::BadValue);
        }
        Ok(Self::joined(name.to_owned(), value.as_ref()))
    }

    fn joined(name: String, value: &[u8]) -> Self {
        let mut raw = vec![b' '];
        raw.extend_from_slice(value.trim_ascii());
        Self {
            name,
            gap: String::new(),
            raw,
        }
    }

    /// What a parser read: nothing is looked at again.
    pub(super) fn read(name: &str, gap: &str, raw: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            gap: gap.to_owned(),
            raw: raw.to_owned(),
        }
    }

    /// The name as written: perhaps a compact form, perhaps in odd case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is the field `name`, given in full or compact form.
    pub fn is(&self, name: &str) -> bool {
        canonical_name(&self.name).eq_ignore_ascii_case(canonical_name(name))
    }

    /// The value on one line: folds are one space, white space at the ends is gone; bytes as they came.
    pub fn value(&self) -> Cow<'_, [u8]> {
        lex::unfold(&self.raw)
    }

    /// The value as text; bytes that are no UTF-8 show as U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        lex::unfold_text(&self.raw)
    }

    /// Writes the line, its end included. Folds get the line ends of the message they are written to: a field
    /// copied out of a message with bare LF must not bring them along.
    pub(super) fn write(&self, line_end: &[u8], to: &mut Vec<u8>) {
        to.extend_from_slice(self.name.as_bytes());
        to.extend_from_slice(self.gap.as_bytes());
        to.push(b':');
        for line in self.raw.split(|&b| b == b'\n') {
            to.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
            to.extend_from_slice(line_end);
        }
    }
}

impl fmt::Debug for Header {
    /// The name only: values hold addresses, numbers and tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

const fn breaks_line(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_answers_to_its_full_and_compact_name_in_any_case() {
        let to = Header::new("t", "<sip:a@b>");
        assert!(to.is("To") && to.is("TO") && to.is("T"));
        assert!(!to.is("From"));
        assert!(Header::new("Via", "x").is("v"));
    }

    #[test]
    fn a_folded_field_takes_the_line_ends_of_the_message_it_goes_to() {
        let mut line = Vec::new();
        Header::read("Subject", " ", b" a\n b").write(b"\r\n", &mut line);
        Header::read("Subject", "", b" a\r\n\tb").write(b"\n", &mut line);
        assert_eq!(line, b"Subject : a\r\n b\r\nSubject: a\n\tb\n");
    }

    #[test]
    fn nothing_can_be_injected_through_a_name_or_value() {
        let mut line = Vec::new();
        Header::new("Subject", "a\r\nVia: SIP/2.0/UDP evil\0").write(b"\r\n", &mut line);
        assert_eq!(line, b"Subject: a  Via: SIP/2.0/UDP evil\r\n");
        assert_eq!(
            Header::checked("Subject", "a\nb").err(),
            Some(BuildError::BadValue)
        );
        assert_eq!(
            Header::checked("Sub\r\nject", "a").err(),
            Some(BuildError::BadName)
        );
        assert_eq!(Header::checked("", "a").err(), Some(BuildError::BadName));
        assert_eq!(Header::checked("X-Mine", "a").unwrap().text(), "a");
    }
}

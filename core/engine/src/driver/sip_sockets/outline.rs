//! What a log may say of a SIP message: what it is, not who speaks with whom.

use std::fmt;

/// Methods by name; another could be anybody's word.
const METHODS: [&str; 14] = [
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "INVITE",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "REFER",
    "REGISTER",
    "SUBSCRIBE",
    "UPDATE",
];
/// Where the CSeq of a message is looked for; nobody puts more before it.
const HEAD: usize = 4_096;

/// The kind and size of what was sent or received: `INVITE, 912 bytes`, `200 to INVITE, 610 bytes`.
pub(super) struct Outline<'a>(pub(super) &'a [u8]);

impl fmt::Display for Outline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = self;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return f.write_str("keep-alive");
        }
        let head = bytes.get(..HEAD).unwrap_or(bytes);
        let first = words(head.split(|byte| *byte == b'\n').next().unwrap_or_default());
        match status(&first) {
            Some(status) => write!(f, "{status} to {}", sequence_method(head))?,
            None => f.write_str(first.first().copied().map_or("no SIP", method))?,
        }
        write!(f, ", {} bytes", bytes.len())
    }
}

fn words(line: &[u8]) -> Vec<&[u8]> {
    let parts = line.split(u8::is_ascii_whitespace);
    parts.filter(|word| !word.is_empty()).take(3).collect()
}

/// The status of a response's first line.
fn status(first: &[&[u8]]) -> Option<u16> {
    let [version, status, ..] = first else {
        return None;
    };
    let status = std::str::from_utf8(status).ok()?.parse().ok()?;
    (version.starts_with(b"SIP/") && (100..700).contains(&status)).then_some(status)
}

fn sequence_method(head: &[u8]) -> &'static str {
    let lines = head.split(|byte| *byte == b'\n').map(words);
    let mut found = lines.filter(|words| {
        let name = words.first().copied().unwrap_or_default();
        name.eq_ignore_ascii_case(b"CSeq:")
    });
    let word = found.next().and_then(|words| words.get(2).copied());
    word.map_or("something", method)
}

fn method(word: &[u8]) -> &'static str {
    let known = METHODS.into_iter().find(|name| name.as_bytes() == word);
    known.unwrap_or("something")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(text: &str) -> String {
        Outline(text.as_bytes()).to_string()
    }

    #[test]
    fn a_message_is_named_by_its_kind() {
        let invite = "INVITE sip:bob@example.org SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n";
        assert_eq!(outline(invite), "INVITE, 54 bytes");
        let answer = "SIP/2.0 200 OK\r\nVia: x\r\nCSeq: 2 REGISTER\r\n\r\n";
        assert_eq!(outline(answer), "200 to REGISTER, 44 bytes");
        assert_eq!(outline("\r\n\r\n"), "keep-alive");
    }

    #[test]
    fn no_word_of_a_stranger_is_repeated() {
        assert_eq!(outline("sip:bob@example.org"), "something, 19 bytes");
        assert_eq!(outline("SIP/2.0 alice bob"), "something, 17 bytes");
        assert_eq!(
            outline("SIP/2.0 200 OK\r\nCSeq: 1 alice"),
            "200 to something, 29 bytes"
        );
        assert_eq!(Outline(&[0xff; 3]).to_string(), "something, 3 bytes");
    }
}

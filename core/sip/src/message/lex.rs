//! The pieces that every SIP grammar shares (RFC 3261 §25.1): tokens, quoted strings, lists and folding.

use std::borrow::Cow;

use super::SyntaxError;

pub(crate) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
        )
}

pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Linear white space of one line; line breaks are gone once a value is unfolded.
pub(crate) const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// What [`split`] takes for grouping besides quoted strings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Grouping {
    /// Only quoted strings.
    Quotes,
    /// Angle brackets too: lists of addresses.
    Angles,
    /// Comments in parentheses too: product lists, Via as RFC 2543 wrote it.
    Comments,
}

/// Splits at `separator` wherever it stands outside quoted strings and the given grouping; parts come trimmed.
///
/// # Errors
/// [`SyntaxError::Unclosed`] if a quote or group is still open at the end.
pub(crate) fn split(
    text: &str,
    separator: char,
    grouping: Grouping,
) -> Result<Vec<&str>, SyntaxError> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        match find(rest, grouping, |c| c == separator)? {
            None => {
                parts.push(trim(rest));
                return Ok(parts);
            }
            Some(at) => {
                let (part, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
                parts.push(trim(part));
                rest = tail.strip_prefix(separator).unwrap_or(tail);
            }
        }
    }
}

/// Where the first character that `wanted` accepts stands, outside quoted strings and groups.
///
/// # Errors
/// [`SyntaxError::Unclosed`] if a quote or group is open at the end of `text`.
pub(crate) fn find(
    text: &str,
    grouping: Grouping,
    wanted: impl Fn(char) -> bool,
) -> Result<Option<usize>, SyntaxError> {
    let mut quoted = false;
    let mut escaped = false;
    let mut angle = false;
    let mut comments = 0_usize;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if quoted || comments > 0 {
            match c {
                '\\' => escaped = true,
                '"' if quoted => quoted = false,
                '(' if !quoted => comments = comments.saturating_add(1),
                ')' if !quoted => comments = comments.saturating_sub(1),
                _ => {}
            }
        } else if angle {
            angle = c != '>';
        } else if wanted(c) {
            return Ok(Some(at));
        } else {
            match c {
                '"' => quoted = true,
                '<' if grouping == Grouping::Angles => angle = true,
                '(' if grouping == Grouping::Comments => comments = 1,
                _ => {}
            }
        }
    }
    if quoted || angle || comments > 0 {
        Err(SyntaxError::Unclosed)
    } else {
        Ok(None)
    }
}

/// The text of a quoted string, or `text` itself where it is not quoted.
pub(crate) fn unquote(text: &str) -> Cow<'_, str> {
    let Some(inner) = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return Cow::Borrowed(text);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' {
            chars.next().unwrap_or('\\')
        } else {
            c
        });
    }
    Cow::Owned(plain)
}

/// `text` as a quoted string. Control characters, which no quoted string may hold, become spaces.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len().saturating_add(2));
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() && c != '\t' => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether `text` is exactly one quoted string.
pub(crate) fn is_quoted_string(text: &str) -> bool {
    let Some(inner) = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return false;
    };
    let mut escaped = false;
    for c in inner.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return false,
            _ => {}
        }
    }
    !escaped
}

/// A header value on one line: each fold (line break and the white space around it) is one space
/// (RFC 3261 §7.3.1), white space at both ends is gone.
pub(crate) fn unfold(raw: &[u8]) -> Cow<'_, [u8]> {
    let trimmed = raw.trim_ascii();
    if !trimmed.iter().any(|b| matches!(b, b'\r' | b'\n')) {
        return Cow::Borrowed(trimmed);
    }
    let lines = trimmed.split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
    Cow::Owned(lines.join(&b' '))
}

/// The same as text; bytes that are no UTF-8 show as U+FFFD.
pub(crate) fn unfold_text(raw: &[u8]) -> Cow<'_, str> {
    match unfold(raw) {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Cow::Owned(text),
            Err(error) => Cow::Owned(String::from_utf8_lossy(error.as_bytes()).into_owned()),
        },
    }
}

/// A decimal number without sign that fits 64 bits.
pub(crate) fn number(text: &str) -> Result<u64, SyntaxError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(SyntaxError::BadNumber);
    }
    text.parse().map_err(|_| SyntaxError::BadNumber)
}

/// A decimal number without sign that fits 32 bits.
pub(crate) fn number_u32(text: &str) -> Result<u32, SyntaxError> {
    u32::try_from(number(text)?).map_err(|_| SyntaxError::BadNumber)
}

/// A port, 0–65535.
pub(crate) fn port(text: &str) -> Result<u16, SyntaxError> {
    number(text)
        .ok()
        .and_then(|n| u16::try_from(n).ok())
        .ok_or(SyntaxError::BadPort)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_inside_quotes_brackets_and_comments_do_not_split() {
        let text = r#""a, \" b" <sip:c,d@e>, f"#;
        assert_eq!(
            split(text, ',', Grouping::Angles),
            Ok(vec![r#""a, \" b" <sip:c,d@e>"#, "f"])
        );
        assert_eq!(
            split("x (one, (two), three), y", ',', Grouping::Comments),
            Ok(vec!["x (one, (two), three)", "y"])
        );
        assert_eq!(
            split("a\"b", ',', Grouping::Quotes),
            Err(SyntaxError::Unclosed)
        );
        assert_eq!(
            split("a<b", ',', Grouping::Angles),
            Err(SyntaxError::Unclosed)
        );
        assert_eq!(split("", ',', Grouping::Quotes), Ok(vec![""]));
    }

    #[test]
    fn quoting_reads_back_and_cannot_break_out_of_its_line() {
        for text in ["", "plain", "with \"quotes\" and \\", "Jürgen"] {
            let quoted = quote(text);
            assert!(is_quoted_string(&quoted), "{quoted}");
            assert_eq!(unquote(&quoted), text);
        }
        assert_eq!(quote("a\r\nb"), "\"a  b\"");
        assert!(!is_quoted_string("\"a\\\""));
        assert!(!is_quoted_string("\"a\"b\""));
    }

    #[test]
    fn a_folded_value_is_one_line_with_one_space_for_each_fold() {
        assert_eq!(unfold(b" a \r\n\t b\r\n c ").as_ref(), b"a b c");
        assert_eq!(unfold(b"\r\n 1").as_ref(), b"1");
        assert_eq!(unfold_text(b"J\xfcrgen"), "J\u{fffd}rgen");
    }
}

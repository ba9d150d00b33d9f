//! Percent escapes of URIs (RFC 3261 §19.1.2) and their normal form for comparison (§19.1.4).

use std::borrow::Cow;

use super::{SyntaxError, lex};

/// `unreserved` of RFC 3261 §25.1: never needs an escape.
pub(crate) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')'
        )
}

/// `user-unreserved`, and `#`: dial strings such as `*21#` reach us unescaped.
pub(crate) const fn is_user(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/' | b'#'
        )
}

/// What a password may hold.
pub(crate) const fn is_password(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',')
}

/// `paramchar`, unescaped.
pub(crate) const fn is_param(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$')
}

/// `hnv-unreserved`; `;`, `@` and `=` are tolerated in values.
pub(crate) const fn is_header(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'[' | b']' | b'/' | b'?' | b':' | b'+' | b'$' | b';' | b'@' | b'='
        )
}

/// Whether `text` holds only characters of `set` and well-formed escapes.
pub(crate) fn check(text: &str, set: fn(u8) -> bool) -> Result<(), SyntaxError> {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let hex = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_hexdigit());
            if !hex(bytes.next()) || !hex(bytes.next()) {
                return Err(SyntaxError::BadEscape);
            }
        } else if !set(byte) {
            return Err(SyntaxError::BadCharacter);
        }
    }
    Ok(())
}

/// `text` with everything outside `set` escaped. A `%` is escaped too: the input is plain text.
pub(crate) fn escape(text: &str, set: fn(u8) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        push(&mut escaped, byte, set(byte));
    }
    escaped
}

/// `text` without its escapes; bytes that make no UTF-8 show as U+FFFD.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes: Vec<u8> = units(text).map(|(byte, _)| byte).collect();
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// The form in which two texts that RFC 3261 §19.1.4 calls equivalent are equal: unreserved characters
/// plain, every other escape in capitals.
pub(crate) fn normal(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for (byte, escaped) in units(text) {
        push(&mut normal, byte, !escaped || is_unreserved(byte));
    }
    normal
}

/// A name as the token it must be; each other byte becomes `-`.
pub(crate) fn token(name: &str) -> Cow<'_, str> {
    if lex::is_token(name) {
        return Cow::Borrowed(name);
    }
    let fit = |b: u8| char::from(if lex::is_token_byte(b) { b } else { b'-' });
    let fitted: String = name.bytes().map(fit).collect();
    Cow::Owned(if fitted.is_empty() {
        "-".to_owned()
    } else {
        fitted
    })
}

fn push(to: &mut String, byte: u8, plain: bool) {
    use std::fmt::Write as _;
    if plain && byte.is_ascii() {
        to.push(char::from(byte));
    } else {
        // Writing to a String cannot fail.
        let _ = write!(to, "%{byte:02X}");
    }
}

/// The bytes a text stands for, each with whether it was escaped. A `%` without digits stands for itself.
fn units(text: &str) -> impl Iterator<Item = (u8, bool)> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let hex = |b: u8| {
            char::from(b)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        if let [b'%', high, low, tail @ ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            rest = tail;
            return Some((high << 4 | low, true));
        }
        let (first, tail) = rest.split_first()?;
        rest = tail;
        Some((*first, false))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_read_back_and_equivalent_texts_have_one_normal_form() {
        for text in ["alice", "a b@c", "100%", "Jürgen", "null\0"] {
            let escaped = escape(text, is_user);
            assert_eq!(check(&escaped, is_user), Ok(()));
            assert_eq!(unescape(&escaped), text);
        }
        assert_eq!(normal("%61lice"), normal("alice"));
        assert_eq!(normal("a%3bb"), normal("a%3Bb"));
        assert_ne!(normal("a%3bb"), normal("a;b"));
        assert_eq!(check("%4", is_user), Err(SyntaxError::BadEscape));
        assert_eq!(check("a b", is_user), Err(SyntaxError::BadCharacter));
        assert_eq!(token("a b"), "a-b");
    }
}

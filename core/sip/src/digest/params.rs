//! The comma-separated `name=value` lists of the authentication headers (RFC 3261 §25.1 `auth-param`).
//!
//! Reading is lenient (any spacing, token or quoted string for every value, empty list elements); the values
//! come out unquoted and unescaped. Writing is strict.

use std::fmt::Write;

use super::DigestError;

/// The longest header value looked at, in bytes.
pub(super) const MAX_HEADER: usize = 8 * 1024;
/// The most parameters of one challenge or proof.
const MAX_PARAMETERS: usize = 64;

/// One scheme with its parameters: a challenge, or the value of `Authorization`.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct SchemeParams {
    /// `Digest`, `Basic`, …
    pub scheme: String,
    pub params: Params,
}

/// Parameters in order; names in lower case, values unquoted.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// The first value of that lower-case name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Reads a list without a scheme, as `Authentication-Info` has it.
    pub(super) fn parse(text: &str) -> Result<Self, DigestError> {
        let mut cursor = Cursor::new(text)?;
        let mut params = Self::default();
        loop {
            cursor.skip_separators();
            if cursor.is_at_end() {
                return Ok(params);
            }
            let (name, value) = cursor
                .parameter()?
                .ok_or(DigestError::Malformed("no parameter"))?;
            params.push(name, value)?;
        }
    }

    fn push(&mut self, name: String, value: String) -> Result<(), DigestError> {
        if self.0.len() >= MAX_PARAMETERS {
            return Err(DigestError::TooLong);
        }
        self.0.push((name, value));
        Ok(())
    }
}

/// Reads one header value: one challenge, or several that a server joined by commas.
pub(super) fn parse_schemes(text: &str) -> Result<Vec<SchemeParams>, DigestError> {
    let mut cursor = Cursor::new(text)?;
    let mut found: Vec<SchemeParams> = Vec::new();
    loop {
        cursor.skip_separators();
        if cursor.is_at_end() {
            return Ok(found);
        }
        match cursor.parameter()? {
            Some((name, value)) => match found.last_mut() {
                Some(current) => current.params.push(name, value)?,
                None => return Err(DigestError::Malformed("parameter before any scheme")),
            },
            None => {
                let scheme = cursor
                    .token()
                    .ok_or(DigestError::Malformed("no scheme"))?
                    .to_owned();
                if found.len() >= MAX_PARAMETERS {
                    return Err(DigestError::TooLong);
                }
                found.push(SchemeParams {
                    scheme,
                    params: Params::default(),
                });
            }
        }
    }
}

/// Writes a header value, one parameter after the other.
pub(super) struct Writer {
    text: String,
    first: bool,
}

impl Writer {
    /// Begins with `scheme`, or with nothing when it is empty.
    pub(super) fn new(scheme: &str) -> Self {
        let gap = if scheme.is_empty() { "" } else { " " };
        Self {
            text: format!("{scheme}{gap}"),
            first: true,
        }
    }

    /// `name="value"`, escaped.
    pub(super) fn quoted(&mut self, name: &str, value: &str) -> Result<&mut Self, DigestError> {
        if value.chars().any(char::is_control) {
            return Err(DigestError::UnsafeValue);
        }
        self.begin(name);
        self.text.push('"');
        for c in value.chars() {
            if matches!(c, '"' | '\\') {
                self.text.push('\\');
            }
            self.text.push(c);
        }
        self.text.push('"');
        Ok(self)
    }

    /// `name=value`, for values that are tokens by construction.
    pub(super) fn token(&mut self, name: &str, value: impl std::fmt::Display) -> &mut Self {
        self.begin(name);
        // Writing into a String cannot fail.
        let _ = write!(self.text, "{value}");
        self
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    fn begin(&mut self, name: &str) {
        if !self.first {
            self.text.push_str(", ");
        }
        self.first = false;
        self.text.push_str(name);
        self.text.push('=');
    }
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Result<Self, DigestError> {
        if text.len() > MAX_HEADER {
            return Err(DigestError::TooLong);
        }
        Ok(Self { rest: text })
    }

    fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn skip_separators(&mut self) {
        self.rest = self
            .rest
            .trim_start_matches(|c: char| is_space(c) || c == ',');
    }

    /// A token at the cursor, up to the next space, comma or `=`.
    fn token(&mut self) -> Option<&'a str> {
        let end = self
            .rest
            .find(|c: char| is_space(c) || matches!(c, ',' | '=' | '"'))
            .unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at_checked(end)?;
        if token.is_empty() {
            return None;
        }
        self.rest = rest;
        Some(token)
    }

    /// A whole `name = value`; `None`, and nothing consumed, if there is no `=` after the token.
    fn parameter(&mut self) -> Result<Option<(String, String)>, DigestError> {
        let start = self.rest;
        let Some(name) = self.token() else {
            return Err(DigestError::Malformed("no name before a value"));
        };
        let Some(value) = self.rest.trim_start_matches(is_space).strip_prefix('=') else {
            self.rest = start;
            return Ok(None);
        };
        self.rest = value.trim_start_matches(is_space);
        let value = match self.rest.strip_prefix('"') {
            Some(quoted) => self.quoted(quoted)?,
            None => self.bare(),
        };
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(DigestError::Malformed("control character in a value"));
        }
        Ok(Some((name.to_ascii_lowercase(), value)))
    }

    /// An unquoted value: tokens, but also the bare URIs and base64 that some servers write.
    fn bare(&mut self) -> String {
        let end = self
            .rest
            .find(|c: char| is_space(c) || c == ',')
            .unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        value.to_owned()
    }

    fn quoted(&mut self, text: &'a str) -> Result<String, DigestError> {
        let mut value = String::new();
        let mut chars = text.chars();
        loop {
            match chars.next() {
                None => return Err(DigestError::Malformed("unterminated quoted string")),
                Some('"') => {
                    self.rest = chars.as_str();
                    return Ok(value);
                }
                Some('\\') => match chars.next() {
                    None => return Err(DigestError::Malformed("unterminated quoted string")),
                    Some(escaped) => value.push(escaped),
                },
                Some(c) => value.push(c),
            }
        }
    }
}

/// White space, and the line ends of a folded header.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_joined_by_commas_come_apart() {
        let found = parse_schemes(
            "Digest realm=\"a, b\" ,nonce = x==, ,Basic realm=\"c\\\"d\",\r\n Negotiate",
        )
        .unwrap();
        let seen: Vec<_> = found
            .iter()
            .map(|s| {
                (
                    s.scheme.as_str(),
                    s.params.get("realm"),
                    s.params.get("nonce"),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("Digest", Some("a, b"), Some("x==")),
                ("Basic", Some("c\"d"), None),
                ("Negotiate", None, None)
            ]
        );
    }

    #[test]
    fn what_is_no_list_is_refused_with_a_reason() {
        let err = |text: &str| parse_schemes(text).unwrap_err();
        assert_eq!(
            err("realm=\"a\""),
            DigestError::Malformed("parameter before any scheme")
        );
        assert_eq!(
            err("Digest a=b, =x"),
            DigestError::Malformed("no name before a value")
        );
        assert_eq!(
            err("Digest a=\"b"),
            DigestError::Malformed("unterminated quoted string")
        );
        assert_eq!(
            err("Digest a=\"b\\"),
            DigestError::Malformed("unterminated quoted string")
        );
        assert_eq!(
            err("Digest a=\"b\r\nX: y\""),
            DigestError::Malformed("control character in a value")
        );
        assert_eq!(err(&"x".repeat(MAX_HEADER + 1)), DigestError::TooLong);
        assert_eq!(
            err(&format!("Digest {}", "a=b,".repeat(65))),
            DigestError::TooLong
        );
    }

    #[test]
    fn what_is_written_quoted_reads_back() {
        for value in ["", "plain", "a\"b\\c", "Jäsøn, Doe=x"] {
            let mut writer = Writer::new("Digest");
            writer
                .quoted("realm", value)
                .unwrap()
                .token("nc", "00000001");
            let text = writer.finish();
            let found = parse_schemes(&text).unwrap();
            assert_eq!(found[0].params.get("realm"), Some(value), "{text}");
            assert_eq!(found[0].params.get("nc"), Some("00000001"), "{text}");
        }
        let mut writer = Writer::new("Digest");
        assert_eq!(
            writer.quoted("uri", "a\r\nb").err(),
            Some(DigestError::UnsafeValue)
        );
    }
}

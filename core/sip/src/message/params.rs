//! `;name=value` lists of header fields and URIs (RFC 3261 §7.3.1, §19.1.1).

use std::borrow::Cow;
use std::fmt;

use super::lex::{self, Grouping};
use super::{SyntaxError, escape};

/// Parameters in their order, with values as written: quotes and escapes still in place.
///
/// Names compare without regard to case.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Params(Vec<Param>);

#[derive(Clone, Eq, PartialEq)]
struct Param {
    name: String,
    value: Option<String>,
}

impl Params {
    /// No parameters.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of the first parameter of that name as written; empty for one without `=`.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .0
            .iter()
            .find(|param| param.name.eq_ignore_ascii_case(name))?;
        Some(found.value.as_deref().unwrap_or_default())
    }

    /// The value of a header parameter without its quotes.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(lex::unquote)
    }

    /// Whether there is a parameter of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Names with values as written; `None` for a parameter without `=`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0
            .iter()
            .map(|param| (param.name.as_str(), param.value.as_deref()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a header parameter, in place of one of that name or at the end. A value that is neither token
    /// nor host is quoted.
    pub fn set(&mut self, name: &'static str, value: Option<&str>) {
        let value = value.map(
            |value| match is_plain(value) || lex::is_quoted_string(value) {
                true if !value.chars().any(char::is_control) => value.to_owned(),
                true | false => lex::quote(value),
            },
        );
        self.put(escape::token(name), value);
    }

    /// The same, chained.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.set(name, value);
        self
    }

    /// Removes every parameter of that name; says whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0
            .retain(|param| !param.name.eq_ignore_ascii_case(name));
        self.0.len() != before
    }

    /// Puts a name and value that the caller has already made fit for their place.
    pub(super) fn put(&mut self, name: Cow<'_, str>, value: Option<String>) {
        match self
            .0
            .iter_mut()
            .find(|param| param.name.eq_ignore_ascii_case(&name))
        {
            Some(param) => param.value = value,
            None => self.0.push(Param {
                name: name.into_owned(),
                value,
            }),
        }
    }

    /// Adds without looking for one of the same name: what a parser does.
    pub(super) fn append(&mut self, name: &str, value: Option<&str>) {
        self.0.push(Param {
            name: name.to_owned(),
            value: value.map(ToOwned::to_owned),
        });
    }

    /// Reads the parameters of a header value; `text` is empty or begins with `;`.
    ///
    /// # Errors
    /// If a parameter has no name, is no token, or has a value that no token, host or quoted string is.
    pub(crate) fn parse_header(text: &str) -> Result<Self, SyntaxError> {
        let text = lex::trim(text);
        if text.is_empty() {
            return Ok(Self::new());
        }
        let rest = text.strip_prefix(';').ok_or(SyntaxError::TrailingText)?;
        let mut params = Self::new();
        for part in lex::split(rest, ';', Grouping::Quotes)? {
            let (name, value) = match part.split_once('=') {
                None => (part, None),
                Some((name, value)) => (lex::trim(name), Some(lex::trim(value))),
            };
            if name.is_empty() {
                return Err(SyntaxError::Empty);
            }
            if !lex::is_token(name) {
                return Err(SyntaxError::BadToken);
            }
            if value.is_some_and(|value| !is_value(value)) {
                return Err(SyntaxError::BadCharacter);
            }
            params.append(name, value);
        }
        Ok(params)
    }
}

impl fmt::Debug for Params {
    /// Names only: values hold addresses and tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|param| &param.name))
            .finish()
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for param in &self.0 {
            write!(f, ";{}", param.name)?;
            if let Some(value) = &param.value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

/// Token or host characters, brackets of IPv6 included.
fn is_plain(value: &str) -> bool {
    !value.is_empty()
        && value
            .bytes()
            .all(|b| lex::is_token_byte(b) || matches!(b, b'[' | b']' | b':'))
}

/// What a value may be when read: a quoted string, or anything visible that cannot be mistaken for the
/// end of the value. Wider than `gen-value`, because `received=2001:db8::1` (RFC 5118 §4.5) and unquoted
/// URIs are out there.
fn is_value(value: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b',' | b';' | b'<' | b'>');
    lex::is_quoted_string(value) || (!value.is_empty() && value.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_order_case_and_quotes() {
        let text = ";Tag = abc ;\tlr; +sip.instance=\"<urn:uuid:1;2>\"";
        let params = Params::parse_header(text).unwrap();
        assert_eq!(params.get("tag"), Some("abc"));
        assert_eq!(params.get("LR"), Some(""));
        assert_eq!(
            params.text("+sip.instance").as_deref(),
            Some("<urn:uuid:1;2>")
        );
        assert_eq!(
            params.to_string(),
            ";Tag=abc;lr;+sip.instance=\"<urn:uuid:1;2>\""
        );
        assert_eq!(params.len(), 3);
    }

    #[test]
    fn broken_parameters_say_what_is_wrong() {
        for (text, fault) in [
            (";;", SyntaxError::Empty),
            (";", SyntaxError::Empty),
            (";a;", SyntaxError::Empty),
            ("a", SyntaxError::TrailingText),
            (";a b", SyntaxError::BadToken),
            (";a=", SyntaxError::BadCharacter),
            (";a=b c", SyntaxError::BadCharacter),
            (";a=\"b", SyntaxError::Unclosed),
        ] {
            assert_eq!(Params::parse_header(text), Err(fault), "{text}");
        }
    }

    #[test]
    fn a_set_value_cannot_leave_its_parameter() {
        let params = Params::new()
            .with("cause", Some("200"))
            .with("text", Some("a\r\nb;c\"d"));
        assert_eq!(params.to_string(), ";cause=200;text=\"a  b;c\\\"d\"");
        assert_eq!(Params::parse_header(&params.to_string()), Ok(params));
    }
}

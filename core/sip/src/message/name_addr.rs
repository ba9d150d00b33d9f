//! Addresses with a display name: From, To, Contact, Route and their kin (RFC 3261 §20.10, §25.1).

use std::fmt;
use std::str::FromStr;

use super::lex::{self, Grouping};
use super::{Params, SyntaxError, Uri};

/// `"Display" <uri>;params`, or a bare URI whose parameters are the header's.
#[derive(Clone, Eq, PartialEq)]
pub struct NameAddr {
    /// The name to show, without quotes and escapes. `None` if there is none.
    pub display: Option<String>,
    /// The address.
    pub uri: Uri,
    /// The header's parameters: `tag`, `expires`, `q`, …
    pub params: Params,
}

impl NameAddr {
    /// An address without name and parameters.
    pub fn new(uri: impl Into<Uri>) -> Self {
        Self {
            display: None,
            uri: uri.into(),
            params: Params::new(),
        }
    }

    /// With this display name; an empty one is none.
    #[must_use]
    pub fn with_display(mut self, display: &str) -> Self {
        self.display = (!display.is_empty()).then(|| display.to_owned());
        self
    }

    /// With this header parameter.
    #[must_use]
    pub fn with_param(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.params.set(name, value);
        self
    }

    /// With this tag.
    #[must_use]
    pub fn with_tag(self, tag: &str) -> Self {
        self.with_param("tag", Some(tag))
    }

    /// The tag of From or To, which names a side of the dialog (RFC 3261 §19.3).
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// Contact: how long the binding lasts, in seconds. A value that is no number is 3600
    /// (RFC 3261 §10.2.1.1, §20.10).
    pub fn expires(&self) -> Option<u32> {
        let value = self.params.get("expires")?;
        Some(lex::number(value).map_or(3600, |n| u32::try_from(n).unwrap_or(u32::MAX)))
    }

    /// Contact: preference in thousandths, 1000 if it is not said or nonsense (RFC 3261 §20.10).
    pub fn q_thousandths(&self) -> u16 {
        let Some(value) = self.params.get("q") else {
            return 1000;
        };
        let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
        let digits = format!("{fraction:0<3}");
        match (whole, digits.parse::<u16>()) {
            ("0", Ok(thousandths)) if digits.len() == 3 => thousandths,
            _ => 1000,
        }
    }
}

impl FromStr for NameAddr {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let text = lex::trim(text);
        let Some(open) = lex::find(text, Grouping::Quotes, |c| c == '<')? else {
            return addr_spec(text);
        };
        let (display, rest) = text.split_at_checked(open).unwrap_or((text, ""));
        let rest = rest.strip_prefix('<').unwrap_or(rest);
        let (uri, params) = rest.split_once('>').ok_or(SyntaxError::Unclosed)?;
        Ok(Self {
            display: display_name(lex::trim(display))?,
            uri: uri.parse()?,
            params: Params::parse_header(params)?,
        })
    }
}

impl fmt::Debug for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NameAddr({:?} {:?})", self.uri, self.params)
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "{} ", lex::quote(display))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

/// A URI without angle brackets. Its parameters belong to the header, and it may hold neither `,` nor `?`
/// (RFC 3261 §20.10, RFC 4475 §3.1.2.13).
fn addr_spec(text: &str) -> Result<NameAddr, SyntaxError> {
    // A `;` before the `@` is part of the user name only inside brackets: outside, the first one ends it.
    let (uri, params) = match text.find(';').and_then(|at| text.split_at_checked(at)) {
        Some((uri, params)) => (lex::trim(uri), params),
        None => (text, ""),
    };
    if uri.contains([',', '?']) {
        return Err(SyntaxError::BadCharacter);
    }
    Ok(NameAddr {
        display: None,
        uri: uri.parse()?,
        params: Params::parse_header(params)?,
    })
}

/// A quoted string, or words. Wider than the tokens of the grammar, because names such as `J. Müller (work)`
/// are out there unquoted; a comma or a stray quote is still refused: nobody can say where the name ends.
fn display_name(text: &str) -> Result<Option<String>, SyntaxError> {
    if text.is_empty() {
        return Ok(None);
    }
    if lex::is_quoted_string(text) {
        return Ok(Some(lex::unquote(text).into_owned()).filter(|name| !name.is_empty()));
    }
    if text.contains(['"', ',', ';', '>']) || text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(SyntaxError::BadCharacter);
    }
    Ok(Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> NameAddr {
        text.parse().unwrap()
    }

    #[test]
    fn names_brackets_and_parameters_are_told_apart() {
        let bob = read(r#""Bob \"B\" <b>" <sip:bob@example.org;lr>;tag=x"#);
        assert_eq!(bob.display.as_deref(), Some("Bob \"B\" <b>"));
        assert!(bob.uri.as_sip().unwrap().lr());
        assert_eq!(bob.tag(), Some("x"));
        assert_eq!(read(&bob.to_string()), bob);

        let bare = read("sip:bob@example.org;tag=x");
        assert_eq!(bare.uri.to_string(), "sip:bob@example.org");
        assert_eq!(bare.tag(), Some("x"));

        assert_eq!(
            read("caller<sip:c@example.com>").display.as_deref(),
            Some("caller")
        );
        assert_eq!(
            read("J. Müller (work) <sip:j@x>").display.as_deref(),
            Some("J. Müller (work)")
        );
        assert_eq!(read("\"\" <sip:j@x>").display, None);
        assert_eq!(read("<tel:+1555>").uri.scheme(), "tel");
    }

    #[test]
    fn ambiguous_addresses_are_refused() {
        for (text, fault) in [
            ("\"Mr. J. <sip:j@x>", SyntaxError::Unclosed),
            ("<sip:j@x", SyntaxError::Unclosed),
            ("Bell, Alexander <sip:a@x>", SyntaxError::BadCharacter),
            (
                "sip:user@example.com?Route=%3Csip:x%3E",
                SyntaxError::BadCharacter,
            ),
            ("\"W\" < sip:t@x >", SyntaxError::NoScheme),
            ("<sip:j@x> tail", SyntaxError::TrailingText),
            ("", SyntaxError::NoScheme),
        ] {
            assert_eq!(text.parse::<NameAddr>(), Err(fault), "{text}");
        }
    }

    #[test]
    fn contact_parameters_fall_back_as_the_rfc_says() {
        assert_eq!(read("<sip:a@b>;expires=60").expires(), Some(60));
        assert_eq!(read("<sip:a@b>;expires=soon").expires(), Some(3600));
        assert_eq!(read("<sip:a@b>").expires(), None);
        let q = |text: &str| read(&format!("<sip:a@b>;q={text}")).q_thousandths();
        assert_eq!(
            (q("0.7"), q("1.0"), q("0"), q("0.05"), q("x")),
            (700, 1000, 0, 50, 1000)
        );
    }
}

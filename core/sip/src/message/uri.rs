//! URIs of any scheme (RFC 3261 §19.1, RFC 3966, RFC 3986), kept as they were written.

use std::fmt;
use std::str::FromStr;

use super::{SipUri, SyntaxError, TelUri};

/// A URI: SIP ones and telephone numbers taken apart, every other scheme kept verbatim.
///
/// `==` compares part by part as written; [`Uri::equivalent`] by the rules of the scheme.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Uri {
    /// `sip:` and `sips:`.
    Sip(SipUri),
    /// `tel:` (RFC 3966).
    Tel(TelUri),
    /// `urn:`, `http:`, `im:`, … as written.
    Other(OtherUri),
}

impl Uri {
    /// The scheme in lower case, without colon.
    pub fn scheme(&self) -> &str {
        match self {
            Self::Sip(uri) if uri.is_secure() => "sips",
            Self::Sip(_) => "sip",
            Self::Tel(_) => "tel",
            Self::Other(uri) => uri.scheme(),
        }
    }

    /// The SIP URI, if it is one.
    pub const fn as_sip(&self) -> Option<&SipUri> {
        match self {
            Self::Sip(uri) => Some(uri),
            Self::Tel(_) | Self::Other(_) => None,
        }
    }

    /// Whether both name the same resource: RFC 3261 §19.1.4 for SIP, RFC 3966 §5 for numbers, otherwise
    /// the same text but for the case of the scheme. Not transitive for SIP, as the RFC says itself.
    pub fn equivalent(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sip(one), Self::Sip(two)) => one.equivalent(two),
            (Self::Tel(one), Self::Tel(two)) => one.equivalent(two),
            (Self::Other(one), Self::Other(two)) => one == two,
            (Self::Sip(_) | Self::Tel(_) | Self::Other(_), _) => false,
        }
    }
}

impl FromStr for Uri {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let (scheme, _) = text.split_once(':').ok_or(SyntaxError::NoScheme)?;
        if scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips") {
            text.parse().map(Self::Sip)
        } else if scheme.eq_ignore_ascii_case("tel") {
            text.parse().map(Self::Tel)
        } else {
            text.parse().map(Self::Other)
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sip(uri) => uri.fmt(f),
            Self::Tel(uri) => uri.fmt(f),
            Self::Other(uri) => f.write_str(&uri.text),
        }
    }
}

impl From<SipUri> for Uri {
    fn from(uri: SipUri) -> Self {
        Self::Sip(uri)
    }
}

impl From<TelUri> for Uri {
    fn from(uri: TelUri) -> Self {
        Self::Tel(uri)
    }
}

/// A URI of a scheme that this crate does not take apart.
#[derive(Clone)]
pub struct OtherUri {
    text: String,
    scheme: String,
}

impl OtherUri {
    /// The whole URI as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme in lower case.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// What follows the scheme's colon.
    pub fn rest(&self) -> &str {
        self.text.split_once(':').map_or("", |(_, rest)| rest)
    }
}

impl Eq for OtherUri {}

impl PartialEq for OtherUri {
    fn eq(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.rest() == other.rest()
    }
}

impl std::hash::Hash for OtherUri {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.scheme.hash(state);
        self.rest().hash(state);
    }
}

impl fmt::Debug for OtherUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[personal]", self.scheme)
    }
}

impl FromStr for OtherUri {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let (scheme, rest) = text.split_once(':').ok_or(SyntaxError::NoScheme)?;
        let scheme_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            || !scheme.bytes().all(scheme_byte)
        {
            return Err(SyntaxError::NoScheme);
        }
        if rest.is_empty() {
            return Err(SyntaxError::Empty);
        }
        if !rest
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>'))
        {
            return Err(SyntaxError::BadCharacter);
        }
        Ok(Self {
            text: text.to_owned(),
            scheme: scheme.to_ascii_lowercase(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_is_a_uri_and_prints_as_written() {
        for (text, scheme) in [
            ("sip:bob@example.org", "sip"),
            ("SIPS:bob@[::1]:5061;transport=TLS", "sips"),
            ("tel:+1-201-555-0123;phone-context=example.com", "tel"),
            ("urn:service:sos", "urn"),
            ("soap.beep://192.0.2.103:3002", "soap.beep"),
            ("HTTPS://example.org/a?b#c", "https"),
        ] {
            let uri: Uri = text.parse().unwrap();
            assert_eq!(uri.scheme(), scheme);
            assert_eq!(uri.to_string(), text);
            assert!(uri.equivalent(&uri));
            assert!(!format!("{uri:?}").contains("example"), "{uri:?}");
        }
    }

    #[test]
    fn what_is_no_uri_says_why() {
        for (text, fault) in [
            ("", SyntaxError::NoScheme),
            ("bob", SyntaxError::NoScheme),
            ("<sip:a@b>", SyntaxError::NoScheme),
            ("1a:b", SyntaxError::NoScheme),
            ("urn:", SyntaxError::Empty),
            ("urn:a b", SyntaxError::BadCharacter),
            ("sip:", SyntaxError::BadHost),
        ] {
            assert_eq!(text.parse::<Uri>(), Err(fault), "{text}");
        }
    }
}

//! Where a person can be reached, before any protocol looks at it.

use std::fmt;
use std::str::FromStr;

/// An address a person can be called at.
///
/// Only the shape is checked here; the full SIP URI grammar lives in `tandem-sip`. XMPP addresses join when
/// the `xmpp` room does.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Address {
    /// `sip:` or `sips:`, with its scheme, without display name or angle brackets.
    Sip(String),
    /// `tel:` (RFC 3966), with its scheme.
    Tel(String),
}

/// Why a text is no address.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Nothing was given.
    #[error("the address is empty")]
    Empty,
    /// The text has no scheme this build can call.
    #[error("the address needs a scheme: sip:, sips: or tel:")]
    UnknownScheme,
    /// A control character, white space or angle bracket.
    #[error("the address holds a character that no address can hold")]
    BadCharacter,
    /// The scheme is there, the rest is not.
    #[error("the address has no host or number")]
    NoHost,
}

impl Address {
    /// The address with its scheme.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Sip(uri) | Self::Tel(uri) => uri,
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let bad = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"');
        if text.chars().any(bad) {
            return Err(AddressError::BadCharacter);
        }
        let (scheme, rest) = text.split_once(':').ok_or(AddressError::UnknownScheme)?;
        let scheme = scheme.to_ascii_lowercase();
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let named =
            host.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '[' | '+' | '*' | '#'));
        match scheme.as_str() {
            "sip" | "sips" if named => Ok(Self::Sip(format!("{scheme}:{rest}"))),
            "tel" if named => Ok(Self::Tel(format!("{scheme}:{rest}"))),
            "sip" | "sips" | "tel" => Err(AddressError::NoHost),
            _ => Err(AddressError::UnknownScheme),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_their_text_and_bad_ones_say_why() {
        let ok = |text: &str| text.parse::<Address>().map(|a| a.to_string());
        assert_eq!(
            ok("sip:bob@example.org").as_deref(),
            Ok("sip:bob@example.org")
        );
        assert_eq!(
            ok("SIP:bob@[::1]:5080").as_deref(),
            Ok("sip:bob@[::1]:5080")
        );
        assert_eq!(ok("tel:+15551234").as_deref(), Ok("tel:+15551234"));
        assert_eq!(ok(""), Err(AddressError::Empty));
        assert_eq!(ok("bob"), Err(AddressError::UnknownScheme));
        assert_eq!(ok("sip:"), Err(AddressError::NoHost));
        assert_eq!(ok("sip:bob@"), Err(AddressError::NoHost));
        assert_eq!(
            ok("sip:bob@host\r\nVia: x"),
            Err(AddressError::BadCharacter)
        );
    }
}

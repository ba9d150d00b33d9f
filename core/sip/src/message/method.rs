//! Request methods: an open set of tokens (RFC 3261 §7.1).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::SyntaxError;
use super::lex;

/// A request method. Case-sensitive, as RFC 3261 §7.1 wants it: `invite` is not `INVITE`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Method(Cow<'static, str>);

macro_rules! methods {
    ($($name:ident $source:literal)*) => {
        impl Method {
            $(#[doc = $source] pub const $name: Self = Self(Cow::Borrowed(stringify!($name)));)*

            /// The methods this crate has a name for.
            pub const KNOWN: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

methods! {
    ACK "RFC 3261 §13"
    BYE "RFC 3261 §15"
    CANCEL "RFC 3261 §9"
    INFO "RFC 6086"
    INVITE "RFC 3261 §13"
    MESSAGE "RFC 3428"
    NOTIFY "RFC 6665"
    OPTIONS "RFC 3261 §11"
    PRACK "RFC 3262"
    PUBLISH "RFC 3903"
    REFER "RFC 3515"
    REGISTER "RFC 3261 §10"
    SUBSCRIBE "RFC 6665"
    UPDATE "RFC 3311"
}

impl Method {
    /// The method as it stands on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this crate has a name for it.
    pub fn is_known(&self) -> bool {
        Self::KNOWN.contains(self)
    }
}

impl FromStr for Method {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        if let Some(known) = Self::KNOWN.iter().find(|known| known.as_str() == text) {
            return Ok(known.clone());
        }
        if !lex::is_token(text) {
            return Err(SyntaxError::BadToken);
        }
        Ok(Self(Cow::Owned(text.to_owned())))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_token_is_a_method_and_case_matters() {
        assert_eq!("INVITE".parse(), Ok(Method::INVITE));
        let lower: Method = "invite".parse().unwrap();
        assert_ne!(lower, Method::INVITE);
        assert!(!lower.is_known());
        let odd = "!interesting-Method0123456789_*+`.%indeed'~";
        assert_eq!(odd.parse::<Method>().unwrap().as_str(), odd);
        assert_eq!("IN VITE".parse::<Method>(), Err(SyntaxError::BadToken));
        assert_eq!("".parse::<Method>(), Err(SyntaxError::BadToken));
    }
}

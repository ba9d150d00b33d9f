//! `tel:` URIs: telephone numbers (RFC 3966).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::{Params, SyntaxError, escape};

/// A telephone number as a URI, kept as written.
#[derive(Clone)]
pub struct TelUri {
    number: String,
    parameters: Params,
    written: Box<str>,
}

impl TelUri {
    /// The number as written, with its visual separators and, if it is global, its `+`.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// The digits alone (and `+`, `*`, `#`, A–F): what is dialled.
    pub fn dialled(&self) -> String {
        let separator = |c: &char| !matches!(c, '-' | '.' | '(' | ')');
        self.number.chars().filter(separator).collect()
    }

    /// Whether the number is valid everywhere (E.164) rather than in its `phone-context`.
    pub fn is_global(&self) -> bool {
        self.number.starts_with('+')
    }

    /// The parameters.
    pub const fn parameters(&self) -> &Params {
        &self.parameters
    }

    /// Whether both are the same number (RFC 3966 §5): separators, order of parameters and case ignored.
    pub fn equivalent(&self, other: &Self) -> bool {
        self.normal() == other.normal()
    }

    fn normal(&self) -> (String, Vec<(String, String)>) {
        let lower = |text: &str| escape::normal(text).to_ascii_lowercase();
        let parameter =
            |(name, value): (&str, Option<&str>)| (lower(name), lower(value.unwrap_or_default()));
        let mut parameters: Vec<_> = self.parameters.iter().map(parameter).collect();
        parameters.sort_unstable();
        (self.dialled().to_ascii_lowercase(), parameters)
    }
}

impl Eq for TelUri {}

impl PartialEq for TelUri {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number && self.parameters == other.parameters
    }
}

impl Hash for TelUri {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
        self.parameters.to_string().hash(state);
    }
}

impl fmt::Debug for TelUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tel:[personal]")
    }
}

impl FromStr for TelUri {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let (scheme, rest) = text.split_once(':').ok_or(SyntaxError::NoScheme)?;
        if !scheme.eq_ignore_ascii_case("tel") {
            return Err(SyntaxError::NoScheme);
        }
        let (number, tail) = rest
            .split_once(';')
            .map_or((rest, None), |(n, t)| (n, Some(t)));
        let digits = number.strip_prefix('+').unwrap_or(number);
        let allowed =
            |b: u8| b.is_ascii_hexdigit() || matches!(b, b'*' | b'#' | b'-' | b'.' | b'(' | b')');
        if !digits.bytes().all(allowed) {
            return Err(SyntaxError::BadCharacter);
        }
        if !digits
            .bytes()
            .any(|b| b.is_ascii_hexdigit() || matches!(b, b'*' | b'#'))
        {
            return Err(SyntaxError::BadNumber);
        }
        let mut parameters = Params::new();
        for part in tail.into_iter().flat_map(|tail| tail.split(';')) {
            let (name, value) = part
                .split_once('=')
                .map_or((part, None), |(n, v)| (n, Some(v)));
            if name.is_empty() {
                return Err(SyntaxError::Empty);
            }
            escape::check(name, escape::is_param)?;
            escape::check(value.unwrap_or_default(), escape::is_param)?;
            parameters.append(name, value);
        }
        Ok(Self {
            number: number.to_owned(),
            parameters,
            written: text.into(),
        })
    }
}

impl fmt::Display for TelUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_case_and_order_do_not_make_another_number() {
        let tel = |text: &str| text.parse::<TelUri>().unwrap();
        let one = tel("tel:+1-201-555-0123");
        assert_eq!(one.dialled(), "+12015550123");
        assert!(one.is_global());
        assert!(one.equivalent(&tel("TEL:+1(201)555.0123")));
        assert!(!one.equivalent(&tel("tel:12015550123")));
        let local = tel("tel:7042;phone-context=Example.com;ext=1");
        assert!(local.equivalent(&tel("tel:70-42;ext=1;phone-context=example.com")));
        assert!(!local.is_global());
        assert_eq!("tel:".parse::<TelUri>(), Err(SyntaxError::BadNumber));
        assert_eq!("tel:+".parse::<TelUri>(), Err(SyntaxError::BadNumber));
        assert_eq!("tel:bob".parse::<TelUri>(), Err(SyntaxError::BadCharacter));
    }
}

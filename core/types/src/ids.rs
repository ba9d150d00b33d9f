//! Identifiers. Each is its own type, so that one cannot be passed where another is meant.

use std::fmt;

use crate::Entropy;

/// An account of this device, as numbered by the store; stable for the life of the data folder.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AccountId(pub u64);

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "account-{}", self.0)
    }
}

/// One call as the user sees it, whatever carried it and however many attempts it took.
///
/// 128 random bits in lower-case hex: unique across devices, so that a call's row can be synchronised.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CallId(String);

impl CallId {
    /// A fresh id out of `entropy`.
    pub fn random(entropy: &mut dyn Entropy) -> Self {
        Self(entropy.hex(16))
    }

    /// An id read back from where it was kept; `None` unless it has the form [`CallId::random`] gives.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (text.len() == 32 && text.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One leg of a call: a SIP dialog or, later, a Jingle session. Unique within one running engine.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LegId(pub u64);

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leg-{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    #[test]
    fn a_call_id_reads_back_as_written_and_nothing_else_does() {
        let id = CallId::random(&mut SeededEntropy::new(7));
        assert_eq!(CallId::parse(id.as_str()), Some(id.clone()));
        assert_eq!(CallId::parse(&id.as_str().to_uppercase()), None);
        assert_eq!(CallId::parse("7"), None);
    }
}

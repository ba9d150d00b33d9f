//! What must never reach a log in the clear.

use std::fmt;

/// A value that identifies a person: a name, address, number, IP or token.
///
/// `Debug` and `Display` print a placeholder, so a `tracing` field or an error text cannot leak it;
/// [`Pii::reveal`] is the one, searchable way to the value.
#[derive(Clone, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    /// Marks `value` as personal.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself: for the wire, the store and the screen, never for a log.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// Takes the value out of its wrapping.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Pii<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[personal]")
    }
}

impl<T> fmt::Display for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[personal]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_never_shows_the_value() {
        let secret = Pii::new("alice@example.org");
        let line = format!("{secret} {secret:?} {:?}", Some(&secret));
        assert!(!line.contains("alice"), "{line}");
        assert_eq!(*secret.reveal(), "alice@example.org");
    }
}

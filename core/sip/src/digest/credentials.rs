//! The name and password of an account.

use std::fmt;
use std::mem;

use tandem_types::Pii;
use zeroize::Zeroize;

/// A name and password, and where they may be shown.
///
/// `Debug` shows neither; the password's memory is overwritten when the value goes.
#[derive(Clone, Eq, PartialEq)]
pub struct Credentials {
    username: Pii<String>,
    password: Pii<String>,
    realm: Option<Pii<String>>,
}

impl Credentials {
    /// Credentials for whichever realm asks.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            username: Pii::new(username.into()),
            password: Pii::new(password.into()),
            realm: None,
        }
    }

    /// The same credentials, for this realm only: a stranger who is called, and who challenges with a realm
    /// of their own, then gets no hash to guess the password from.
    #[must_use]
    pub fn for_realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(Pii::new(realm.into()));
        self
    }

    /// The name as the server knows it.
    pub fn username(&self) -> &str {
        self.username.reveal()
    }

    pub(super) fn password(&self) -> &str {
        self.password.reveal()
    }

    /// Whether `realm` may see a proof.
    pub(super) fn serve(&self, realm: &str) -> bool {
        self.realm.as_ref().is_none_or(|own| own.reveal() == realm)
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        mem::take(&mut self.password).into_inner().zeroize();
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([personal])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_never_shows_name_password_or_realm() {
        let shown = format!(
            "{:?}",
            Credentials::new("alice", "hunter2").for_realm("example.org")
        );
        for secret in ["alice", "hunter2", "example"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

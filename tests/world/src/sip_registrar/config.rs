//! What a registrar is told before it starts.

use std::time::Duration;

use tandem_sip::digest::Algorithm;

/// A user of the registrar.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// User part of the address and name in the digest.
    pub name: String,
    /// Password.
    pub password: String,
}

impl User {
    /// A user.
    pub fn new(name: &str, password: &str) -> Self {
        Self {
            name: name.to_owned(),
            password: password.to_owned(),
        }
    }
}

/// How a registrar behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who may register.
    pub users: Vec<User>,
    /// Realm of the challenges.
    pub realm: String,
    /// Domains it serves beside its own address.
    pub domains: Vec<String>,
    /// One challenge each, in this order.
    pub algorithms: Vec<Algorithm>,
    /// How long a nonce may be used; a short one makes stale nonces.
    pub nonce_lifetime: Duration,
    /// Whether calls are challenged too (407), not only registrations.
    pub challenge_calls: bool,
    /// Shortest registration it takes; a shorter wish gets 423.
    pub min_expires: Duration,
    /// Longest registration it gives.
    pub max_expires: Duration,
}

impl Default for Config {
    /// Nobody may register; SHA-256 and MD5 offered; registrations of 1 to 3600 s; calls challenged.
    fn default() -> Self {
        Self {
            users: Vec::new(),
            realm: "tandem.test".to_owned(),
            domains: vec!["localhost".to_owned(), "example.org".to_owned()],
            algorithms: vec![Algorithm::SHA_256, Algorithm::MD5],
            nonce_lifetime: Duration::from_secs(300),
            challenge_calls: true,
            min_expires: Duration::from_secs(1),
            max_expires: Duration::from_secs(3_600),
        }
    }
}

impl Config {
    /// A registrar for these users, name and password each.
    pub fn with_users(users: &[(&str, &str)]) -> Self {
        let users = users
            .iter()
            .map(|(name, password)| User::new(name, password));
        Self {
            users: users.collect(),
            ..Self::default()
        }
    }

    pub(super) fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }
}

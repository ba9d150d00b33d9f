//! Phones of the house: the real `tandem`, with its traces on the desk of the test.

use crate::kamailio::Kamailio;
use crate::network::LAN;
use crate::places::Desk;
use std::path::Path;
use tandem_world::client::ClientCommand;

/// The own address of the phone under test, where a suite has only one.
pub const PHONE: &str = "127.0.0.20";

/// Who a phone is, and where it signs in.
#[derive(Clone, Debug)]
pub struct Account {
    /// `sip:USER@HOST`.
    pub address: String,
    /// The password; `secret-USER` at every server of these suites.
    pub password: String,
    /// Where the server is, if the host of the address does not say it.
    pub registrar: Option<String>,
    /// The own address to use; `None`: the one that leads to the server.
    pub bind: Option<String>,
}

impl Account {
    /// A user of Asterisk, by number.
    pub fn asterisk(user: &str) -> Self {
        Self {
            address: format!("sip:{user}@127.0.0.4"),
            password: format!("secret-{user}"),
            registrar: None,
            bind: Some(PHONE.to_owned()),
        }
    }

    /// A user of Asterisk with ICE, which has no candidates on loopback.
    pub fn asterisk_lan(user: &str) -> Self {
        Self {
            address: format!("sip:{user}@{LAN}"),
            ..Self::asterisk(user).at(LAN)
        }
    }

    /// A user of Kamailio, by name.
    pub fn kamailio(user: &str) -> Self {
        Self {
            address: format!("sip:{user}@{}", Kamailio::DOMAIN),
            password: format!("secret-{user}"),
            registrar: Some(Kamailio::IP.to_owned()),
            bind: Some(PHONE.to_owned()),
        }
    }

    /// The same user at another address of their own.
    #[must_use]
    pub fn at(self, ip: &str) -> Self {
        let bind = Some(ip.to_owned());
        Self { bind, ..self }
    }

    /// The same user who does not know the right password.
    #[must_use]
    pub fn with_password(self, password: &str) -> Self {
        let password = password.to_owned();
        Self { password, ..self }
    }
}

/// A phone that signs in.
pub trait SignIn {
    /// Signs in as this user.
    #[must_use]
    fn user(self, account: &Account) -> Self;

    /// Over TLS and nothing else, to a server that this authority vouches for.
    #[must_use]
    fn over_tls(self, authority: &Path) -> Self;
}

impl SignIn for ClientCommand {
    fn user(self, account: &Account) -> Self {
        let mut words = vec!["--account", &account.address];
        if let Some(registrar) = &account.registrar {
            words.extend(["--registrar", registrar]);
        }
        if let Some(bind) = &account.bind {
            words.extend(["--bind", bind]);
        }
        self.args(&words).password(&account.password)
    }

    fn over_tls(self, authority: &Path) -> Self {
        let authority = authority.to_string_lossy();
        self.args(&["--transport", "tls", "--tls-ca", &authority])
    }
}

impl Desk {
    /// `tandem call TARGET` of a phone called `caller`.
    pub fn call(&self, target: &str) -> ClientCommand {
        self.phone("caller", &["call", target])
    }

    /// `tandem answer` of a phone called `callee`.
    pub fn answer(&self) -> ClientCommand {
        self.phone("callee", &["answer"])
    }

    /// `tandem history` of the phone that was started with this name.
    pub fn history(&self, name: &str) -> ClientCommand {
        self.phone(name, &["history"])
    }

    /// `tandem WORDS` of a phone with this name.
    pub fn phone(&self, name: &str, words: &[&str]) -> ClientCommand {
        ClientCommand::new(self.folder(), name, words).args(&["-vv"])
    }
}

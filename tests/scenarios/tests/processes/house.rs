//! A registrar and the people who use it, each a process with a data folder of their own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use tandem_world::client::{Client, ClientCommand};
use tandem_world::sip_registrar::{Config, Server};
use tempfile::TempDir;

/// What happens at once on an idle machine; a busy one may take a while.
pub const SOON: Duration = Duration::from_secs(20);

/// A registrar on loopback that knows alice and bob, and where their data lies.
pub struct House {
    pub server: Server,
    folder: TempDir,
}

impl House {
    pub fn new() -> Self {
        Self::at(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    pub fn at(ip: IpAddr) -> Self {
        let config =
            Config::with_users(&[("alice", &password("alice")), ("bob", &password("bob"))]);
        let server = Server::bind(config, SocketAddr::new(ip, 0)).expect("the registrar starts");
        let folder = tempfile::tempdir().expect("a folder");
        Self { server, folder }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The address of `user` at this registrar.
    pub fn address(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.server.address())
    }

    /// `tandem WORDS` with the account of `user`.
    pub fn client(&self, user: &str, words: &[&str]) -> ClientCommand {
        ClientCommand::new(self.folder.path(), user, words)
            .args(&["--account", &self.address(user)])
            .password(&password(user))
    }

    /// `tandem answer` with a tone.
    pub fn answers(&self, user: &str) -> ClientCommand {
        self.client(user, &["answer"]).tone()
    }

    /// `tandem call` with a tone.
    pub fn calls(&self, user: &str, whom: &str) -> ClientCommand {
        self.client(user, &["call", &self.address(whom)]).tone()
    }

    /// `tandem history` of `user`.
    pub fn history(&self, user: &str) -> ClientCommand {
        ClientCommand::new(self.folder.path(), user, &["history"])
    }

    /// Bob, signed in and waiting for calls.
    pub fn bob(&self, words: &[&str]) -> Client {
        let mut bob = self.answers("bob").args(words).start();
        bob.wait("listening", SOON);
        bob
    }

    /// How many contacts the registrar has of `user`.
    pub fn contacts(&self, user: &str) -> usize {
        let now = std::time::Instant::now();
        self.server
            .with(|registrar| registrar.contacts_of(user, now))
    }
}

/// The password of `user`.
pub fn password(user: &str) -> String {
    format!("open-sesame-{user}")
}

/// Both hear each other.
pub fn talk(alice: &mut Client, bob: &mut Client) {
    for client in [&mut *alice, bob] {
        client.wait_state("active", SOON);
        client.wait("first-audio", SOON);
    }
}

/// A port of 127.0.0.1 where nobody listens.
pub fn deserted() -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    socket.local_addr().expect("it is bound")
}

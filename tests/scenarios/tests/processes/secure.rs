//! Signing in and calling over TLS, and every way a server cannot be trusted.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use tandem_world::client::{ClientCommand, Ended};
use tandem_world::tls_front::{Authority, TlsFront};

use crate::house::{House, SOON, talk};

/// A year in which everybody's certificate is still valid.
const FAR: i32 = 2100;

/// A registrar behind TLS, and the authority of its certificate.
struct Guarded {
    house: House,
    authority: Authority,
    front: TlsFront,
}

impl Guarded {
    fn new(name: &str, until: i32) -> Self {
        let (house, authority) = (House::new(), Authority::new());
        let front = TlsFront::start(&authority, name, until, house.server.address());
        Self {
            house,
            authority,
            front,
        }
    }

    /// A file with the certificate of the authority to trust.
    fn trusted(&self, authority: &Authority) -> PathBuf {
        let file = self.house.folder().join("roots.pem");
        authority.save(&file);
        file
    }

    /// The same command over TLS, with the server proving to be `host`.
    fn over_tls(&self, command: ClientCommand, host: &str, authority: &Authority) -> ClientCommand {
        let file = self.trusted(authority);
        let server = format!("{host}:{}", self.front.address().port());
        let file = file.to_str().expect("a name");
        let words = [
            "--registrar",
            &server,
            "--transport",
            "tls",
            "--tls-ca",
            file,
        ];
        command.args(&words)
    }

    /// What becomes of bob, who trusts `authority` and expects to meet `host`.
    fn refused(&self, host: &str, authority: &Authority) -> Ended {
        let bob = self.over_tls(self.house.answers("bob"), host, authority);
        let bob = bob.run(SOON);
        bob.expect_code(3);
        assert!(self.house.server.authenticated().is_empty());
        let heard = self.house.server.with(|registrar| registrar.heard().len());
        assert_eq!(heard, 0, "nothing may be said to such a server");
        bob
    }
}

#[test]
fn both_sign_in_and_talk_over_tls() {
    let guarded = Guarded::new("localhost", FAR);
    let authority = &guarded.authority;
    let bob = guarded.house.answers("bob").args(&["--count", "1"]);
    let mut bob = guarded.over_tls(bob, "localhost", authority).start();
    bob.wait("listening", SOON);
    let alice = guarded.house.calls("alice", "bob");
    let mut alice = guarded.over_tls(alice, "localhost", authority).start();
    talk(&mut alice, &mut bob);
    alice.interrupt();
    alice.end(SOON).expect(0, "local-hang-up");
    bob.end(SOON).expect(0, "remote-hang-up");
    let flows = guarded.house.server.with(|registrar| {
        let heard = registrar.heard().iter();
        let udp = heard
            .filter(|heard| heard.flow.transport == tandem_world::sip_registrar::Transport::Udp);
        udp.count()
    });
    assert_eq!(flows, 0, "not a datagram in the clear");
}

#[test]
fn a_server_with_the_name_of_another_is_refused() {
    let guarded = Guarded::new("other.example.org", FAR);
    let bob = guarded.refused("localhost", &guarded.authority);
    assert_eq!(
        bob.registration_failure(),
        "certificate-wrong-name",
        "{}",
        bob.story()
    );
}

#[test]
fn a_certificate_of_the_past_is_refused() {
    let guarded = Guarded::new("localhost", 2002);
    let bob = guarded.refused("localhost", &guarded.authority);
    assert_eq!(
        bob.registration_failure(),
        "certificate-expired",
        "{}",
        bob.story()
    );
}

#[test]
fn a_server_nobody_vouches_for_is_refused() {
    let guarded = Guarded::new("localhost", FAR);
    let bob = guarded.refused("localhost", &Authority::new());
    assert_eq!(
        bob.registration_failure(),
        "certificate-untrusted",
        "{}",
        bob.story()
    );
}

#[test]
fn a_server_that_never_speaks_tls_is_given_up_in_time() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let account = format!("sip:bob@{}", silent.local_addr().expect("it is bound"));
    let folder = tempfile::tempdir().expect("a folder");
    let words = ["answer", "--account", &account, "--transport", "tls"];
    let bob = ClientCommand::new(folder.path(), "bob", &words);
    let bob = bob.password("any").tone().run(SOON);
    bob.expect_code(3);
    assert_eq!(bob.registration_failure(), "unreachable", "{}", bob.story());
    assert!(bob.took < Duration::from_secs(15), "{:?}", bob.took);
}

#[test]
fn a_server_in_the_clear_is_not_met_half_way() {
    let house = House::new();
    let bob = house.answers("bob").args(&["--transport", "tls"]).run(SOON);
    bob.expect_code(3);
    assert!(house.server.authenticated().is_empty());
    let heard = house.server.with(|registrar| registrar.heard().len());
    assert_eq!(heard, 0, "{}", bob.story());
}

#[test]
fn what_the_two_read_to_each_other_stands_in_the_history() {
    let house = House::new();
    let encrypted = ["--encryption", "required"];
    let mut bob = house.bob(
        &[
            &encrypted[..],
            &["--count", "1", "--do", "mismatch; wait-end"],
        ]
        .concat(),
    );
    let alice = house.calls("alice", "bob").args(&encrypted);
    let mut alice = alice.args(&["--do", "verify; wait-end"]).start();
    talk(&mut alice, &mut bob);
    let phrases = [&mut alice, &mut bob].map(|client| client.wait("safety-phrase", SOON));
    let words = phrases[0]["words"].as_array().expect("words");
    assert_eq!(words.len(), 6);
    assert_eq!(phrases[0]["words"], phrases[1]["words"]);
    assert_eq!(alice.wait("trust", SOON)["trust"], "verified");
    assert_eq!(bob.wait("trust", SOON)["trust"], "distrusted");
    alice.interrupt();
    alice.end(SOON).expect(0, "local-hang-up");
    bob.end(SOON).expect(0, "remote-hang-up");
    for (user, trust) in [("alice", "verified"), ("bob", "distrusted")] {
        let history = house.history(user).run(SOON);
        let call = &history.calls()[0];
        assert_eq!(call["encryption"], "dtls-srtp", "{call}");
        assert_eq!(call["trust"], trust, "{call}");
    }
}

#[test]
fn two_who_ask_for_nothing_are_encrypted() {
    let house = House::new();
    let mut bob = house.bob(&["--count", "1"]);
    let mut alice = house.calls("alice", "bob").start();
    talk(&mut alice, &mut bob);
    alice.interrupt();
    for (phone, reason) in [(alice, "local-hang-up"), (bob, "remote-hang-up")] {
        let ended = phone.end(SOON);
        ended.expect(0, reason);
        assert_eq!(ended.all("ended")[0]["encryption"], "dtls-srtp");
    }
}

#[test]
fn a_call_in_the_clear_has_nothing_to_compare() {
    let house = House::new();
    let mut bob = house.bob(&["--count", "1"]);
    let steps = ["--encryption", "off", "--do", "wait-phrase; verify; hangup"];
    let mut alice = house.calls("alice", "bob").args(&steps).start();
    talk(&mut alice, &mut bob);
    let note = alice.wait("note", Duration::from_secs(40));
    assert!(
        note["text"]
            .as_str()
            .is_some_and(|text| text.contains("nothing to compare")),
        "{note}"
    );
    let alice = alice.end(SOON);
    assert!(alice.all("safety-phrase").is_empty(), "{}", alice.story());
    bob.end(SOON).expect(0, "remote-hang-up");
    let history = house.history("alice").run(SOON);
    assert_eq!(history.calls()[0]["encryption"], "none");
    assert_eq!(history.calls()[0]["trust"], "unverified");
}

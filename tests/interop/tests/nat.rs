//! Phones behind NATs: first that the NATs are what they are called, then calls, and the way that their sound takes.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;
use tandem_interop::{
    Account, Asterisk, Coturn, Desk, Home, Kamailio, Lab, Nat, Sent, SignIn as _, assert_heard,
    assert_not_heard, wait_until,
};
use tandem_world::client::{Client, ClientCommand};

const SOON: Duration = Duration::from_secs(15);
const CALL: Duration = Duration::from_secs(40);

/// How the sound is secured, whichever way it takes.
const MEDIA: &[&str] = &["--encryption", "required"];

/// Answers one datagram with its sender's address.
fn mirror() -> SocketAddr {
    let socket = UdpSocket::bind((Lab::PUBLIC, 0)).expect("a port");
    socket.set_read_timeout(Some(SOON)).expect("a limit");
    let address = socket.local_addr().expect("it is bound");
    thread::spawn(move || {
        let mut datagram = [0; 64];
        let (_, from) = socket.recv_from(&mut datagram).expect("somebody asks");
        // Whom nobody asked speaks first; a NAT keeps him out.
        let stranger = UdpSocket::bind((Lab::PUBLIC, 0)).expect("a port");
        stranger.send_to(b"a stranger came in", from).expect("sent");
        thread::sleep(Duration::from_millis(50));
        let answer = from.to_string();
        socket.send_to(answer.as_bytes(), from).expect("sent");
    });
    address
}

/// The public addresses of one socket in this home, as three mirrors see it.
fn seen(home: &Home) -> Vec<SocketAddr> {
    let mirrors = [mirror(), mirror(), mirror()].map(|mirror| mirror.to_string());
    let asked = home
        .enter()
        .arg(env!("CARGO_BIN_EXE_nat-probe"))
        .args(mirrors)
        .output()
        .expect("the probe runs");
    let said = String::from_utf8_lossy(&asked.stdout).into_owned();
    let errors = String::from_utf8_lossy(&asked.stderr);
    assert!(asked.status.success(), "{errors}");
    said.lines().map(|line| line.parse().expect(line)).collect()
}

#[test]
fn a_cone_keeps_its_port_a_symmetric_nat_does_not_and_no_stranger_comes_in() {
    let lab = Lab::new([Nat::Cone, Nat::Symmetric]);
    let cone = seen(lab.home(0));
    assert!(cone.iter().all(|seen| *seen == cone[0]), "{cone:?}");
    assert_eq!(cone[0].ip().to_string(), "198.51.100.10");
    let symmetric = seen(lab.home(1));
    assert!(
        symmetric.iter().any(|seen| *seen != symmetric[0]),
        "{symmetric:?}"
    );
    assert!(
        symmetric
            .iter()
            .all(|seen| seen.ip().to_string() == "198.51.100.11")
    );
}

/// `tandem WORDS` in this home, saying what this person says.
fn phone(desk: &Desk, home: &Home, account: &Account, words: &[&str]) -> ClientCommand {
    let name = words[0];
    let phone = ClientCommand::launched(home.enter(), desk.folder(), name, words);
    let account = account.clone().at(home.ip());
    phone.args(&["-vv"]).user(&account).args(MEDIA).record()
}

/// Both speak, and are heard; then the caller hangs up.
fn talk(caller: ClientCommand, mut callee: Client) {
    let mut caller = caller.play(&Desk::voice("alice")).start();
    for phone in [&mut caller, &mut callee] {
        phone.wait("played", CALL);
        phone.wait_sound_over(CALL);
    }
    caller.interrupt();
    let (caller, callee) = (caller.end(SOON), callee.end(SOON));
    caller.expect(0, "local-hang-up");
    callee.expect(0, "remote-hang-up");
    assert_heard(&Desk::voice("bob"), &caller.heard());
    assert_heard(&Desk::voice("alice"), &callee.heard());
    assert_not_heard(&Desk::voice("bob"), &callee.heard());
}

/// Asterisk, in public, takes the sound of both and passes it on: it needs no server beside it.
#[test]
fn two_phones_behind_symmetric_nats_are_heard_through_asterisk() {
    let desk = Desk::new("nat/asterisk");
    let lab = Lab::new([Nat::Symmetric, Nat::Symmetric]);
    let asterisk = Asterisk::start_public(&desk, Lab::PUBLIC);
    let account = |user: &str| Account {
        address: format!("sip:{user}@{}", Lab::PUBLIC),
        ..Account::asterisk(user)
    };
    let bob = phone(
        &desk,
        lab.home(1),
        &account("1005"),
        &["answer", "--count", "1"],
    );
    let mut bob = bob.play(&Desk::voice("bob")).start();
    bob.wait("registered", SOON);
    let contacts = asterisk.contacts("1005");
    assert!(
        contacts[0].contains(lab.home(1).public_ip()),
        "{contacts:?}"
    );
    let target = format!("sip:1005@{}", Lab::PUBLIC);
    let alice = phone(&desk, lab.home(0), &account("1004"), &["call", &target]);
    talk(alice, bob);
    for home in [lab.home(0), lab.home(1)] {
        assert!(home.sent().to_servers > MOST_OF_IT, "{:?}", home.sent());
    }
}

/// Datagrams of a call whose voice takes 8 s, at fifty a second.
const MOST_OF_IT: u64 = 250;
/// What the search for a way takes at most, and what keeps it open.
const SEARCH: u64 = 150;

/// A call through Kamailio, which leaves the sound to the phones; coturn helps these to find each other. Gives what
/// left the two homes.
fn call(name: &str, kinds: [Nat; 2], servers: &[&str]) -> ([Sent; 2], Coturn) {
    let desk = Desk::new(&format!("nat/{name}"));
    let lab = Lab::new(kinds);
    let kamailio = Kamailio::start_at(&desk, "kamailio", Lab::PUBLIC, &[]);
    let coturn = Coturn::start_at(&desk, "coturn", Lab::PUBLIC, &[]);
    let servers: Vec<&str> = servers
        .iter()
        .flat_map(|url| ["--ice-server", url])
        .chain(["--ice-user", Coturn::USER.0])
        .collect();
    let helped = |user: &str, home: usize, words: &[&str]| {
        let account = Account {
            registrar: Some(Lab::PUBLIC.to_owned()),
            ..Account::kamailio(user)
        };
        let phone = phone(&desk, lab.home(home), &account, words).args(&servers);
        phone.env("TANDEM_ICE_PASSWORD", Coturn::USER.1)
    };
    let bob = helped("bob", 1, &["answer", "--count", "1"]);
    let mut bob = bob.play(&Desk::voice("bob")).start();
    bob.wait("registered", SOON);
    let known = wait_until(SOON, || kamailio.contacts("bob").pop());
    assert!(known.is_some(), "Kamailio does not know bob");
    let alice = helped("alice", 0, &["call", "sip:bob@kamailio.test"]);
    talk(alice, bob);
    ([lab.home(0).sent(), lab.home(1).sent()], coturn)
}

const STUN: &str = "stun:198.51.100.1";
const TURN: &str = "turn:198.51.100.1";

/// Each learns from STUN where the other finds it, and that is enough.
#[test]
fn between_cones_the_sound_goes_directly() {
    let (sent, coturn) = call("cone-cone", [Nat::Cone, Nat::Cone], &[STUN]);
    for sent in sent {
        assert!(sent.direct > MOST_OF_IT, "{sent:?}");
        assert!(sent.to_servers < SEARCH, "{sent:?}");
    }
    drop(coturn);
}

/// A relay stands by, and is not needed.
#[test]
fn between_cones_no_relay_is_used_that_is_there() {
    let (sent, coturn) = call("cone-cone-turn", [Nat::Cone, Nat::Cone], &[TURN]);
    assert!(coturn.has_logged(&["ALLOCATE processed, success"], SOON));
    for sent in sent {
        assert!(sent.direct > MOST_OF_IT, "{sent:?}");
        assert!(sent.to_servers < SEARCH, "{sent:?}");
    }
}

/// All of it by the relay, and given back at the end.
fn assert_relayed(sent: [Sent; 2], coturn: &Coturn) {
    for sent in sent {
        assert!(sent.to_servers > MOST_OF_IT, "{sent:?}");
        assert!(sent.direct < SEARCH, "{sent:?}");
    }
    assert!(coturn.has_logged(&["refreshed", "lifetime=0"], SOON));
}

#[test]
fn from_a_cone_to_a_symmetric_nat_the_sound_goes_by_the_relay() {
    let (sent, coturn) = call("cone-symmetric", [Nat::Cone, Nat::Symmetric], &[TURN]);
    assert_relayed(sent, &coturn);
}

#[test]
fn between_symmetric_nats_the_sound_goes_by_the_relay() {
    let both = [Nat::Symmetric, Nat::Symmetric];
    let (sent, coturn) = call("symmetric-symmetric", both, &[TURN]);
    assert_relayed(sent, &coturn);
}

/// A network that lets no datagram out but those of SIP: the relay is reached over TCP.
#[test]
fn where_only_tcp_gets_to_the_relay_the_sound_goes_by_it() {
    let both = [Nat::Symmetric, Nat::Cone];
    let tcp = "turn:198.51.100.1?transport=tcp";
    let (sent, coturn) = call("tcp", both, &[tcp]);
    assert!(sent.iter().all(|sent| sent.direct < SEARCH), "{sent:?}");
    assert!(coturn.has_logged(&["ALLOCATE processed, success"], SOON));
}

#[test]
fn nothing_of_the_lab_is_left_also_after_a_panic() {
    for _ in 0..2 {
        let built = thread::spawn(|| {
            let _lab = Lab::new([Nat::Cone, Nat::Symmetric]);
            panic!("on purpose");
        });
        assert!(built.join().is_err());
        let links = tandem_interop::links();
        let left: Vec<_> = links
            .iter()
            .filter(|name| name.starts_with("net0") || name.starts_with("wan"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

//! Phones behind NATs: first that the NATs are what they are called, then calls.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;
use tandem_interop::{
    Account, Asterisk, Desk, Home, Lab, Nat, SignIn as _, assert_heard, assert_not_heard,
};
use tandem_world::client::ClientCommand;

const SOON: Duration = Duration::from_secs(15);
const CALL: Duration = Duration::from_secs(40);

/// How the sound finds its way: here by the server that relays it. With ICE the same calls go directly
/// between cones, and by TURN between symmetric NATs.
const MEDIA: &[&str] = &[];

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

/// `tandem WORDS` in this home, signed in at the public Asterisk.
fn phone(desk: &Desk, home: &Home, user: &str, words: &[&str]) -> ClientCommand {
    let account = Account {
        address: format!("sip:{user}@{}", Lab::PUBLIC),
        ..Account::asterisk(user).at(home.ip())
    };
    let phone = ClientCommand::launched(home.enter(), desk.folder(), user, words);
    phone.args(&["-vv"]).user(&account).args(MEDIA)
}

/// A call between the homes through Asterisk, heard both ways.
fn call(name: &str, kinds: [Nat; 2]) {
    let desk = Desk::new(&format!("nat/{name}"));
    let lab = Lab::new(kinds);
    let asterisk = Asterisk::start_public(&desk, Lab::PUBLIC);
    let bob = phone(&desk, lab.home(1), "1002", &["answer", "--count", "1"]);
    let mut bob = bob.play(&Desk::voice("bob")).record().start();
    bob.wait("registered", SOON);
    let contacts = asterisk.contacts("1002");
    assert!(contacts[0].contains("198.51.100.11"), "{contacts:?}");
    let target = format!("sip:1002@{}", Lab::PUBLIC);
    let alice = phone(&desk, lab.home(0), "1001", &["call", &target]);
    let mut alice = alice.play(&Desk::voice("alice")).record().start();
    for phone in [&mut alice, &mut bob] {
        phone.wait("played", CALL);
        phone.wait_sound_over(CALL);
    }
    alice.interrupt();
    let (alice, bob) = (alice.end(SOON), bob.end(SOON));
    alice.expect(0, "local-hang-up");
    bob.expect(0, "remote-hang-up");
    assert_heard(&Desk::voice("bob"), &alice.heard());
    assert_heard(&Desk::voice("alice"), &bob.heard());
    assert_not_heard(&Desk::voice("bob"), &bob.heard());
}

#[test]
fn two_phones_behind_cones_are_heard_through_the_server() {
    call("cone-cone", [Nat::Cone, Nat::Cone]);
}

#[test]
fn two_phones_behind_symmetric_nats_are_heard_through_the_server() {
    call("symmetric-symmetric", [Nat::Symmetric, Nat::Symmetric]);
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

//! Servers found by DNS, and another one where the first is gone: SRV and NAPTR records of a real name
//! server, asked by the resolver that desktops have.

use std::time::Duration;
use tandem_interop::{Account, Desk, Kamailio, Names, SignIn as _, assert_heard, wait_until};
use tandem_world::client::ClientCommand;

const SOON: Duration = Duration::from_secs(20);
const CALL: Duration = Duration::from_secs(40);
const MEDIA: &[&str] = &["--encryption", "required"];

const FIRST: &str = "127.0.0.5";
const SECOND: &str = "127.0.0.8";
const HOSTS: [&str; 2] = [
    "host-record=one.kamailio.test,127.0.0.5",
    "host-record=two.kamailio.test,127.0.0.8",
];

/// This user, who knows no more of the server than the domain.
fn user(name: &str, ip: &str) -> Account {
    let account = Account::kamailio(name).at(ip);
    Account {
        registrar: None,
        ..account
    }
}

/// The records of two servers, the first of which is to be preferred.
fn one_then_two<'a>(names: &[&'a str]) -> Vec<&'a str> {
    [&HOSTS[..], names].concat()
}

fn first(desk: &Desk) -> Kamailio {
    Kamailio::start_at(desk, "first", FIRST, &[])
}

fn second(desk: &Desk) -> Kamailio {
    Kamailio::start_at(desk, "second", SECOND, &[])
}

fn listens(desk: &Desk, names: &Names, words: &[&str]) -> ClientCommand {
    let phone = names.phone(desk, "callee", &["answer", "--count", "1"]);
    phone
        .user(&user("alice", "127.0.0.20"))
        .args(MEDIA)
        .args(words)
}

/// The domain prefers TLS, and its server proves the domain's name, not that of the host it led to.
#[test]
fn naptr_leads_to_tls_and_the_server_proves_the_domain() {
    let desk = Desk::new("names/naptr");
    let server = first(&desk);
    let records = one_then_two(&[
        "naptr-record=kamailio.test,10,50,s,SIPS+D2T,,_sips._tcp.kamailio.test",
        "naptr-record=kamailio.test,20,50,s,SIP+D2U,,_sip._udp.kamailio.test",
        "srv-host=_sips._tcp.kamailio.test,one.kamailio.test,5061",
        "srv-host=_sip._udp.kamailio.test,one.kamailio.test,5060",
    ]);
    let names = Names::start(&desk, &records);
    let trust = ["--tls-ca", server.authority()];
    let mut phone = listens(&desk, &names, &trust).tone().start();
    phone.wait("registered", SOON);
    assert!(
        server
            .was_asked("REGISTER sip:kamailio.test over tls", SOON)
            .is_some()
    );
    assert!(names.was_asked("query[NAPTR] kamailio.test"));
    assert!(names.was_asked("query[SRV] _sips._tcp.kamailio.test"));
    phone.interrupt();
    phone.end(SOON).expect_code(0);
}

/// The best of the SRV records has nobody behind it.
#[test]
fn a_server_that_is_not_there_is_passed_over() {
    let desk = Desk::new("names/passed-over");
    let server = second(&desk);
    let names = Names::start(
        &desk,
        &one_then_two(&[
            "srv-host=_sip._tcp.kamailio.test,one.kamailio.test,5060,10",
            "srv-host=_sip._tcp.kamailio.test,two.kamailio.test,5060,20",
            "srv-host=_sip._udp.kamailio.test,one.kamailio.test,5060,10",
            "srv-host=_sip._udp.kamailio.test,two.kamailio.test,5060,20",
        ]),
    );
    for transport in ["udp", "tcp"] {
        let words = ["--transport", transport];
        let mut phone = listens(&desk, &names, &words).tone().start();
        phone.wait("registered", Duration::from_secs(5));
        assert_eq!(server.contacts("alice").len(), 1, "{transport}");
        phone.interrupt();
        phone.end(SOON).expect_code(0);
    }
}

/// Signed in at the first, which dies; she is called through the second.
#[test]
fn who_was_signed_in_at_a_server_that_dies_is_called_through_the_next() {
    let desk = Desk::new("names/dies");
    let (mut dying, server) = (first(&desk), second(&desk));
    let names = Names::start(
        &desk,
        &one_then_two(&[
            "srv-host=_sip._tcp.kamailio.test,one.kamailio.test,5060,10",
            "srv-host=_sip._tcp.kamailio.test,two.kamailio.test,5060,20",
        ]),
    );
    let words = ["--transport", "tcp"];
    let callee = listens(&desk, &names, &words);
    let mut callee = callee.play(&Desk::voice("alice")).record().start();
    callee.wait("registered", SOON);
    assert_eq!(dying.contacts("alice").len(), 1);
    dying.kill();
    let moved = wait_until(CALL, || {
        (!server.contacts("alice").is_empty()).then_some(())
    });
    assert!(moved.is_some(), "she is not signed in at the second");
    let caller = names.phone(&desk, "caller", &["call", "sip:alice@kamailio.test"]);
    let caller = caller
        .user(&user("bob", "127.0.0.21"))
        .args(MEDIA)
        .args(&words);
    let mut caller = caller.play(&Desk::voice("bob")).record().start();
    for phone in [&mut caller, &mut callee] {
        phone.wait("played", CALL);
        phone.wait_sound_over(CALL);
    }
    caller.interrupt();
    let (caller, callee) = (caller.end(SOON), callee.end(SOON));
    caller.expect(0, "local-hang-up");
    callee.expect(0, "remote-hang-up");
    assert_heard(&Desk::voice("alice"), &caller.heard());
    assert_heard(&Desk::voice("bob"), &callee.heard());
}

/// The first signs people in and takes no calls (503): the call goes to the second (RFC 3263 §4.3).
#[test]
fn a_call_that_a_server_cannot_take_goes_to_the_next() {
    let desk = Desk::new("names/overloaded");
    let overloaded = Kamailio::start_at(&desk, "first", FIRST, &["-A", "OVERLOADED"]);
    let server = second(&desk);
    let names = Names::start(
        &desk,
        &one_then_two(&[
            "srv-host=_sip._udp.kamailio.test,one.kamailio.test,5060,10",
            "srv-host=_sip._udp.kamailio.test,two.kamailio.test,5060,20",
        ]),
    );
    // She knows the second only.
    let alice = Account {
        registrar: Some(SECOND.to_owned()),
        ..Account::kamailio("alice")
    };
    let callee = desk.phone("callee", &["answer", "--count", "1"]);
    let mut callee = callee.user(&alice).args(MEDIA).tone().start();
    callee.wait("registered", SOON);
    let caller = names.phone(&desk, "caller", &["call", "sip:alice@kamailio.test"]);
    let caller = caller.user(&user("bob", "127.0.0.21")).args(MEDIA).tone();
    let mut caller = caller.args(&["--transport", "udp"]).start();
    for phone in [&mut caller, &mut callee] {
        phone.wait_sound(CALL);
    }
    assert!(overloaded.was_asked("INVITE sip:alice@", SOON).is_some());
    assert!(server.was_asked("INVITE sip:alice@", SOON).is_some());
    caller.interrupt();
    caller.end(SOON).expect(0, "local-hang-up");
    callee.end(SOON).expect(0, "remote-hang-up");
}

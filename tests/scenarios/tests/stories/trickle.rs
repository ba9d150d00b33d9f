//! A caller whose device finds its addresses one after the other, and tells them as it goes (RFC 8840).

use std::time::Duration;

use tandem_world::net::NodeId;
use tandem_world::stranger::{Message, Stranger};
use tandem_world::town::{Person, Town};

/// A moment for messages to cross the town.
const MOMENT: Duration = Duration::from_millis(200);
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const PACKAGE: &str = "Info-Package: trickle-ice\r\nContent-Disposition: Info-Package\r\n";
const CREDENTIALS: &str = "a=ice-ufrag:8hhY\r\na=ice-pwd:YH75Fviy6338Vbrhrlp8Yh\r\n";

/// Bob, whom a device rings that does not know any of its addresses yet.
fn rung(seed: u64) -> (Town, Person, NodeId<Stranger>) {
    let mut town = Town::new(seed);
    let [bob] = town.people(["bob"]);
    let stranger = town.stranger();
    let to = town.phone(bob).ip();
    let caller = town.world.node_mut(stranger);
    PACKAGE.clone_into(&mut caller.extra);
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n{CREDENTIALS}\
         a=ice-options:trickle\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=rtcp-mux\r\n"
    );
    caller.invite(to, Some(&offer));
    assert!(town.until(|town| town.phone(bob).ringing().is_some()));
    town.wait(MOMENT);
    (town, bob, stranger)
}

/// The caller tells of a candidate at this port of its own: the answer.
fn tells(town: &mut Town, stranger: NodeId<Stranger>, mid: &str, port: u16) -> Message {
    tells_all(town, stranger, mid, &[port])
}

/// The same of several.
fn tells_all(town: &mut Town, stranger: NodeId<Stranger>, mid: &str, ports: &[u16]) -> Message {
    let caller = town.world.node_mut(stranger);
    let ip = caller.ip();
    let mut fragment = format!("{CREDENTIALS}m=audio 9 RTP/AVP 0\r\na=mid:{mid}\r\n");
    for port in ports {
        fragment += &format!("a=candidate:{port} 1 UDP 1658497328 {ip} {port} typ host\r\n");
    }
    caller.request_with("INFO", Some((FRAGMENT, &fragment)));
    town.wait(MOMENT);
    let responses =
        |message: &&Message| message.header("CSeq").is_some_and(|c| c.ends_with("INFO"));
    let received = town.world.node(stranger).received();
    received
        .iter()
        .rfind(responses)
        .cloned()
        .expect("an answer to INFO")
}

fn answers(town: &mut Town, bob: Person, stranger: NodeId<Stranger>) -> Message {
    town.answers(bob);
    town.wait(MOMENT);
    let caller = town.world.node_mut(stranger);
    let accepted = caller.take_response(200).expect("bob took the call");
    caller.request("ACK", None);
    town.wait(MOMENT);
    accepted
}

#[test]
fn addresses_found_before_and_after_the_answer_are_tried() {
    let (mut town, bob, stranger) = rung(60);
    let early = tells(&mut town, stranger, "0", 50_000);
    assert_eq!(early.status(), Some(200));
    let knocks = |town: &Town| town.world.node(stranger).knocks().to_vec();
    assert!(knocks(&town).is_empty(), "bob has not accepted");
    let accepted = answers(&mut town, bob, stranger);
    assert_eq!(accepted.header("Recv-Info"), Some("trickle-ice"));
    assert_eq!(accepted.header("Supported"), Some("trickle-ice"));
    let answer = accepted.body();
    assert!(answer.contains("a=ice-options:trickle"), "{answer}");
    assert!(answer.contains("a=end-of-candidates"), "{answer}");
    assert!(knocks(&town).contains(&50_000));
    let late = tells(&mut town, stranger, "0", 50_002);
    assert_eq!(late.status(), Some(200));
    town.wait(Duration::from_secs(1));
    assert!(knocks(&town).contains(&50_002));
}

/// As RFC 8840 §4.4 has it: every message repeats what the ones before said.
#[test]
fn the_last_of_many_addresses_is_tried_however_often_the_others_were_told() {
    for before_the_answer in [true, false] {
        let (mut town, bob, stranger) = rung(63);
        if !before_the_answer {
            answers(&mut town, bob, stranger);
        }
        let ports: Vec<u16> = (0..14).map(|n| 50_000 + 2 * n).collect();
        for told in 1..=ports.len() {
            tells_all(&mut town, stranger, "0", &ports[..told]);
        }
        if before_the_answer {
            answers(&mut town, bob, stranger);
        }
        town.wait(Duration::from_secs(3));
        let knocks = town.world.node(stranger).knocks();
        assert!(knocks.contains(&50_026), "{knocks:?}");
    }
}

#[test]
fn addresses_of_another_stream_are_not_tried() {
    let (mut town, bob, stranger) = rung(61);
    tells(&mut town, stranger, "1", 50_000);
    answers(&mut town, bob, stranger);
    tells(&mut town, stranger, "video", 50_002);
    town.wait(Duration::from_secs(1));
    assert!(town.world.node(stranger).knocks().is_empty());
}

#[test]
fn a_package_that_nobody_agreed_on_is_refused_and_the_call_goes_on() {
    let (mut town, bob, stranger) = rung(62);
    answers(&mut town, bob, stranger);
    let caller = town.world.node_mut(stranger);
    "Info-Package: g.3gpp.mid-call\r\n".clone_into(&mut caller.extra);
    let refused = tells(&mut town, stranger, "0", 50_000);
    assert_eq!(refused.status(), Some(469));
    assert_eq!(refused.header("Recv-Info"), Some("trickle-ice"));
    let caller = town.world.node_mut(stranger);
    PACKAGE.clone_into(&mut caller.extra);
    caller.request_with("INFO", Some((FRAGMENT, "nonsense")));
    town.wait(MOMENT);
    let caller = town.world.node_mut(stranger);
    assert!(caller.take_response(400).is_some());
    assert_eq!(town.phone(bob).end(), None);
}

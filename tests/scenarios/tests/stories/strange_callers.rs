//! Callers whose name, address or device nobody expected.

use tandem_engine::CallState;
use tandem_engine::phone::LogEntry;
use tandem_types::Address;
use tandem_world::net::NodeId;
use tandem_world::stranger::Stranger;
use tandem_world::town::{Person, Town};

fn strangers_call(seed: u64) -> (Town, Person, NodeId<Stranger>) {
    let mut town = Town::new(seed);
    let [bob] = town.people(["bob"]);
    let stranger = town.stranger();
    (town, bob, stranger)
}

/// Somebody who calls themselves `name` rings at bob's: what the screen and the log have of them.
fn rings(seed: u64, name: &str, extra: &str) -> (String, Option<String>, String) {
    let (mut town, bob, stranger) = strangers_call(seed);
    let to = town.phone(bob).ip();
    let caller = town.world.node_mut(stranger);
    name.clone_into(&mut caller.name);
    extra.clone_into(&mut caller.extra);
    let sdp = caller.sdp("sendrecv");
    caller.invite(to, Some(&sdp));
    assert!(
        town.until(|town| town.phone(bob).ringing().is_some()),
        "{name}: it never rang"
    );
    let screen = town.phone(bob).history().next().unwrap();
    assert_eq!(screen.state, CallState::Incoming);
    let peer_name = screen.peer_name.clone();
    let Some(LogEntry::Begin(row)) = town.phone(bob).log().first() else {
        panic!("no row");
    };
    let row = row.peer.reveal().as_str().to_owned();
    let screen = screen.peer.reveal().clone();
    (screen, peer_name.map(tandem_types::Pii::into_inner), row)
}

#[test]
fn whoever_calls_is_written_down_as_an_address_the_history_can_read() {
    let names = [
        "<sip:alice@10.0.0.9>",
        "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
        "<urn:service:sos>",
        "<im:romeo@example.org>",
        "<tel:(030)123;phone-context=example.org>",
        "<sip:a%22b%3Cc@example.org>",
        "<sip:gateway@_sip.example.org>",
        "<sip:-.example.org>",
        "sip:10.0.0.9",
    ];
    for (seed, name) in names.into_iter().enumerate() {
        let (screen, _, row) = rings(100 + seed as u64, name, "");
        let read: Result<Address, _> = row.parse();
        // One row that cannot be read makes a whole page of history unreadable.
        assert_eq!(
            read.as_ref().map(Address::as_str),
            Ok(row.as_str()),
            "{name}"
        );
        assert_eq!(screen, row, "{name}");
    }
}

#[test]
fn a_name_is_text_for_a_screen_and_nothing_else() {
    let long = "x".repeat(2_000);
    let (_, name, _) = rings(1, &format!("\"{long}\" <sip:x@10.0.0.9>"), "");
    assert!(name.unwrap().len() <= 100);
    // Right-to-left overrides turn `exe.doc` around.
    let (_, name, _) = rings(2, "\"Bank\u{202e}knaB\u{2066}\" <sip:x@10.0.0.9>", "");
    assert_eq!(name.as_deref(), Some("BankknaB"));
    let (_, name, _) = rings(3, "\"\u{202e}\" <sip:x@10.0.0.9>", "");
    assert_eq!(name, None);
}

#[test]
fn who_calls_without_a_server_is_not_believed_what_only_a_server_may_assert() {
    let mut town = Town::new(4);
    let bob = town.person("bob", |setup| setup.registrar = None);
    let stranger = town.stranger();
    let to = town.phone(bob).ip();
    let caller = town.world.node_mut(stranger);
    caller.name = "<sip:mallory@10.0.0.9>".into();
    caller.extra = "P-Asserted-Identity: \"Your Bank\" <sip:bank@example.org>\r\n".into();
    let sdp = caller.sdp("sendrecv");
    caller.invite(to, Some(&sdp));
    assert!(town.until(|town| town.phone(bob).ringing().is_some()));
    let shown = town.phone(bob).history().next().unwrap();
    assert_eq!(shown.peer.reveal(), "sip:mallory@10.0.0.9");
    assert_eq!(shown.peer_name, None);
}

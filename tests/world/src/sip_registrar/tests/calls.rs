//! One caller, one callee.

use super::*;

const TO_BOB: &str = "<sip:bob@example.org>";

/// Bob is registered over `flow` and alice's INVITE has reached him: as she sent it and as he got it.
fn ringing(stage: &mut Stage, alice: Flow, bob: Flow) -> (String, Request) {
    let transport = if bob.transport == Transport::Tcp {
        ";transport=tcp"
    } else {
        ""
    };
    stage.register(bob, "bob", &format!("<sip:bob@{}{transport}>", bob.remote));
    let contact = format!("Contact: <sip:alice@{}>", alice.remote);
    let text = stage.request(alice, "INVITE", "sip:bob@example.org", TO_BOB, &contact);
    stage.say(alice, &text);
    assert_eq!(stage.lines_to(alice), ["100 INVITE"]);
    (text, stage.request_to(bob))
}

#[test]
fn a_call_goes_through_and_everything_after_it_too() {
    let mut stage = Stage::new();
    let (alice, bob) = (udp(ALICE), udp(BOB));
    let (_, invite) = ringing(&mut stage, alice, bob);
    assert_eq!(invite.uri.to_string(), format!("sip:bob@{BOB}"));
    assert_eq!(invite.headers.max_forwards().unwrap(), Some(69));
    let vias = invite.headers.vias().unwrap();
    assert_eq!((vias.len(), vias[1].rport()), (2, Some(Some(4001))));
    let routes = invite.headers.record_routes().unwrap();
    assert_eq!(
        routes.iter().map(|r| r.uri.to_string()).collect::<Vec<_>>(),
        ["sip:127.0.0.1:5060;lr"]
    );

    stage.say(bob, &answer(&invite, 180, "b", ""));
    stage.say(bob, &answer(&invite, 200, "b", &format!("<sip:bob@{BOB}>")));
    let answers = stage.take(alice);
    assert_eq!(
        answers.iter().map(line).collect::<Vec<_>>(),
        ["180 INVITE", "200 INVITE"]
    );
    assert_eq!(answers[1].headers().vias().unwrap().len(), 1);
    // Bob says it again until the ACK comes; alice hears it again.
    stage.say(bob, &answer(&invite, 200, "b", &format!("<sip:bob@{BOB}>")));
    assert_eq!(stage.lines_to(alice), ["200 INVITE"]);

    let to = format!("{TO_BOB};tag=b");
    let route = "Route: <sip:127.0.0.1:5060;lr>";
    let ack = stage.request(alice, "ACK", &format!("sip:bob@{BOB}"), &to, route);
    stage.say(alice, &ack);
    let ack = stage.request_to(bob);
    assert_eq!(
        (ack.method.as_str(), ack.headers.routes().unwrap().len()),
        ("ACK", 0)
    );

    let bye = stage.request(
        bob,
        "BYE",
        &format!("sip:alice@{ALICE}"),
        "<sip:alice@example.org>;tag=a",
        route,
    );
    stage.say(bob, &bye);
    let bye = stage.request_to(alice);
    stage.say(alice, &answer(&bye, 200, "", ""));
    assert_eq!(stage.lines_to(bob), ["200 BYE"]);
    stage.pass(Duration::from_secs(60));
    assert!(stage.sent.is_empty(), "nothing is left to be said");
    assert_eq!(stage.registrar.poll_timeout(), None);
}

#[test]
fn callers_are_challenged_and_may_only_be_themselves() {
    let mut stage = Stage::with(Config::with_users(&[
        ("alice", "a's secret"),
        ("bob", "b's secret"),
    ]));
    let (alice, bob) = (udp(ALICE), udp(BOB));
    stage.register(bob, "bob", &format!("<sip:bob@{BOB}>"));
    let text = stage.request(alice, "INVITE", "sip:bob@example.org", TO_BOB, "");
    let response = stage.say_with_password(alice, &text, "bob", "b's secret");
    assert_eq!(response.status, StatusCode::FORBIDDEN, "From says alice");

    let text = stage.request(alice, "INVITE", "sip:bob@example.org", TO_BOB, "");
    let response = stage.say_with_password(alice, &text, "alice", "a's secret");
    assert_eq!(response.status, StatusCode::TRYING);
    let invite = stage.request_to(bob);
    assert!(
        !invite.headers.contains("Proxy-Authorization"),
        "the proof is for the proxy only"
    );
}

#[test]
fn nobody_there_is_404_or_480_or_416() {
    let mut stage = Stage::new();
    for (uri, status) in [
        ("sip:carol@example.org", "404 INVITE"),
        ("sip:bob@127.0.0.1:5060", "480 INVITE"),
        ("sip:bob@192.0.2.9", "403 INVITE"),
        ("tel:+15551234", "416 INVITE"),
    ] {
        let text = stage.request(udp(ALICE), "INVITE", uri, TO_BOB, "");
        stage.say(udp(ALICE), &text);
        assert_eq!(stage.lines_to(udp(ALICE)), ["100 INVITE", status], "{uri}");
    }
}

#[test]
fn retransmissions_are_absorbed_on_either_side() {
    let mut stage = Stage::new();
    let (alice, bob) = (udp(ALICE), udp(BOB));
    let (text, invite) = ringing(&mut stage, alice, bob);
    stage.say(alice, &text);
    assert_eq!(stage.lines_to(alice), ["100 INVITE"]);
    assert_eq!(stage.lines_to(bob), Vec::<String>::new());
    // Bob is silent: this side repeats the INVITE at 0.5, 1.5 and 3.5 s.
    stage.pass(Duration::from_secs(4));
    assert_eq!(stage.lines_to(bob), ["INVITE"; 3]);
    stage.say(bob, &answer(&invite, 180, "b", ""));
    stage.pass(Duration::from_secs(20));
    assert_eq!(stage.lines_to(bob), Vec::<String>::new());
    stage.say(alice, &text);
    assert_eq!(stage.lines_to(alice), ["180 INVITE", "180 INVITE"]);
}

#[test]
fn a_phone_that_never_answers_is_a_timeout() {
    let mut stage = Stage::new();
    let (alice, bob) = (udp(ALICE), udp(BOB));
    ringing(&mut stage, alice, bob);
    stage.pass(Duration::from_millis(31_900));
    assert_eq!(stage.lines_to(alice), Vec::<String>::new());
    stage.pass(Duration::from_millis(100));
    assert_eq!(stage.lines_to(alice), ["408 INVITE"]);
}

#[test]
fn a_failure_is_repeated_until_its_ack() {
    let mut stage = Stage::new();
    let (alice, bob) = (udp(ALICE), udp(BOB));
    let (text, invite) = ringing(&mut stage, alice, bob);
    stage.say(bob, &answer(&invite, 486, "b", ""));
    assert_eq!(
        stage.request_to(bob).method,
        Method::ACK,
        "the proxy acknowledges by itself"
    );
    stage.pass(Duration::from_millis(1_600));
    assert_eq!(stage.lines_to(alice), ["486 INVITE"; 3]);
    let ack = text
        .replace("INVITE sip:", "ACK sip:")
        .replace(" INVITE\r\n", " ACK\r\n");
    stage.say(alice, &ack);
    stage.pass(Duration::from_secs(40));
    assert!(stage.sent.is_empty());
    assert_eq!(stage.registrar.poll_timeout(), None);
}

#[test]
fn a_caller_who_gives_up_stops_the_ringing() {
    let mut stage = Stage::new();
    let (alice, bob) = (udp(ALICE), udp(BOB));
    let (text, invite) = ringing(&mut stage, alice, bob);
    let cancel = text
        .replace("INVITE sip:", "CANCEL sip:")
        .replace(" INVITE\r\n", " CANCEL\r\n");
    stage.say(alice, &cancel);
    assert_eq!(stage.lines_to(alice), ["200 CANCEL"]);
    assert_eq!(
        stage.lines_to(bob),
        Vec::<String>::new(),
        "not before bob has shown a sign of life"
    );
    stage.say(bob, &answer(&invite, 180, "b", ""));
    let cancel = stage.request_to(bob);
    assert_eq!(cancel.method, Method::CANCEL);
    assert_eq!(cancel.uri, invite.uri);
    assert_eq!(cancel.headers.via().unwrap(), invite.headers.via().unwrap());
    stage.say(bob, &answer(&cancel, 200, "b", ""));
    stage.say(bob, &answer(&invite, 487, "b", ""));
    assert_eq!(stage.lines_to(alice), ["180 INVITE", "487 INVITE"]);

    let stray = stage.request(alice, "CANCEL", "sip:bob@example.org", TO_BOB, "");
    stage.say(alice, &stray);
    assert_eq!(stage.lines_to(alice), ["481 CANCEL"]);
}

#[test]
fn a_phone_on_tcp_is_reached_over_the_connection_it_registered_with() {
    let mut stage = Stage::new();
    let (alice, bob) = (udp(ALICE), tcp(BOB));
    let (_, invite) = ringing(&mut stage, alice, bob);
    assert_eq!(invite.headers.via().unwrap().transport, "TCP");
    let routes = invite.headers.record_routes().unwrap();
    assert_eq!(
        routes
            .iter()
            .map(|route| route.uri.to_string())
            .collect::<Vec<_>>(),
        [
            "sip:127.0.0.1:5060;transport=tcp;lr",
            "sip:127.0.0.1:5060;lr"
        ]
    );
    // Alice's requests carry both; both are this server.
    stage.say(
        bob,
        &answer(&invite, 200, "b", &format!("<sip:bob@{BOB};transport=tcp>")),
    );
    let uri = format!("sip:bob@{BOB};transport=tcp");
    let to = format!("{TO_BOB};tag=b");
    let route = "Route: <sip:127.0.0.1:5060;lr>, <sip:127.0.0.1:5060;transport=tcp;lr>";
    let ack = stage.request(alice, "ACK", &uri, &to, route);
    stage.say(alice, &ack);
    assert_eq!(stage.request_to(bob).method, Method::ACK);
}

#[test]
fn a_connection_that_breaks_while_it_rings_ends_the_call() {
    let mut stage = Stage::new();
    let (alice, bob) = (udp(ALICE), tcp(BOB));
    ringing(&mut stage, alice, bob);
    stage
        .registrar
        .handle_closed(stage.now, BOB.parse().unwrap());
    stage.collect();
    assert_eq!(stage.lines_to(alice), ["480 INVITE"]);
    assert_eq!(stage.registrar.contacts_of("bob", stage.now), 0);
}

#[test]
fn what_is_no_good_request_is_refused() {
    let mut stage = Stage::new();
    let alice = udp(ALICE);
    let text = stage.request(alice, "INVITE", "sip:bob@example.org", TO_BOB, "");
    stage.say(alice, &text.replace("Max-Forwards: 70", "Max-Forwards: 0"));
    assert_eq!(stage.lines_to(alice), ["483 INVITE"]);
    let text = stage.request(
        alice,
        "OPTIONS",
        "sip:127.0.0.1:5060",
        "<sip:127.0.0.1:5060>",
        "",
    );
    stage.say(alice, &text);
    assert_eq!(stage.lines_to(alice), ["200 OPTIONS"]);
    let text = stage.request(
        alice,
        "OPTIONS",
        "sip:127.0.0.1:5060",
        "<sip:127.0.0.1:5060>",
        "",
    );
    stage.say(alice, &text.replace(" OPTIONS\r\n", " MESSAGE\r\n"));
    assert_eq!(stage.response_to(alice).status, StatusCode::BAD_REQUEST);
    stage.say(alice, "\r\n\r\n");
    assert_eq!(stage.lines_to(alice), Vec::<String>::new());
}

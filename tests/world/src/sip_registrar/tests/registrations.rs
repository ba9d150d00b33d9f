//! REGISTER.

use super::*;

const CONTACT: &str = "<sip:alice@127.0.0.1:4001>";

#[test]
fn a_password_registers_and_its_absence_does_not() {
    let mut stage = Stage::new();
    let (phone, to) = (udp(ALICE), "<sip:alice@example.org>");
    let more = format!("Contact: {CONTACT}\nExpires: 60");
    let text = stage.request(phone, "REGISTER", "sip:example.org", to, &more);
    stage.say(phone, &text);
    let challenged = stage.response_to(phone);
    assert_eq!(challenged.status, StatusCode::UNAUTHORIZED);
    let offered = challenged.headers.www_authenticate();
    assert_eq!(offered.len(), 2, "SHA-256 and MD5: {offered:?}");

    let wrong = stage.say_with_password(phone, &text, "alice", "guess");
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(stage.registrar.contacts_of("alice", stage.now), 0);

    let right = stage.register(phone, "alice", CONTACT);
    assert_eq!(right.status, StatusCode::OK);
    let contacts = right.headers.contacts().unwrap().into_list();
    assert_eq!(contacts[0].uri.to_string(), "sip:alice@127.0.0.1:4001");
    assert_eq!(contacts[0].expires(), Some(60));
    assert!(stage.registrar.authenticated().contains("alice"));
}

#[test]
fn nobody_registers_for_somebody_else() {
    let mut stage = Stage::new();
    let more = "Contact: <sip:x@127.0.0.1:4001>";
    let to = "<sip:bob@example.org>";
    let text = stage.request(udp(ALICE), "REGISTER", "sip:example.org", to, more);
    let response = stage.say_with_password(udp(ALICE), &text, "alice", "a's secret");
    assert_eq!(response.status, StatusCode::FORBIDDEN);
}

#[test]
fn a_registration_ends_by_itself_by_zero_and_by_star() {
    let mut stage = Stage::new();
    let phone = udp(ALICE);
    stage.register(phone, "alice", CONTACT);
    stage.pass(Duration::from_secs(59));
    assert_eq!(stage.registrar.contacts_of("alice", stage.now), 1);
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.registrar.contacts_of("alice", stage.now), 0);

    stage.register(phone, "alice", CONTACT);
    let gone = stage.register(phone, "alice", &format!("{CONTACT};expires=0"));
    assert!(gone.headers.contacts().unwrap().into_list().is_empty());

    stage.register(phone, "alice", CONTACT);
    let to = "<sip:alice@example.org>";
    let more = "Contact: *\nExpires: 0";
    let text = stage.request(phone, "REGISTER", "sip:example.org", to, more);
    let response = stage.say_with_password(phone, &text, "alice", "a's secret");
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(stage.registrar.contacts_of("alice", stage.now), 0);
}

#[test]
fn too_short_a_registration_is_told_the_shortest() {
    let config = Config::with_users(&[("alice", "a's secret")]);
    let mut stage = Stage::with(Config {
        min_expires: Duration::from_secs(90),
        ..config
    });
    let response = stage.register(udp(ALICE), "alice", CONTACT);
    assert_eq!(response.status, StatusCode::INTERVAL_TOO_BRIEF);
    assert_eq!(response.headers.min_expires().unwrap(), Some(90));
}

#[test]
fn an_old_nonce_is_stale_and_an_unknown_one_too() {
    let config = Config::with_users(&[("alice", "a's secret")]);
    let mut stage = Stage::with(Config {
        nonce_lifetime: Duration::from_secs(5),
        ..config
    });
    let (phone, to) = (udp(ALICE), "<sip:alice@example.org>");
    let more = format!("Contact: {CONTACT}");
    let text = stage.request(phone, "REGISTER", "sip:example.org", to, &more);
    stage.say(phone, &text);
    let challenged = stage.response_to(phone);
    stage.pass(Duration::from_secs(6));
    stage.say(
        phone,
        &with_proof(&text, &challenged, "alice", "a's secret"),
    );
    let is_stale = |response: &Response| {
        let offered = response.headers.www_authenticate();
        Challenge::parse_all(offered.iter().map(String::as_str))
            .iter()
            .all(|c| c.stale)
    };
    assert!(is_stale(&stage.response_to(phone)));

    let text = stage.request(phone, "REGISTER", "sip:example.org", to, &more);
    stage.say(phone, &text);
    let challenged = stage.response_to(phone);
    stage.registrar.forget_everything(stage.now);
    stage.say(
        phone,
        &with_proof(&text, &challenged, "alice", "a's secret"),
    );
    assert!(is_stale(&stage.response_to(phone)));
}

#[test]
fn a_new_flow_of_one_phone_replaces_its_old_one() {
    let mut stage = Stage::new();
    let instance = ";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\";reg-id=1";
    stage.register(
        udp(ALICE),
        "alice",
        &format!("<sip:alice@127.0.0.1:4001>{instance}"),
    );
    stage.register(
        udp("127.0.0.1:4009"),
        "alice",
        &format!("<sip:alice@127.0.0.1:4009>{instance}"),
    );
    assert_eq!(stage.registrar.contacts_of("alice", stage.now), 1);
    stage.register(udp("127.0.0.1:4010"), "alice", "<sip:alice@127.0.0.1:4010>");
    assert_eq!(stage.registrar.contacts_of("alice", stage.now), 2);
}

#[test]
fn a_retransmission_gets_the_same_answer_without_being_served_twice() {
    let mut stage = Stage::new();
    let (phone, to) = (udp(ALICE), "<sip:alice@example.org>");
    let text = stage.request(phone, "REGISTER", "sip:example.org", to, "");
    stage.say(phone, &text);
    let first = stage.response_to(phone);
    stage.say(phone, &text);
    assert_eq!(first.to_bytes(), stage.response_to(phone).to_bytes());
}

#[test]
fn faults_strike_as_often_as_asked() {
    let mut stage = Stage::new();
    let (phone, to) = (udp(ALICE), "<sip:alice@example.org>");
    stage.registrar.drop_next(Some(Method::REGISTER), 2);
    let text = stage.request(phone, "REGISTER", "sip:example.org", to, "");
    stage.say(phone, &text);
    stage.say(phone, &text);
    assert_eq!(stage.lines_to(phone), Vec::<String>::new());
    stage.say(phone, &text);
    assert_eq!(stage.lines_to(phone), ["401 REGISTER"]);
    assert_eq!(
        stage
            .registrar
            .heard()
            .iter()
            .filter(|heard| heard.dropped)
            .count(),
        2
    );

    stage
        .registrar
        .answer_next(Method::REGISTER, StatusCode::SERVICE_UNAVAILABLE, 1);
    for expected in ["503 REGISTER", "401 REGISTER"] {
        let text = stage.request(phone, "REGISTER", "sip:example.org", to, "");
        stage.say(phone, &text);
        assert_eq!(stage.lines_to(phone), [expected]);
    }

    stage.registrar.set_delay(Duration::from_millis(300));
    let text = stage.request(phone, "REGISTER", "sip:example.org", to, "");
    stage.say(phone, &text);
    stage.pass(Duration::from_millis(299));
    assert_eq!(stage.lines_to(phone), Vec::<String>::new());
    stage.pass(Duration::from_millis(1));
    assert_eq!(stage.lines_to(phone), ["401 REGISTER"]);
}

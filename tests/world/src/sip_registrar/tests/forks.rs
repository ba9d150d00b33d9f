//! Several phones of one user.

use super::*;

/// Bob has two phones and both ring.
fn both_ringing(stage: &mut Stage) -> [Request; 2] {
    let phones = [udp(BOB), udp(BOB_TOO)];
    for phone in phones {
        stage.register(phone, "bob", &format!("<sip:bob@{}>", phone.remote));
    }
    let to = "<sip:bob@example.org>";
    let text = stage.request(udp(ALICE), "INVITE", "sip:bob@example.org", to, "");
    stage.say(udp(ALICE), &text);
    let invites = phones.map(|phone| stage.request_to(phone));
    for (invite, phone) in invites.iter().zip(phones) {
        stage.say(
            phone,
            &answer(invite, 180, &phone.remote.port().to_string(), ""),
        );
    }
    assert_eq!(
        stage.lines_to(udp(ALICE)),
        ["100 INVITE", "180 INVITE", "180 INVITE"]
    );
    invites
}

#[test]
fn the_first_to_answer_wins_and_the_other_learns_why_it_stops() {
    let mut stage = Stage::new();
    let [first, second] = both_ringing(&mut stage);
    stage.say(udp(BOB), &answer(&first, 200, "4002", ""));
    assert_eq!(stage.lines_to(udp(ALICE)), ["200 INVITE"]);
    let cancel = stage.request_to(udp(BOB_TOO));
    let reason = cancel.headers.reason().unwrap();
    assert_eq!(
        (cancel.method.as_str(), reason.protocol.as_str()),
        ("CANCEL", "SIP")
    );
    let text = cancel.headers.text("Reason").unwrap().into_owned();
    assert_eq!(text, "SIP;cause=200;text=\"Call completed elsewhere\"");
    stage.say(udp(BOB_TOO), &answer(&cancel, 200, "4003", ""));
    stage.say(udp(BOB_TOO), &answer(&second, 487, "4003", ""));
    assert_eq!(stage.lines_to(udp(BOB_TOO)), ["ACK"]);
    assert_eq!(stage.lines_to(udp(ALICE)), Vec::<String>::new());
}

#[test]
fn two_who_answer_at_once_are_both_heard() {
    let mut stage = Stage::new();
    let [first, second] = both_ringing(&mut stage);
    stage.say(udp(BOB), &answer(&first, 200, "4002", ""));
    stage.say(udp(BOB_TOO), &answer(&second, 200, "4003", ""));
    assert_eq!(stage.lines_to(udp(ALICE)), ["200 INVITE", "200 INVITE"]);
}

#[test]
fn the_best_refusal_is_passed_on_once_all_have_refused() {
    let mut stage = Stage::new();
    let [first, second] = both_ringing(&mut stage);
    stage.say(udp(BOB), &answer(&first, 480, "4002", ""));
    assert_eq!(
        stage.lines_to(udp(ALICE)),
        Vec::<String>::new(),
        "the other phone still rings"
    );
    stage.say(udp(BOB_TOO), &answer(&second, 302, "4003", ""));
    assert_eq!(stage.lines_to(udp(ALICE)), ["302 INVITE"]);
}

#[test]
fn a_decline_for_everywhere_stops_the_other_phone() {
    let mut stage = Stage::new();
    let [first, second] = both_ringing(&mut stage);
    stage.say(udp(BOB), &answer(&first, 603, "4002", ""));
    let cancel = stage.request_to(udp(BOB_TOO));
    assert_eq!(cancel.method, Method::CANCEL);
    stage.say(udp(BOB_TOO), &answer(&second, 487, "4003", ""));
    assert_eq!(stage.lines_to(udp(ALICE)), ["603 INVITE"]);
}

#[test]
fn a_phone_that_rings_for_ever_is_cancelled_in_the_end() {
    let mut stage = Stage::new();
    let [first, second] = both_ringing(&mut stage);
    stage.pass(Duration::from_secs(201));
    for (phone, invite) in [(udp(BOB), first), (udp(BOB_TOO), second)] {
        let lines = stage.lines_to(phone);
        assert!(
            lines.iter().all(|line| line == "CANCEL") && !lines.is_empty(),
            "{lines:?}"
        );
        stage.say(phone, &answer(&invite, 487, "x", ""));
    }
    assert_eq!(stage.lines_to(udp(ALICE)), ["487 INVITE"]);
}

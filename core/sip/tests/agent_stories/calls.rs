//! Calls from INVITE to BYE.

use tandem_sip::agent::{EndKind, Event, TransportKind};
use tandem_sip::message::{Reason, StatusCode, Uri};
use tandem_types::{Direction, EndReason};

use crate::net::{Net, Node, media, ms, port, secs};
use tandem_sip::agent::SessionId;

const SEND_RECV: Direction = Direction::SendRecv;

fn bob_uri() -> Uri {
    "sip:bob@192.0.2.2".parse().unwrap()
}

fn pair(seed: u64, transport: TransportKind) -> (Net, Node, Node) {
    let mut net = Net::new(seed);
    let alice = net.phone("alice", 1, transport);
    let bob = net.phone("bob", 2, transport);
    (net, alice, bob)
}

fn dial(net: &mut Net, alice: Node) -> SessionId {
    net.act(alice, |agent, now| {
        agent.invite(now, &bob_uri(), Some(media(4000, SEND_RECV)))
    })
    .unwrap()
}

/// Alice calls, Bob rings and answers; both sides know it.
pub fn connected(
    seed: u64,
    transport: TransportKind,
) -> (Net, (Node, SessionId), (Node, SessionId)) {
    let (mut net, alice, bob) = pair(seed, transport);
    let hers = dial(&mut net, alice);
    net.run_for(ms(100));
    let his = net.incoming(bob).unwrap();
    net.act(bob, |agent, now| agent.ring(now, his)).unwrap();
    net.run_for(ms(100));
    net.act(bob, |agent, now| {
        agent.answer(now, his, media(5000, SEND_RECV))
    })
    .unwrap();
    net.run_for(ms(100));
    (net, (alice, hers), (bob, his))
}

#[test]
fn a_call_rings_is_answered_and_hung_up_on_either_transport() {
    for transport in [TransportKind::Udp, TransportKind::Tcp] {
        let (mut net, (alice, hers), (bob, his)) = connected(1, transport);
        let heard = net.take(alice);
        assert!(
            matches!(&heard[0], Event::Progress { status, answer: None, .. }
                if *status == StatusCode::RINGING),
            "{heard:?}"
        );
        let Event::Accepted {
            answer: Some(answer),
            offer: None,
            ..
        } = &heard[1]
        else {
            panic!("{heard:?}");
        };
        assert_eq!(port(answer), 5000);
        let his_events = net.take(bob);
        let Event::Incoming(call) = &his_events[0] else {
            panic!("{his_events:?}")
        };
        assert_eq!(port(call.offer.as_ref().unwrap()), 4000);
        assert_eq!(call.from.reveal().uri.to_string(), "sip:alice@192.0.2.1");
        assert!(matches!(
            his_events[1],
            Event::Confirmed { answer: None, .. }
        ));

        net.act(alice, |agent, now| agent.hang_up(now, hers, None))
            .unwrap();
        assert!(!net.agent(alice).is_settled(), "the BYE is on its way");
        net.run_for(ms(100));
        // Nobody who leaves now leaves anybody behind, whatever is kept for repeats.
        assert!(net.agent(alice).is_settled() && net.agent(bob).is_settled());
        assert_eq!(net.end_of(alice, hers).unwrap().kind, EndKind::LocalBye);
        assert_eq!(
            net.end_of(bob, his).unwrap().end_reason(),
            EndReason::RemoteHangUp
        );
        net.run_for(secs(40));
        for node in [alice, bob] {
            assert!(net.agent(node).is_idle());
            assert_eq!(net.agent(node).open_transactions(), (0, 0));
        }
    }
}

#[test]
fn the_callee_hangs_up_with_a_reason() {
    let (mut net, (alice, hers), (bob, his)) = connected(2, TransportKind::Udp);
    let reason = Reason::sip(200, "bye");
    net.act(bob, |agent, now| agent.hang_up(now, his, Some(&reason)))
        .unwrap();
    net.run_for(ms(100));
    let end = net.end_of(alice, hers).unwrap();
    assert_eq!(end.kind, EndKind::RemoteBye);
    assert_eq!(
        end.reason.as_ref().and_then(Reason::text).as_deref(),
        Some("bye")
    );
}

#[test]
fn busy_decline_and_not_acceptable_reach_the_caller_as_such() {
    let cases = [
        (486, EndReason::Busy),
        (603, EndReason::Declined),
        (488, EndReason::MediaIncompatible),
        (606, EndReason::MediaIncompatible),
        (422, EndReason::ServerError),
        (404, EndReason::NotFound),
    ];
    for (code, reason) in cases {
        let (mut net, alice, bob) = pair(3, TransportKind::Udp);
        let hers = dial(&mut net, alice);
        net.run_for(ms(100));
        let his = net.incoming(bob).unwrap();
        let status = StatusCode::new(code).unwrap();
        net.act(bob, |agent, now| agent.reject(now, his, status))
            .unwrap();
        assert!(!net.agent(bob).is_settled(), "she may still hear it ring");
        net.run_for(ms(100));
        assert!(net.agent(bob).is_settled());
        let end = net.end_of(alice, hers).unwrap();
        assert_eq!((end.kind, end.status), (EndKind::Rejected, Some(status)));
        assert_eq!(end.end_reason(), reason, "{code}");
        assert_eq!(net.end_of(bob, his).unwrap().kind, EndKind::LocalReject);
        net.run_for(secs(40));
        assert_eq!(net.agent(bob).open_transactions(), (0, 0), "the ACK came");
        assert_eq!(net.count(net.address(bob), &format!("SIP/2.0 {code}")), 1);
    }
}

#[test]
fn a_cancelled_call_is_missed_by_the_callee_with_its_reason() {
    let (mut net, alice, bob) = pair(4, TransportKind::Udp);
    let hers = dial(&mut net, alice);
    net.run_for(ms(100));
    let his = net.incoming(bob).unwrap();
    net.act(bob, |agent, now| agent.ring(now, his)).unwrap();
    net.run_for(ms(100));
    let elsewhere = Reason::sip(200, "Call completed elsewhere");
    net.act(alice, |agent, now| {
        agent.hang_up(now, hers, Some(&elsewhere))
    })
    .unwrap();
    assert!(!net.agent(alice).is_settled(), "he still hears it ring");
    net.run_for(ms(200));
    assert!(net.agent(alice).is_settled());
    assert_eq!(net.end_of(alice, hers).unwrap().kind, EndKind::LocalCancel);
    let end = net.end_of(bob, his).unwrap();
    assert_eq!(end.kind, EndKind::RemoteCancel);
    assert!(end.is_completed_elsewhere());
    assert_eq!(end.end_reason(), EndReason::AnsweredElsewhere);
    assert_eq!(net.count(net.address(bob), "SIP/2.0 487"), 1);
    net.run_for(secs(40));
    assert!(net.agent(alice).is_idle() && net.agent(bob).is_idle());
}

#[test]
fn a_cancel_waits_for_the_first_provisional_response() {
    let (mut net, alice, bob) = pair(5, TransportKind::Udp);
    let hers = dial(&mut net, alice);
    net.act(alice, |agent, now| agent.hang_up(now, hers, None))
        .unwrap();
    assert_eq!(net.count(net.address(alice), "CANCEL"), 0, "RFC 3261 §9.1");
    net.run_for(ms(200));
    assert_eq!(net.count(net.address(alice), "CANCEL"), 1);
    let his = net.incoming(bob).unwrap();
    assert_eq!(net.end_of(bob, his).unwrap().kind, EndKind::RemoteCancel);
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let (mut net, alice, bob) = pair(6, TransportKind::Udp);
    let hers = dial(&mut net, alice);
    net.run_for(ms(100));
    let his = net.incoming(bob).unwrap();
    net.act(bob, |agent, now| {
        agent.answer(now, his, media(5000, SEND_RECV))
    })
    .unwrap();
    net.act(alice, |agent, now| agent.hang_up(now, hers, None))
        .unwrap();
    net.run_for(ms(300));
    assert_eq!(net.end_of(alice, hers).unwrap().kind, EndKind::LocalCancel);
    assert_eq!(net.end_of(bob, his).unwrap().kind, EndKind::RemoteBye);
    assert_eq!(net.count(net.address(alice), "ACK"), 1);
    assert_eq!(net.count(net.address(alice), "BYE"), 1);
    net.run_for(secs(40));
    assert!(net.agent(alice).is_idle() && net.agent(bob).is_idle());
}

#[test]
fn both_hang_up_at_once() {
    let (mut net, (alice, hers), (bob, his)) = connected(7, TransportKind::Udp);
    net.act(alice, |agent, now| agent.hang_up(now, hers, None))
        .unwrap();
    net.act(bob, |agent, now| agent.hang_up(now, his, None))
        .unwrap();
    net.run_for(secs(40));
    assert_eq!(net.end_of(alice, hers).unwrap().kind, EndKind::LocalBye);
    assert_eq!(net.end_of(bob, his).unwrap().kind, EndKind::LocalBye);
    assert!(net.agent(alice).is_idle() && net.agent(bob).is_idle());
    assert_eq!(
        net.count(net.address(alice), "BYE"),
        1,
        "nothing was repeated"
    );
}

#[test]
fn a_callee_who_hangs_up_before_the_ack_sends_the_bye_after_it() {
    let (mut net, alice, bob) = pair(8, TransportKind::Udp);
    let hers = dial(&mut net, alice);
    net.run_for(ms(100));
    let his = net.incoming(bob).unwrap();
    net.act(bob, |agent, now| {
        agent.answer(now, his, media(5000, SEND_RECV))
    })
    .unwrap();
    net.act(bob, |agent, now| agent.hang_up(now, his, None))
        .unwrap();
    assert_eq!(net.count(net.address(bob), "BYE"), 0, "RFC 3261 §15");
    net.run_for(ms(200));
    assert_eq!(net.count(net.address(bob), "BYE"), 1);
    assert_eq!(net.end_of(alice, hers).unwrap().kind, EndKind::RemoteBye);
}

#[test]
fn a_200_without_ack_is_repeated_by_the_table_and_then_hung_up() {
    let (mut net, alice, bob) = pair(9, TransportKind::Udp);
    dial(&mut net, alice);
    net.run_for(ms(100));
    let his = net.incoming(bob).unwrap();
    let (alice_at, bob_at) = (net.address(alice), net.address(bob));
    net.kill(alice_at);
    net.act(bob, |agent, now| {
        agent.answer(now, his, media(5000, SEND_RECV))
    })
    .unwrap();
    let answered = net.now;
    net.run_for(secs(31));
    assert_eq!(net.end_of(bob, his), None);
    net.run_for(secs(2));
    assert_eq!(net.end_of(bob, his).unwrap().kind, EndKind::Timeout);
    let repeats: Vec<u128> = net
        .sent
        .iter()
        .filter(|(_, from, bytes)| *from == bob_at && bytes.starts_with(b"SIP/2.0 200"))
        .map(|(at, ..)| (*at - answered).as_millis())
        .collect();
    let table = [
        0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ];
    assert_eq!(repeats, table, "RFC 3261 §13.3.1.4");
    assert!(net.count(bob_at, "BYE") > 0);
    net.run_for(secs(40));
    assert!(net.agent(bob).is_idle());
}

#[test]
fn a_lost_ack_is_repeated_for_each_200() {
    let (mut net, (alice, _), (bob, his)) = connected(10, TransportKind::Udp);
    assert_eq!(net.count(net.address(alice), "ACK"), 1);
    // The same 200 again, as if the ACK had been lost.
    let (_, _, ok) = net
        .sent
        .iter()
        .find(|(_, from, bytes)| *from == net.address(bob) && bytes.starts_with(b"SIP/2.0 200"))
        .cloned()
        .unwrap();
    let from = net.address(bob);
    net.post(from, alice, ok);
    net.run_for(ms(100));
    assert_eq!(net.count(net.address(alice), "ACK"), 2);
    assert_eq!(net.end_of(bob, his), None);
}

#[test]
fn nobody_there_times_out_after_64_t1() {
    let (mut net, alice, bob) = pair(11, TransportKind::Udp);
    let bob_at = net.address(bob);
    net.kill(bob_at);
    let hers = dial(&mut net, alice);
    net.run_for(ms(31_990));
    assert_eq!(net.end_of(alice, hers), None);
    net.run_for(ms(20));
    let end = net.end_of(alice, hers).unwrap();
    assert_eq!(
        (end.kind, end.end_reason()),
        (EndKind::Timeout, EndReason::NetworkLost)
    );
    assert_eq!(
        net.count(net.address(alice), "INVITE"),
        7,
        "timer A: 0, 0.5, 1.5 … 31.5 s"
    );
    assert!(net.agent(alice).is_idle());
}

#[test]
fn a_refused_connection_ends_the_call_at_once() {
    let (mut net, alice, bob) = pair(12, TransportKind::Tcp);
    let bob_at = net.address(bob);
    net.kill(bob_at);
    let hers = dial(&mut net, alice);
    net.run_for(ms(100));
    assert_eq!(
        net.end_of(alice, hers).unwrap().kind,
        EndKind::TransportError
    );
    assert!(net.agent(alice).is_idle());
}

#[test]
fn a_call_nobody_answers_ends_on_both_sides_at_the_limit() {
    let (mut net, alice, bob) = pair(13, TransportKind::Udp);
    let hers = dial(&mut net, alice);
    net.run_for(ms(100));
    let his = net.incoming(bob).unwrap();
    net.act(bob, |agent, now| agent.ring(now, his)).unwrap();
    net.run_for(secs(179));
    assert_eq!(net.end_of(alice, hers), None);
    assert_eq!(
        net.count(net.address(bob), "SIP/2.0 180"),
        3,
        "once a minute, §13.3.1.1"
    );
    net.run_for(secs(2));
    assert_eq!(
        net.end_of(alice, hers).unwrap().end_reason(),
        EndReason::NoAnswer
    );
    assert!(net.end_of(bob, his).is_some());
    net.run_for(secs(40));
    assert!(net.agent(alice).is_idle() && net.agent(bob).is_idle());
}

#[test]
fn a_far_end_that_vanishes_is_found_out_by_a_probe() {
    let (mut net, (alice, hers), (bob, _)) = connected(14, TransportKind::Udp);
    net.act(alice, |agent, now| agent.probe(now, hers)).unwrap();
    net.run_for(ms(100));
    assert!(net.events(alice).contains(&Event::Alive { session: hers }));
    let bob_at = net.address(bob);
    net.kill(bob_at);
    net.act(alice, |agent, now| agent.probe(now, hers)).unwrap();
    net.run_for(secs(33));
    assert_eq!(net.end_of(alice, hers).unwrap().kind, EndKind::Timeout);
    net.run_for(secs(33));
    assert!(net.agent(alice).is_idle());
}

#[test]
fn keys_travel_by_info() {
    let (mut net, (alice, hers), (bob, his)) = connected(15, TransportKind::Udp);
    net.act(alice, |agent, now| agent.send_dtmf(now, hers, '#', ms(120)))
        .unwrap();
    net.run_for(ms(100));
    let key = Event::Dtmf {
        session: his,
        digit: '#',
        duration: ms(120),
    };
    assert!(net.events(bob).contains(&key));
}

#[test]
fn early_media_and_then_the_same_answer() {
    let (mut net, alice, bob) = pair(16, TransportKind::Udp);
    let hers = dial(&mut net, alice);
    net.run_for(ms(100));
    let his = net.incoming(bob).unwrap();
    net.act(bob, |agent, now| {
        agent.progress(now, his, Some(media(5002, SEND_RECV)))
    })
    .unwrap();
    net.run_for(ms(100));
    let heard = net.take(alice);
    let Event::Progress {
        status,
        answer: Some(early),
        fork: Some(fork),
        ..
    } = &heard[0]
    else {
        panic!("{heard:?}");
    };
    assert_eq!((status.code(), port(early)), (183, 5002));
    net.act(bob, |agent, now| {
        agent.answer(now, his, media(5999, SEND_RECV))
    })
    .unwrap();
    net.run_for(ms(100));
    let heard = net.take(alice);
    let Event::Accepted {
        session,
        fork: won,
        answer: Some(answer),
        ..
    } = &heard[0]
    else {
        panic!("{heard:?}");
    };
    assert_eq!((session, won, port(answer)), (&hers, fork, 5002));
}

#[test]
fn an_invite_without_offer_gets_one_in_the_200_and_answers_it_in_the_ack() {
    let (mut net, alice, bob) = pair(17, TransportKind::Udp);
    let hers = net
        .act(alice, |agent, now| agent.invite(now, &bob_uri(), None))
        .unwrap();
    net.run_for(ms(100));
    let his = net.incoming(bob).unwrap();
    net.act(bob, |agent, now| {
        agent.answer(now, his, media(5000, SEND_RECV))
    })
    .unwrap();
    net.run_for(ms(600));
    let heard = net.take(alice);
    let offer = heard.iter().find_map(|event| match event {
        Event::Accepted {
            offer: Some(offer),
            answer: None,
            ..
        } => Some(offer),
        _ => None,
    });
    assert_eq!(offer.map(port), Some(5000));
    assert_eq!(
        net.count(net.address(alice), "ACK"),
        0,
        "the app has not answered yet"
    );
    net.act(alice, |agent, now| {
        agent.answer(now, hers, media(4000, SEND_RECV))
    })
    .unwrap();
    net.run_for(ms(100));
    let confirmed = net.events(bob).iter().find_map(|event| match event {
        Event::Confirmed {
            answer: Some(answer),
            ..
        } => Some(port(answer)),
        _ => None,
    });
    assert_eq!(confirmed, Some(4000));
}

#[test]
fn an_answer_the_app_never_gives_ends_the_call_on_both_sides() {
    let (mut net, alice, bob) = pair(18, TransportKind::Udp);
    let hers = net
        .act(alice, |agent, now| agent.invite(now, &bob_uri(), None))
        .unwrap();
    net.run_for(ms(100));
    let his = net.incoming(bob).unwrap();
    net.act(bob, |agent, now| {
        agent.answer(now, his, media(5000, SEND_RECV))
    })
    .unwrap();
    net.run_for(secs(70));
    assert!(net.end_of(alice, hers).is_some() && net.end_of(bob, his).is_some());
    assert!(net.agent(alice).is_idle() && net.agent(bob).is_idle());
}

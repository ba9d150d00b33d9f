//! Changing a call that is up: hold, glare, offers on request, refreshes.

use tandem_sip::agent::{AgentError, EndKind, Event, SessionId, TransportKind};
use tandem_sip::message::StatusCode;
use tandem_types::{Direction, MediaDescription};

use crate::calls::connected;
use crate::net::{Net, Node, media, ms, port, secs};
use crate::scripted::{called, reply, requests, send, with_sdp};

fn talk(seed: u64) -> (Net, (Node, SessionId), (Node, SessionId)) {
    let (mut net, alice, bob) = connected(seed, TransportKind::Udp);
    net.take(alice.0);
    net.take(bob.0);
    (net, alice, bob)
}

fn updates(net: &Net, node: Node) -> Vec<Option<MediaDescription>> {
    let events = net.events(node).iter();
    events
        .filter_map(|event| match event {
            Event::Updated { offer, .. } => Some(offer.clone()),
            _ => None,
        })
        .collect()
}

fn accepted(net: &Net, node: Node) -> Vec<Option<MediaDescription>> {
    let events = net.events(node).iter();
    events
        .filter_map(|event| match event {
            Event::UpdateAccepted { answer, .. } => Some(answer.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn hold_and_resume() {
    let (mut net, (alice, hers), (bob, his)) = talk(20);
    for (hers_says, his_answer) in [
        (Direction::SendOnly, Direction::RecvOnly),
        (Direction::SendRecv, Direction::SendRecv),
    ] {
        net.act(alice, |a, now| {
            a.reinvite(now, hers, Some(media(4000, hers_says)))
        })
        .unwrap();
        net.run_for(ms(100));
        let offer = updates(&net, bob).pop().unwrap().unwrap();
        assert_eq!(offer.streams[0].direction, hers_says);
        let answer = Ok(media(5000, Direction::SendRecv));
        net.act(bob, |agent, now| agent.answer_update(now, his, answer))
            .unwrap();
        net.run_for(ms(100));
        let answer = accepted(&net, alice).pop().unwrap().unwrap();
        assert_eq!(answer.streams[0].direction, his_answer);
        assert_eq!(accepted(&net, bob).pop(), Some(None), "told on the ACK");
        net.take(alice);
        net.take(bob);
    }
    assert_eq!(net.end_of(alice, hers), None);
}

#[test]
fn a_refused_change_leaves_the_call_as_it_was() {
    let (mut net, (alice, hers), (bob, his)) = talk(21);
    let offer = media(4000, Direction::SendRecv);
    let held = media(4000, Direction::Inactive);
    net.act(alice, |agent, now| agent.reinvite(now, hers, Some(held)))
        .unwrap();
    net.run_for(ms(100));
    let no = Err(StatusCode::NOT_ACCEPTABLE_HERE);
    net.act(bob, |agent, now| agent.answer_update(now, his, no))
        .unwrap();
    net.run_for(ms(100));
    let status = StatusCode::NOT_ACCEPTABLE_HERE;
    assert!(net.events(alice).contains(&Event::UpdateRejected {
        session: hers,
        status
    }));
    net.act(alice, |agent, now| agent.reinvite(now, hers, Some(offer)))
        .unwrap();
    assert_eq!(net.end_of(bob, his), None);
}

#[test]
fn changes_that_meet_are_both_refused_and_both_made_in_turn() {
    for seed in 0..40 {
        let (mut net, (alice, hers), (bob, his)) = talk(1000 + seed);
        let (a, b) = (
            media(4100, Direction::SendRecv),
            media(5100, Direction::SendRecv),
        );
        net.act(alice, |agent, now| agent.reinvite(now, hers, Some(a)))
            .unwrap();
        net.act(bob, |agent, now| agent.reinvite(now, his, Some(b)))
            .unwrap();
        let started = net.now;
        let mut second = None;
        while net.now < started + secs(12) {
            net.run_for(ms(10));
            for (node, session, to) in [(alice, hers, 4100), (bob, his, 5100)] {
                if !updates(&net, node).is_empty() {
                    net.take(node);
                    let answer = Ok(media(to, Direction::SendRecv));
                    net.act(node, |agent, now| agent.answer_update(now, session, answer))
                        .unwrap();
                    second.get_or_insert((node, net.now - started));
                }
            }
        }
        let refused = |event: &Event| matches!(event, Event::UpdateRejected { .. });
        assert!(
            !net.events(alice).iter().chain(net.events(bob)).any(refused),
            "seed {seed}"
        );
        // Bob, who does not own the Call-ID, waits 0–2 s, so that his change reaches Alice first.
        let (first, after) = second.unwrap();
        assert_eq!(first, alice, "seed {seed}");
        assert!(after <= ms(2_200), "{after:?}");
        let sent = |node| net.count(net.address(node), "INVITE");
        assert!(sent(alice) >= 3 && sent(bob) >= 2, "seed {seed}");
        assert_eq!(net.count(net.address(alice), "SIP/2.0 491"), 1);
        assert_eq!(net.count(net.address(bob), "SIP/2.0 491"), 1);
    }
}

#[test]
fn a_change_before_the_ack_waits_for_it() {
    let (mut net, (alice, hers), (bob, his)) = talk(22);
    net.act(alice, |a, now| {
        a.reinvite(now, hers, Some(media(4200, Direction::SendRecv)))
    })
    .unwrap();
    net.run_for(ms(100));
    let answer = Ok(media(5000, Direction::SendRecv));
    net.act(bob, |agent, now| agent.answer_update(now, his, answer))
        .unwrap();
    net.act(bob, |b, now| {
        b.reinvite(now, his, Some(media(5200, Direction::SendRecv)))
    })
    .unwrap();
    assert_eq!(net.count(net.address(bob), "INVITE"), 0);
    let busy = net.act(bob, |b, now| {
        b.reinvite(now, his, Some(media(5300, Direction::SendRecv)))
    });
    assert_eq!(busy, Err(AgentError::ChangePending));
    net.run_for(ms(100));
    assert_eq!(net.count(net.address(bob), "INVITE"), 1);
    assert_eq!(updates(&net, alice)[0].as_ref().map(port), Some(5200));
}

#[test]
fn a_reinvite_without_offer_is_answered_with_one() {
    let (mut net, (alice, hers), (bob, his)) = talk(23);
    net.act(alice, |agent, now| agent.reinvite(now, hers, None))
        .unwrap();
    net.run_for(ms(100));
    assert_eq!(updates(&net, bob), [None]);
    let offer = Ok(media(5400, Direction::SendRecv));
    net.act(bob, |agent, now| agent.answer_update(now, his, offer))
        .unwrap();
    net.run_for(ms(100));
    let offered = net.events(alice).iter().find_map(|event| match event {
        Event::UpdateAccepted {
            offer: Some(offer),
            answer: None,
            ..
        } => Some(port(offer)),
        _ => None,
    });
    assert_eq!(offered, Some(5400));
    let answer = Ok(media(4400, Direction::SendRecv));
    net.act(alice, |agent, now| agent.answer_update(now, hers, answer))
        .unwrap();
    net.run_for(ms(100));
    assert_eq!(
        accepted(&net, bob).pop().flatten().as_ref().map(port),
        Some(4400)
    );
    net.run_for(secs(60));
    assert_eq!(
        (net.end_of(alice, hers), net.end_of(bob, his)),
        (None, None)
    );
}

#[test]
fn a_refresh_with_the_same_description_is_answered_without_the_app() {
    let (mut net, (alice, hers), (bob, _)) = talk(24);
    net.act(alice, |a, now| {
        a.reinvite(now, hers, Some(media(4000, Direction::SendRecv)))
    })
    .unwrap();
    net.run_for(ms(100));
    assert_eq!(updates(&net, bob), []);
    assert_eq!(
        accepted(&net, alice).pop().flatten().as_ref().map(port),
        Some(5000)
    );
    assert_eq!(net.events(bob), []);
}

#[test]
fn a_change_nobody_answers_ends_the_call() {
    let (mut net, (alice, hers), (bob, _)) = talk(25);
    let bob_at = net.address(bob);
    net.kill(bob_at);
    net.act(alice, |a, now| {
        a.reinvite(now, hers, Some(media(4500, Direction::SendRecv)))
    })
    .unwrap();
    net.run_for(secs(33));
    assert_eq!(net.end_of(alice, hers).unwrap().kind, EndKind::Timeout);
    net.run_for(secs(40));
    assert!(net.agent(alice).is_idle());
}

#[test]
fn a_change_the_app_ignores_is_refused_and_the_call_goes_on() {
    let (mut net, (alice, hers), (bob, his)) = talk(26);
    net.act(alice, |a, now| {
        a.reinvite(now, hers, Some(media(4600, Direction::SendRecv)))
    })
    .unwrap();
    net.run_for(secs(25));
    let status = StatusCode::SERVER_INTERNAL_ERROR;
    assert!(net.events(alice).contains(&Event::UpdateRejected {
        session: hers,
        status
    }));
    let late = Ok(media(5600, Direction::SendRecv));
    let late = net.act(bob, |agent, now| agent.answer_update(now, his, late));
    assert_eq!(late, Err(AgentError::WrongState));
    assert_eq!(
        (net.end_of(alice, hers), net.end_of(bob, his)),
        (None, None)
    );
}

#[test]
fn a_hang_up_in_the_middle_of_a_change_ends_both() {
    for who_hangs_up in [0, 1] {
        let (mut net, (alice, hers), (bob, his)) = talk(27);
        let offer = media(4700, Direction::SendRecv);
        net.act(alice, |agent, now| agent.reinvite(now, hers, Some(offer)))
            .unwrap();
        net.run_for(ms(100));
        let (node, session) = [(alice, hers), (bob, his)][who_hangs_up];
        net.act(node, |agent, now| agent.hang_up(now, session, None))
            .unwrap();
        net.run_for(secs(70));
        assert!(net.end_of(alice, hers).is_some() && net.end_of(bob, his).is_some());
        assert!(net.agent(alice).is_idle() && net.agent(bob).is_idle());
    }
}

/// Whether the far end is still there is asked by what it takes: some leave every OPTIONS in a call unanswered.
#[test]
fn a_probe_is_an_update_where_the_far_end_takes_one() {
    for (allow, asked) in [
        (Some("INVITE, ACK, BYE, CANCEL, UPDATE"), "UPDATE"),
        (Some("INVITE, ACK, BYE, CANCEL"), "OPTIONS"),
        (None, "OPTIONS"),
    ] {
        let (mut net, alice, call, invite) = called();
        let mut accept = with_sdp(reply(&invite, 200, "carol"), 7000);
        if let Some(allow) = allow {
            accept = accept.with_header("Allow", allow);
        }
        send(&mut net, alice, &accept);
        net.act(alice, |agent, now| agent.probe(now, call)).unwrap();
        net.run_for(ms(50));
        let probe = requests(&net, asked).pop().expect(asked);
        assert!(probe.body.is_empty(), "nothing changes");
        send(&mut net, alice, &reply(&probe, 200, "carol"));
        assert!(net.events(alice).contains(&Event::Alive { session: call }));
    }
}

//! Bad wires, races, garbage and floods: nothing panics, nothing grows without bound, every session ends.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tandem_sip::agent::{EndKind, Event, SessionId, TransportKind};
use tandem_sip::message::StatusCode;
use tandem_types::{Direction, Entropy, SeededEntropy};

use crate::net::{Net, Node, Wire, media, ms, secs};

const SEND_RECV: Direction = Direction::SendRecv;

fn pair(seed: u64, transport: TransportKind, wire: Wire) -> (Net, Node, Node) {
    let mut net = Net::new(seed);
    net.wire = wire;
    let alice = net.phone("alice", 1, transport);
    let bob = net.phone("bob", 2, transport);
    (net, alice, bob)
}

fn dial(net: &mut Net, alice: Node) -> SessionId {
    let uri = "sip:bob@192.0.2.2".parse().unwrap();
    let offer = Some(media(4000, SEND_RECV));
    net.act(alice, |agent, now| agent.invite(now, &uri, offer))
        .unwrap()
}

/// Runs until `done`, looking every 10 ms.
fn until(net: &mut Net, limit: Duration, done: impl Fn(&Net) -> bool) -> bool {
    let end = net.now + limit;
    while !done(net) {
        if net.now >= end {
            return false;
        }
        net.run_for(ms(10));
    }
    true
}

fn has(net: &Net, node: Node, wanted: impl Fn(&Event) -> bool) -> bool {
    net.events(node).iter().any(wanted)
}

/// Every session either agent ever spoke of, and how often it ended.
fn ends(net: &Net, node: Node, started: &[SessionId]) -> BTreeMap<SessionId, usize> {
    let mut ends: BTreeMap<SessionId, usize> = started.iter().map(|id| (*id, 0)).collect();
    for event in net.events(node) {
        match event {
            Event::Incoming(call) => drop(ends.insert(call.session, 0)),
            Event::Ended { session, .. } => *ends.get_mut(session).unwrap() += 1,
            _ => {}
        }
    }
    ends
}

#[test]
fn at_thirty_percent_loss_a_call_comes_about_changes_and_ends() {
    let wire = Wire {
        latency: ms(50),
        jitter: ms(60),
        loss_percent: 30,
        duplicate_percent: 10,
    };
    for seed in 0..200 {
        let (mut net, alice, bob) = pair(seed, TransportKind::Udp, wire);
        let hers = dial(&mut net, alice);
        assert!(
            until(&mut net, secs(40), |net| net.incoming(bob).is_some()),
            "seed {seed}"
        );
        let his = net.incoming(bob).unwrap();
        net.act(bob, |agent, now| agent.ring(now, his)).unwrap();
        net.run_for(ms(700));
        net.act(bob, |agent, now| {
            agent.answer(now, his, media(5000, SEND_RECV))
        })
        .unwrap();
        let up = |event: &Event| matches!(event, Event::Confirmed { .. });
        assert!(
            until(&mut net, secs(32), |net| has(net, bob, up)),
            "seed {seed}"
        );
        let accepted = |event: &Event| matches!(event, Event::Accepted { .. });
        assert!(has(&net, alice, accepted), "seed {seed}");

        let hold = Some(media(4000, Direction::SendOnly));
        net.act(alice, |agent, now| agent.reinvite(now, hers, hold))
            .unwrap();
        let asked = |event: &Event| matches!(event, Event::Updated { .. });
        assert!(
            until(&mut net, secs(32), |net| has(net, bob, asked)),
            "seed {seed}"
        );
        let answer = Ok(media(5000, SEND_RECV));
        net.act(bob, |agent, now| agent.answer_update(now, his, answer))
            .unwrap();
        let held = |event: &Event| matches!(event, Event::UpdateAccepted { .. });
        let both = |net: &Net| has(net, alice, held) && has(net, bob, held);
        assert!(until(&mut net, secs(32), both), "seed {seed}");

        net.act(bob, |agent, now| agent.hang_up(now, his, None))
            .unwrap();
        assert!(
            until(&mut net, secs(32), |net| net.end_of(alice, hers).is_some()),
            "seed {seed}"
        );
        assert_eq!(
            net.end_of(alice, hers).unwrap().kind,
            EndKind::RemoteBye,
            "seed {seed}"
        );
        net.run_for(secs(70));
        for node in [alice, bob] {
            assert!(net.agent(node).is_idle(), "seed {seed}");
            assert_eq!(net.agent(node).open_transactions(), (0, 0), "seed {seed}");
        }
    }
}

#[test]
fn whoever_wins_the_race_of_answer_and_cancel_both_sides_end() {
    for seed in 0..300 {
        let wire = Wire {
            latency: ms(30),
            jitter: ms(30),
            ..Wire::default()
        };
        let transport = if seed % 4 == 0 {
            TransportKind::Tcp
        } else {
            TransportKind::Udp
        };
        let (mut net, alice, bob) = pair(seed, transport, wire);
        let hers = dial(&mut net, alice);
        assert!(
            until(&mut net, secs(2), |net| net.incoming(bob).is_some()),
            "seed {seed}"
        );
        let his = net.incoming(bob).unwrap();
        let mut dice = SeededEntropy::new(seed);
        let (first, second) = (dice.below(90), dice.below(90));
        let mut moves = [(first, true), (second, false)];
        moves.sort_unstable();
        let mut gone = 0;
        for (at, answers) in moves {
            net.run_for(ms(at - gone));
            gone = at;
            // Either may find the session over already: that is the race.
            let _ = if answers {
                net.act(bob, |agent, now| {
                    agent.answer(now, his, media(5000, SEND_RECV))
                })
            } else {
                net.act(alice, |agent, now| agent.hang_up(now, hers, None))
            };
        }
        net.run_for(secs(120));
        let (hers, his) = (
            net.end_of(alice, hers).unwrap(),
            net.end_of(bob, his).unwrap(),
        );
        let fits = match his.kind {
            EndKind::RemoteCancel => hers.kind == EndKind::LocalCancel,
            EndKind::RemoteBye => matches!(hers.kind, EndKind::LocalCancel | EndKind::LocalBye),
            _ => false,
        };
        assert!(fits, "seed {seed}: {hers:?} {his:?}");
        assert!(
            net.agent(alice).is_idle() && net.agent(bob).is_idle(),
            "seed {seed}"
        );
    }
}

/// One thing an app might do at any time, sensible or not.
fn do_something(net: &mut Net, node: Node, dice: &mut SeededEntropy, started: &mut Vec<SessionId>) {
    let sessions: Vec<SessionId> = net.agent(node).sessions().collect();
    let pick = usize::try_from(dice.below(sessions.len().max(1) as u64)).unwrap();
    let Some(session) = sessions.get(pick).copied() else {
        let other = if node == Node::first() { 2 } else { 1 };
        let uri = format!("sip:x@192.0.2.{other}").parse().unwrap();
        let offer = (dice.below(3) > 0).then(|| media(4000, SEND_RECV));
        started.extend(
            net.act(node, |agent, now| agent.invite(now, &uri, offer))
                .ok(),
        );
        return;
    };
    let said = media(5000 + 2 * u16::try_from(dice.below(50)).unwrap(), SEND_RECV);
    let offer = (dice.below(4) > 0).then(|| said.clone());
    let roll = dice.below(100);
    // What does not fit the session's state is refused; that it is, is not the point here.
    let _ = net.act(node, |agent, now| match roll {
        0..15 => agent.ring(now, session),
        15..22 => agent.progress(now, session, offer),
        22..50 => agent.answer(now, session, said),
        50..55 => agent.reject(now, session, StatusCode::BUSY_HERE),
        55..62 => agent.hang_up(now, session, None),
        62..75 => agent.reinvite(now, session, offer),
        75..90 => agent.answer_update(now, session, Ok(said)),
        90..92 => agent.answer_update(now, session, Err(StatusCode::NOT_ACCEPTABLE_HERE)),
        92..96 => agent.probe(now, session),
        _ => agent.send_dtmf(now, session, '1', ms(100)),
    });
}

#[test]
fn whatever_two_apps_do_on_whatever_wire_every_session_ends_once() {
    for seed in 0..150 {
        let mut dice = SeededEntropy::new(seed);
        let wire = Wire {
            latency: ms(1 + dice.below(200)),
            jitter: ms(dice.below(200)),
            loss_percent: dice.below(40),
            duplicate_percent: dice.below(20),
        };
        let transport = if dice.below(3) == 0 {
            TransportKind::Tcp
        } else {
            TransportKind::Udp
        };
        let (mut net, alice, bob) = pair(seed, transport, wire);
        let mut started = [Vec::new(), Vec::new()];
        for _ in 0..60 {
            let who = usize::try_from(dice.below(2)).unwrap();
            let node = [alice, bob][who];
            do_something(&mut net, node, &mut dice, &mut started[who]);
            net.run_for(ms(dice.below(1500)));
        }
        if dice.below(4) == 0 {
            let gone = net.address(bob);
            net.kill(gone);
        }
        for node in [alice, bob] {
            let left: Vec<SessionId> = net.agent(node).sessions().collect();
            for session in left {
                net.act(node, |agent, now| agent.hang_up(now, session, None))
                    .unwrap();
            }
        }
        // Longer than any timer: an answer owed, a ring limit, a transaction.
        net.run_for(secs(600));
        for (node, started) in [(alice, &started[0]), (bob, &started[1])] {
            let ends = ends(&net, node, started);
            assert!(
                ends.values().all(|times| *times == 1),
                "seed {seed}: {ends:?}"
            );
            assert!(net.agent(node).is_idle(), "seed {seed}");
            assert_eq!(net.agent(node).open_transactions(), (0, 0), "seed {seed}");
            assert_eq!(
                net.agent(node).poll_timeout(),
                None,
                "seed {seed}: a timer is left"
            );
        }
    }
}

#[test]
fn an_agent_in_a_call_survives_garbage_and_its_own_messages_bent() {
    let (mut net, (alice, hers), (bob, his)) = crate::calls::connected(40, TransportKind::Udp);
    net.act(alice, |a, now| {
        a.reinvite(now, hers, Some(media(4002, SEND_RECV)))
    })
    .unwrap();
    net.run_for(ms(100));
    let seen: Vec<Vec<u8>> = net.sent.iter().map(|(.., bytes)| bytes.clone()).collect();
    let strangers = SocketAddr::from(([203, 0, 113, 5], 9999));
    let mut dice = SeededEntropy::new(41);
    for round in 0..6000_u64 {
        let mut bytes = if round % 5 == 0 {
            let mut random = vec![0; usize::try_from(dice.below(400)).unwrap()];
            dice.fill(&mut random);
            random
        } else {
            let pick = usize::try_from(dice.below(seen.len() as u64)).unwrap();
            seen[pick].clone()
        };
        for _ in 0..dice.below(6) {
            if bytes.is_empty() {
                break;
            }
            let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
            match dice.below(4) {
                0 => bytes[at] = dice.next_u64().to_le_bytes()[0],
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, b';'),
                _ => bytes.truncate(at),
            }
        }
        let to = if dice.below(2) == 0 { alice } else { bob };
        net.post(strangers, to, bytes);
        net.run_for(ms(dice.below(20)));
        let (clients, servers) = net.agent(to).open_transactions();
        assert!(clients <= 256 && servers <= 512);
        assert!(net.agent(to).sessions().count() <= 16);
    }
    for node in [alice, bob] {
        let left: Vec<SessionId> = net.agent(node).sessions().collect();
        for session in left {
            net.act(node, |agent, now| agent.hang_up(now, session, None))
                .unwrap();
        }
    }
    net.run_for(secs(600));
    for (node, first) in [(alice, hers), (bob, his)] {
        let mut ends = ends(&net, node, &[first]);
        assert_eq!(ends.remove(&first), Some(1));
        assert!(ends.values().all(|times| *times == 1), "{ends:?}");
        assert!(net.agent(node).is_idle());
    }
}

#[test]
fn a_flood_of_calls_stays_within_its_bounds() {
    let mut net = Net::new(42);
    let alice = net.phone("alice", 1, TransportKind::Udp);
    let flood = |n: u32| {
        format!(
            "INVITE sip:alice@192.0.2.1 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bK{n}\r\n\
             From: <sip:x@203.0.113.5>;tag={n}\r\nTo: <sip:alice@192.0.2.1>\r\n\
             Call-ID: {n}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
             Contact: <sip:x@203.0.113.5>\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let strangers = SocketAddr::from(([203, 0, 113, 5], 5060));
    for n in 0..3000 {
        net.post(strangers, alice, flood(n));
    }
    net.run_for(ms(100));
    let rung = |event: &Event| matches!(event, Event::Incoming(_));
    assert_eq!(
        net.events(alice).iter().filter(|event| rung(event)).count(),
        16
    );
    assert_eq!(net.agent(alice).open_transactions(), (0, 16));
    assert!(net.response(486).is_some());
    net.run_for(secs(400));
    assert!(net.agent(alice).is_idle(), "it rang, and stopped");
    assert_eq!(net.agent(alice).open_transactions(), (0, 0));
}

#[test]
fn a_storm_of_repeats_rings_once_and_makes_no_more_messages_than_came() {
    let (mut net, alice, bob) = pair(43, TransportKind::Udp, Wire::default());
    dial(&mut net, alice);
    let invite = net.sent[0].2.clone();
    let from = net.address(alice);
    for _ in 0..1000 {
        net.post(from, bob, invite.clone());
    }
    net.run_for(ms(300));
    assert_eq!(net.events(bob).len(), 1);
    let answers = net.count(net.address(bob), "SIP/2.0");
    assert!(answers <= 1001, "{answers}");
}

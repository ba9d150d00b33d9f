//! Packets through a relay: permissions first, then channels.

use super::super::*;
use super::server::Ways;
use super::world::*;
use std::net::{IpAddr, SocketAddr};

fn ready(ways: Ways) -> World {
    let mut world = World::with_turn(ways);
    world.run(ms(500));
    world
}

#[test]
fn the_first_packets_wait_for_the_permission_and_all_arrive_both_ways() {
    let mut world = ready(Ways::default());
    for n in 0..3_u8 {
        world.send(PEER, &[n; 3]).expect("sent");
    }
    world.run(ms(500));
    let relayed = world.relayed();
    let heard: Vec<Vec<u8>> = world
        .heard
        .iter()
        .map(|(_, _, bytes)| bytes.clone())
        .collect();
    assert_eq!(heard, [[0; 3], [1; 3], [2; 3]]);
    assert!(
        world
            .heard
            .iter()
            .all(|(to, from, _)| (*to, *from) == (at(PEER), relayed))
    );
    let back = |n: u8| Relayed {
        local: relayed,
        peer: at(PEER),
        bytes: vec![n; 3],
    };
    assert_eq!(world.returned, [back(0), back(1), back(2)]);
    assert_eq!(world.server().count("permit 1"), 1);
}

#[test]
fn a_peer_that_answers_gets_a_channel() {
    let mut world = ready(Ways::default());
    for size in 1..=9 {
        world.send(PEER, &vec![7; size]).expect("sent");
        world.run(ms(200));
    }
    assert_eq!(world.server().count("send to"), 1);
    assert_eq!(world.server().count("channel to"), 8);
    let sizes: Vec<usize> = world.returned.iter().map(|r| r.bytes.len()).collect();
    assert_eq!(sizes, (1..=9).collect::<Vec<_>>());
}

#[test]
fn a_peer_that_never_answers_gets_one_after_a_while() {
    let mut world = ready(Ways::default());
    world.echo = false;
    for _ in 0..30 {
        world.send(PEER, b"hello?").expect("sent");
        world.run(ms(200));
    }
    assert_eq!(
        (
            world.server().count("send to"),
            world.server().count("bind")
        ),
        (16, 1)
    );
    assert_eq!(world.server().count("channel to"), 14);
}

#[test]
fn permissions_can_be_asked_for_early_and_together() {
    let mut world = ready(Ways::default());
    let relayed = world.relayed();
    let peers: Vec<IpAddr> = (1..=20).map(|n| IpAddr::from([198, 51, 100, n])).collect();
    // IPv6 peers are not this relay's.
    let peers = [peers, vec!["2001:db8::9".parse().expect("an IP")]].concat();
    world.tell(|gatherer, now| gatherer.permit(now, relayed, &peers));
    world.run(ms(200));
    assert_eq!(
        (
            world.server().count("permit 16"),
            world.server().count("permit 4")
        ),
        (1, 1)
    );
    world.tell(|gatherer, now| gatherer.permit(now, relayed, &peers));
    world.send(PEER, b"at once").expect("sent");
    world.run(ms(40));
    assert_eq!(world.heard.len(), 1);
    assert_eq!(world.server().count("permit"), 2);
}

#[test]
fn one_forbidden_peer_does_not_spoil_the_others() {
    let forbidden = [IpAddr::from([198, 51, 100, 2])].into();
    let mut world = ready(Ways {
        forbidden,
        ..Ways::default()
    });
    let relayed = world.relayed();
    let peers: Vec<IpAddr> = (1..=4).map(|n| IpAddr::from([198, 51, 100, n])).collect();
    world.tell(|gatherer, now| gatherer.permit(now, relayed, &peers));
    world.run(ms(500));
    assert_eq!(
        world.story().last().expect("news"),
        "Refused 198.51.100.2 Forbidden"
    );
    assert_eq!(
        world
            .server()
            .allocations
            .values()
            .next()
            .expect("one")
            .permissions
            .len(),
        3
    );
    assert_eq!(
        world.send("198.51.100.2:7000", b"x"),
        Err(RelayError::Refused)
    );
    assert_eq!(world.send("198.51.100.1:7000", b"x"), Ok(()));
}

#[test]
fn strangers_stay_outside_even_if_the_server_lets_them_in() {
    let mut world = ready(Ways::default());
    world.send(PEER, b"hello").expect("sent");
    world.run(ms(500));
    let relayed = world.relayed();
    // The server has no permission for it.
    world.peer_sends("198.51.100.66:7000", relayed, b"spam");
    world.run(ms(500));
    assert_eq!(world.server().count("drop from"), 1);
    // It has, but we have not.
    let until = world.now + ms(60_000);
    let allocation = world.server().allocations.values_mut().next().expect("one");
    allocation
        .permissions
        .insert(IpAddr::from([198, 51, 100, 66]), until);
    allocation
        .channels
        .insert(0x4abc, (at("198.51.100.66:7001"), until));
    world.peer_sends("198.51.100.66:7000", relayed, b"spam");
    world.peer_sends("198.51.100.66:7001", relayed, b"spam");
    world.run(ms(500));
    assert_eq!(world.returned.len(), 1);
    // Another port of a peer that may is fine (RFC 8656 §9).
    world.peer_sends("198.51.100.9:7002", relayed, b"from a new port");
    world.run(ms(500));
    assert_eq!(world.returned[1].peer, at("198.51.100.9:7002"));
}

#[test]
fn the_family_of_relay_and_peer_must_fit() {
    let config = GatherConfig {
        servers: vec![turn(TURN)],
        ..GatherConfig::default()
    };
    let mut world = World::new(1, config, vec![(TURN, Ways::default())]);
    world.add_socket(SOCKET);
    world.run(ms(1000));
    let relayed: Vec<SocketAddr> = world.gatherer.candidates()[2..]
        .iter()
        .map(|c| c.address)
        .collect();
    let [v4, v6] = [relayed[0], relayed[1]];
    let peer6 = at("[2001:db8::9]:7000");
    let now = world.now;
    assert_eq!(
        world.gatherer.send_via(now, v4, peer6, b"x"),
        Err(RelayError::Family)
    );
    assert_eq!(
        world.gatherer.send_via(now, v6, at(PEER), b"x"),
        Err(RelayError::Family)
    );
    world.tell(|gatherer, now| gatherer.send_via(now, v6, peer6, b"six").expect("sent"));
    world.run(ms(500));
    let back = Relayed {
        local: v6,
        peer: peer6,
        bytes: b"six".to_vec(),
    };
    assert_eq!(world.returned, [back]);
}

#[test]
fn nothing_grows_without_end() {
    let mut world = ready(Ways {
        forbidden: [IpAddr::from([198, 51, 100, 9])].into(),
        ..Ways::default()
    });
    assert_eq!(
        world.send(PEER, &[0; MAX_PAYLOAD + 1]),
        Err(RelayError::TooLarge)
    );
    let mut refused = 0;
    for n in 0..200_u8 {
        refused += usize::from(
            world.send(&format!("198.51.101.{n}:7000"), b"x") == Err(RelayError::TooManyPeers),
        );
    }
    assert_eq!(refused, 200 - 64);
    world.run(ms(500));
    // A peer waits with eight datagrams, the newest.
    let mut world = ready(Ways::default());
    for n in 0..20_u8 {
        world.send(PEER, &[n]).expect("sent");
    }
    world.run(ms(500));
    let heard: Vec<u8> = world.heard.iter().map(|(_, _, bytes)| bytes[0]).collect();
    assert_eq!(heard, (12..20).collect::<Vec<u8>>());
    // And a caller that fetches nothing.
    let relayed = world.relayed();
    for _ in 0..5000 {
        let _ = world
            .gatherer
            .send_via(world.now, relayed, at(PEER), b"sound");
    }
    let mut outputs = 0;
    while world.gatherer.poll_output().is_some() {
        outputs += 1;
    }
    assert_eq!(outputs, 1024);
}

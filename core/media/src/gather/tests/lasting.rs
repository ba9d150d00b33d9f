//! A relay over hours: renewed in time, given back, lost and found again.

use super::super::*;
use super::server::Ways;
use super::world::*;
use rtc_stun::message::{METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_REFRESH};
use std::net::IpAddr;

/// A relay with one peer that answers.
fn talking(ways: Ways) -> World {
    let mut world = World::with_turn(ways);
    world.run(ms(500));
    world.send(PEER, b"hello").expect("sent");
    world.run(ms(500));
    assert_eq!(world.returned.len(), 1);
    world
}

#[test]
fn everything_is_renewed_before_its_end() {
    let mut world = talking(Ways::default());
    // A packet every second for three hours; nothing is ever dropped.
    for _ in 0..3 * 3600 {
        world.send(PEER, b"sound").expect("sent");
        world.run(ms(1000));
    }
    assert_eq!(world.returned.len(), 1 + 3 * 3600);
    let server = world.server();
    assert_eq!(
        (
            server.count("drop"),
            server.count("allocate"),
            server.count("send to")
        ),
        (0, 1, 1)
    );
    // 540 s, 240 s and 480 s; a channel's renewal renews the permission as well.
    assert_eq!(server.count("refresh 600"), 20);
    assert_eq!(server.count("bind 0x4000"), 1 + 22);
    let permits = server.count("permit 1");
    assert!((23..=46).contains(&permits), "{permits}");
}

#[test]
fn loss_takes_nothing_away_over_hours() {
    for seed in 0..20 {
        let config = GatherConfig {
            servers: vec![turn(TURN)],
            ..GatherConfig::default()
        };
        let mut world = World::new(seed, config, vec![(TURN, Ways::default())]);
        world.loss = 30;
        world.add_socket(SOCKET);
        world.run(ms(30_000));
        world.echo = false;
        for _ in 0..2 * 360 {
            world.send(PEER, b"sound").expect("sent");
            world.run(ms(10_000));
        }
        assert_eq!(
            world.server().count("drop"),
            0,
            "seed {seed}: {:?}",
            world.server().log
        );
        assert_eq!(world.server().count("allocate"), 1, "seed {seed}");
        let lost = world.when(|o| matches!(o, GatherOutput::Lost { .. }));
        assert_eq!(lost, None, "seed {seed}");
    }
}

#[test]
fn a_short_lifetime_is_refreshed_half_way() {
    let mut world = talking(Ways {
        lifetime: Some(30),
        ..Ways::default()
    });
    world.run(ms(150_000));
    assert_eq!(world.server().count("refresh 30"), 10);
    assert_eq!(world.gatherer.candidates().len(), 3);
}

#[test]
fn an_idle_relay_keeps_its_mapping() {
    let mut world = World::with_turn(Ways::default());
    world.run(ms(500));
    let before = world.datagrams.len();
    world.run(ms(300_000));
    let times: Vec<u128> = world.datagrams[before..]
        .iter()
        .map(|(at, ..)| *at)
        .collect();
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] <= 15_000),
        "{times:?}"
    );
    assert!(world.server().count("keep-alive") >= 19);
}

#[test]
fn a_peer_nobody_talks_to_is_let_go() {
    let mut world = talking(Ways::default());
    world.run(ms(40 * 60_000));
    let (permits, binds) = (world.server().count("permit"), world.server().count("bind"));
    world.run(ms(60 * 60_000));
    assert_eq!(
        (world.server().count("permit"), world.server().count("bind")),
        (permits, binds)
    );
    // And found again when it is needed.
    world.send(PEER, b"still there?").expect("sent");
    world.run(ms(500));
    assert_eq!(world.returned.len(), 2);
}

#[test]
fn closing_gives_back_what_the_server_holds() {
    for loss in [0, 30] {
        let mut world = talking(Ways::default());
        world.loss = loss;
        world.tell(Gatherer::close);
        assert!(!world.gatherer.is_closed());
        assert!(world.gatherer.candidates().is_empty());
        world.run(ms(10_000));
        assert!(world.gatherer.is_closed());
        assert_eq!(world.gatherer.poll_timeout(), None);
        assert_eq!(world.server().allocations.len(), 0);
    }
}

#[test]
fn closing_half_way_leaves_nothing_either() {
    for pause in 0..120 {
        let mut world = World::with_turn(Ways::default());
        world.run(ms(pause));
        world.tell(Gatherer::close);
        world.run(ms(20_000));
        assert!(world.gatherer.is_closed(), "closed after {pause} ms");
        assert_eq!(
            world.server().allocations.len(),
            0,
            "closed after {pause} ms"
        );
    }
}

#[test]
fn relays_that_no_path_uses_are_given_back() {
    let other = "192.0.2.2:3478";
    let servers = vec![turn(TURN), turn(other)];
    let config = GatherConfig {
        servers,
        ..GatherConfig::default()
    };
    let mut world = World::new(
        1,
        config,
        vec![(TURN, Ways::default()), (other, Ways::default())],
    );
    world.add_socket(SOCKET);
    world.run(ms(1000));
    let used = world.relayed();
    world.tell(|gatherer, now| gatherer.release_unused(now, &[used]));
    world.run(ms(1000));
    assert_eq!(world.servers[&at(TURN)].allocations.len(), 1);
    assert_eq!(world.servers[&at(other)].allocations.len(), 0);
    // Both families of the one that is used are still there.
    let relayed = world
        .gatherer
        .candidates()
        .iter()
        .filter(|c| c.kind == CandidateKind::Relayed);
    assert_eq!(relayed.count(), 2);
    assert_eq!(
        world.story()[6..],
        ["Done", "Lost Released", "Lost Released"],
        "{:?}",
        world.story()
    );
}

#[test]
fn a_socket_that_goes_gives_its_relay_back() {
    let mut world = talking(Ways::default());
    world.tell(|gatherer, now| gatherer.remove_socket(now, at(SOCKET)));
    world.run(ms(500));
    assert_eq!(world.server().allocations.len(), 0);
    assert_eq!(world.story().last().expect("news"), "Lost Released");
    assert_eq!(world.gatherer.candidates().len(), 0);
    assert_eq!(world.gatherer.poll_timeout(), None);
}

#[test]
fn a_server_that_forgot_us_is_noticed_and_asked_again() {
    for vague in [false, true] {
        forgotten(Ways {
            vague,
            ..Ways::default()
        });
    }
}

fn forgotten(ways: Ways) {
    let mut world = talking(ways);
    let first = world.relayed();
    world.server().allocations.clear();
    world.server().forget_nonces();
    world.run(ms(600_000));
    let story = world.story();
    assert_eq!(
        story[4..],
        ["Lost AllocationMismatch", "Relayed 192.0.2.200:49154"],
        "{story:?}"
    );
    let noticed =
        world.when(|o| matches!(o, GatherOutput::Lost { relayed, .. } if *relayed == first));
    // The permission's renewal is the first to hear of it.
    assert!(noticed.is_some_and(|at| at < 245_000), "{noticed:?}");
    world.send(PEER, b"over the new one").expect("sent");
    world.run(ms(500));
    assert_eq!(world.returned.len(), 2);
}

#[test]
fn a_server_that_is_gone_is_lost_at_the_end_of_the_lifetime_and_looked_for_a_while() {
    let mut world = talking(Ways::default());
    world.server().ways.silent = true;
    world.run(ms(3_600_000));
    let story = world.story();
    assert_eq!(story[4..], ["Lost Expired", "Failed NoAnswer"], "{story:?}");
    assert_eq!(
        world.when(|o| matches!(o, GatherOutput::Lost { .. })),
        Some(600_080)
    );
    assert_eq!(world.gatherer.poll_timeout(), None);
    let relayed = at("192.0.2.200:49152");
    let sent = world.gatherer.send_via(world.now, relayed, at(PEER), b"x");
    assert_eq!(sent, Err(RelayError::UnknownRelay));
}

#[test]
fn a_pause_of_the_server_costs_nothing() {
    let mut world = talking(Ways::default());
    world.run(ms(539_000 - 1000));
    world.server().ways.silent = true;
    // The refresh and its attempts fall into it.
    world.run(ms(40_000));
    world.server().ways.silent = false;
    world.run(ms(600_000));
    assert_eq!(world.when(|o| matches!(o, GatherOutput::Lost { .. })), None);
    assert_eq!(world.server().count("allocate"), 1);
}

#[test]
fn refused_renewals_are_tried_again_until_the_end() {
    let mut world = talking(Ways::default());
    world.server().ways.errors = vec![(METHOD_REFRESH, 500); 3];
    world.run(ms(600_000));
    assert_eq!(world.when(|o| matches!(o, GatherOutput::Lost { .. })), None);
    // A channel that is refused is no loss: indications do.
    let mut world = World::with_turn(Ways {
        errors: vec![(METHOD_CHANNEL_BIND, 400)],
        ..Ways::default()
    });
    world.run(ms(500));
    for _ in 0..50 {
        world.send(PEER, b"sound").expect("sent");
        world.run(ms(1000));
    }
    assert_eq!(world.returned.len(), 50);
    assert_eq!(world.server().count("400 to ChannelBind"), 1);
    assert_eq!(world.server().count("bind"), 1);
}

#[test]
fn a_permission_that_is_not_renewed_is_said() {
    let mut world = talking(Ways::default());
    world.server().ways.errors = vec![(METHOD_CREATE_PERMISSION, 508)];
    world.run(ms(250_000));
    let peer: IpAddr = at(PEER).ip();
    let refused = |o: &GatherOutput| matches!(o, GatherOutput::Refused { peer: p, why: GatherFailure::NoCapacity, .. } if *p == peer);
    assert!(world.when(refused).is_some(), "{:?}", world.story());
    assert_eq!(world.send(PEER, b"x"), Err(RelayError::Refused));
    // It is not refused for ever.
    world.run(ms(61_000));
    assert_eq!(world.send(PEER, b"x"), Ok(()));
}

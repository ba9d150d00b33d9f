//! Getting a relay: challenges, families, redirections, refusals.

use super::super::*;
use super::server::Ways;
use super::world::*;
use rtc_stun::message::{METHOD_ALLOCATE, METHOD_REFRESH};

const OTHER: &str = "192.0.2.2:3478";

fn with(relays: RelayFamilies, ways: Ways) -> World {
    let config = GatherConfig {
        servers: vec![turn(TURN)],
        relays,
        ..GatherConfig::default()
    };
    let mut world = World::new(1, config, vec![(TURN, ways)]);
    world.add_socket(SOCKET);
    world.run(ms(3000));
    world
}

#[test]
fn a_challenge_is_answered_and_the_relay_and_the_mapping_are_told() {
    let mut world = World::with_turn(Ways::default());
    world.run(ms(1000));
    let story = [
        "Host 10.0.0.2:4000",
        "ServerReflexive 203.0.113.7:14000",
        "Relayed 192.0.2.200:49152",
        "Done",
    ];
    assert_eq!(world.story(), story);
    // Two round trips.
    assert_eq!(world.when(|o| *o == GatherOutput::Done), Some(80));
    assert_eq!(world.server().log, ["401 to Allocate", "allocate 1"]);
    let relayed = world
        .gatherer
        .default_candidate(crate::Component::Rtp)
        .expect("one");
    assert_eq!(relayed.kind, CandidateKind::Relayed);
    assert_eq!(relayed.related, Some(at("203.0.113.7:14000")));
}

#[test]
fn always_relay_tells_nothing_else() {
    let config = GatherConfig {
        servers: vec![stun(OTHER), turn(TURN)],
        policy: GatherPolicy::RelayOnly,
        relays: RelayFamilies::Both,
        ..GatherConfig::default()
    };
    let servers = vec![(TURN, Ways::default()), (OTHER, Ways::default())];
    let mut world = World::new(1, config, servers);
    world.add_socket(SOCKET);
    assert_eq!(
        world.gatherer.default_candidate(crate::Component::Rtp),
        None
    );
    world.run(ms(60_000));
    let story = [
        "Relayed 192.0.2.200:49152",
        "Relayed [2001:db8::200]:49152",
        "Done",
    ];
    assert_eq!(world.story(), story);
    assert_eq!(world.servers[&at(OTHER)].count("binding"), 0);
    let related: Vec<_> = world
        .gatherer
        .candidates()
        .iter()
        .map(|c| c.related)
        .collect();
    assert_eq!(related, [Some(at("0.0.0.0:9")), Some(at("[::]:9"))]);
}

#[test]
fn both_families_come_in_one_allocation_where_the_server_has_them() {
    let mut world = with(RelayFamilies::Both, Ways::default());
    let story = world.story();
    assert_eq!(
        story[2..4],
        ["Relayed 192.0.2.200:49152", "Relayed [2001:db8::200]:49152"]
    );
    assert_eq!(world.server().count("allocate"), 1);
    let no_ipv6 = Ways {
        no_ipv6: true,
        ..Ways::default()
    };
    let world = with(RelayFamilies::Both, no_ipv6);
    assert_eq!(world.story()[2..], ["Relayed 192.0.2.200:49152", "Done"]);
    let no_ipv4 = Ways {
        no_ipv4: true,
        ..Ways::default()
    };
    let mut world = with(RelayFamilies::Both, no_ipv4);
    assert_eq!(
        world.story()[2..],
        ["Relayed [2001:db8::200]:49152", "Done"]
    );
    assert_eq!(world.server().count("440"), 1);
}

#[test]
fn one_family_is_asked_for_by_name() {
    let world = with(RelayFamilies::Ipv6, Ways::default());
    assert_eq!(
        world.story()[2..],
        ["Relayed [2001:db8::200]:49152", "Done"]
    );
    let no_ipv6 = Ways {
        no_ipv6: true,
        ..Ways::default()
    };
    let world = with(RelayFamilies::Ipv6, no_ipv6);
    assert_eq!(world.story()[1..], ["Failed AddressFamily", "Done"]);
    let world = with(RelayFamilies::Ipv4, Ways::default());
    assert_eq!(world.story()[2..], ["Relayed 192.0.2.200:49152", "Done"]);
}

#[test]
fn a_server_without_challenges_is_taken_as_it_is() {
    let open = Ways {
        open: true,
        ..Ways::default()
    };
    let mut world = with(RelayFamilies::Ipv4, open);
    assert_eq!(world.story()[2], "Relayed 192.0.2.200:49152");
    world.send(PEER, b"hello").expect("sent");
    world.run(ms(500));
    assert_eq!(world.returned.len(), 1);
}

#[test]
fn every_refusal_has_its_name() {
    let cases = [
        (400, GatherFailure::Other(400)),
        (403, GatherFailure::Forbidden),
        (441, GatherFailure::WrongCredentials),
        (442, GatherFailure::Other(442)),
        (486, GatherFailure::Quota),
        (500, GatherFailure::Other(500)),
        (508, GatherFailure::NoCapacity),
    ];
    for (code, why) in cases {
        for signs_no_errors in [false, true] {
            let errors = vec![(METHOD_ALLOCATE, code)];
            let ways = Ways {
                errors,
                signs_no_errors,
                ..Ways::default()
            };
            let world = with(RelayFamilies::Ipv4, ways);
            let failed =
                world.when(|o| matches!(o, GatherOutput::Failed { why: w, .. } if *w == why));
            // An unsigned error waits a moment for a better answer.
            let expected = if signs_no_errors { 140 } else { 80 };
            assert_eq!(failed, Some(expected), "{code}: {:?}", world.story());
        }
    }
}

#[test]
fn an_allocation_of_an_earlier_run_is_cleared_once() {
    let errors = vec![(METHOD_ALLOCATE, 437)];
    let mut world = with(
        RelayFamilies::Ipv4,
        Ways {
            errors,
            ..Ways::default()
        },
    );
    assert_eq!(world.story()[2], "Relayed 192.0.2.200:49152");
    assert_eq!(world.server().count("refresh 0"), 1);
    let errors = vec![
        (METHOD_ALLOCATE, 437),
        (METHOD_REFRESH, 441),
        (METHOD_ALLOCATE, 437),
    ];
    let mut world = with(
        RelayFamilies::Ipv4,
        Ways {
            errors,
            ..Ways::default()
        },
    );
    assert_eq!(world.story()[1], "Failed AllocationMismatch");
    assert_eq!(world.server().count("437"), 2);
}

#[test]
fn try_alternate_is_followed() {
    let there = Ways {
        alternate: Some((at(OTHER), None)),
        ..Ways::default()
    };
    let config = GatherConfig {
        servers: vec![turn(TURN)],
        ..GatherConfig::default()
    };
    let servers = vec![(TURN, there), (OTHER, Ways::default())];
    let mut world = World::new(1, config, servers);
    world.add_socket(SOCKET);
    world.run(ms(1000));
    assert_eq!(world.story()[2], "Relayed 192.0.2.201:49152");
    assert_eq!(world.servers[&at(OTHER)].count("allocate"), 1);
    world.send(PEER, b"over the other server").expect("sent");
    world.run(ms(500));
    assert_eq!(world.returned.len(), 1);
}

#[test]
fn redirections_end() {
    // In a circle, to nowhere, to this machine, to where another relay of the socket already is.
    let to = |address: &str| Ways {
        alternate: Some((at(address), None)),
        ..Ways::default()
    };
    let cases = [
        vec![(TURN, to(OTHER)), (OTHER, to(TURN))],
        vec![(TURN, to("127.0.0.1:3478"))],
        vec![(TURN, to("192.0.2.1:0"))],
        vec![(TURN, to("[2001:db8::1]:3478"))],
    ];
    for servers in cases {
        let config = GatherConfig {
            servers: vec![turn(TURN)],
            ..GatherConfig::default()
        };
        let mut world = World::new(1, config, servers);
        world.add_socket(SOCKET);
        world.run(ms(5000));
        let story = world.story();
        assert_eq!(story[0], "Host 10.0.0.2:4000");
        assert!(
            ["Failed RedirectLoop", "Failed Malformed"].contains(&story[1].as_str()),
            "{story:?}"
        );
        assert_eq!(story[2..], ["Done"]);
    }
    let config = GatherConfig {
        servers: vec![turn(TURN), turn(OTHER)],
        ..GatherConfig::default()
    };
    let mut world = World::new(1, config, vec![(TURN, to(OTHER)), (OTHER, Ways::default())]);
    world.add_socket(SOCKET);
    world.run(ms(5000));
    assert!(
        world.story().contains(&"Failed RedirectLoop".to_owned()),
        "{:?}",
        world.story()
    );
    assert_eq!(world.servers[&at(OTHER)].count("allocate"), 1);
    // A chain of new servers each time ends as well.
    let chain: Vec<String> = (1..9).map(|n| format!("192.0.2.{n}:3478")).collect();
    let servers = chain
        .windows(2)
        .map(|pair| (pair[0].as_str(), to(&pair[1])))
        .collect();
    let config = GatherConfig {
        servers: vec![turn(TURN)],
        ..GatherConfig::default()
    };
    let mut world = World::new(1, config, servers);
    world.add_socket(SOCKET);
    world.run(ms(5000));
    assert_eq!(
        world.story(),
        ["Host 10.0.0.2:4000", "Failed RedirectLoop", "Done"]
    );
    let asked: usize = world
        .servers
        .values()
        .map(|server| server.count("redirect"))
        .sum();
    assert_eq!(asked, 4);
}

#[test]
fn a_relay_comes_through_loss() {
    let mut late = 0;
    for seed in 0..300 {
        let config = GatherConfig {
            servers: vec![turn(TURN)],
            ..GatherConfig::default()
        };
        let mut world = World::new(seed, config, vec![(TURN, Ways::default())]);
        world.loss = 30;
        world.delay = ms(50);
        world.add_socket(SOCKET);
        world.run(ms(30_000));
        let found = world
            .when(|o| matches!(o, GatherOutput::Candidate(c) if c.kind == CandidateKind::Relayed));
        let found = found.unwrap_or_else(|| panic!("seed {seed}: {:?}", world.story()));
        late += u32::from(found > 1500);
        assert_eq!(world.server().count("allocate"), 1, "seed {seed}");
    }
    assert!(
        late <= 105,
        "{late} of 300 after the deadline (seeds 0..300)"
    );
}

#[test]
fn the_same_server_twice_is_asked_once() {
    let config = GatherConfig {
        servers: vec![turn(TURN), turn(TURN)],
        ..GatherConfig::default()
    };
    let mut world = World::new(1, config, vec![(TURN, Ways::default())]);
    world.add_socket(SOCKET);
    world.run(ms(1000));
    assert_eq!(world.server().count("allocate"), 1);
    assert_eq!(world.story().last().expect("something"), "Done");
}

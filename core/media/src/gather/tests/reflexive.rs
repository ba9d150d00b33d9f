//! Host and server-reflexive candidates, and rounds.

use super::super::*;
use super::server::Ways;
use super::world::*;
use crate::transport::{Component, LocalSocket};
use rtc_stun::message::METHOD_BINDING;
use std::net::SocketAddr;

fn config(servers: Vec<IceServer>) -> GatherConfig {
    GatherConfig {
        servers,
        ..GatherConfig::default()
    }
}

const STUN_1: &str = "192.0.2.11:3478";
const STUN_2: &str = "192.0.2.12:3478";

#[test]
fn without_servers_a_socket_is_its_own_candidate() {
    let mut world = World::new(1, config(Vec::new()), Vec::new());
    world.add_socket(SOCKET);
    assert_eq!(world.story(), ["Host 10.0.0.2:4000", "Done"]);
    assert_eq!(world.gatherer.poll_timeout(), None);
}

#[test]
fn two_servers_that_see_the_same_give_one_candidate() {
    let servers = vec![(STUN_1, Ways::default()), (STUN_2, Ways::default())];
    let mut world = World::new(1, config(vec![stun(STUN_1), stun(STUN_2)]), servers);
    world.add_socket(SOCKET);
    world.run(ms(1000));
    let story = [
        "Host 10.0.0.2:4000",
        "ServerReflexive 203.0.113.7:14000",
        "Done",
    ];
    assert_eq!(world.story(), story);
    // A round trip for the first server, and the pace before the second.
    assert_eq!(world.when(|o| *o == GatherOutput::Done), Some(45));
    let reflexive = &world.gatherer.candidates()[1];
    assert_eq!(
        (reflexive.base, reflexive.related),
        (at(SOCKET), Some(at(SOCKET)))
    );
    assert_eq!(
        world.gatherer.default_candidate(Component::Rtp),
        Some(reflexive)
    );
    assert_eq!(world.gatherer.default_candidate(Component::Rtcp), None);
}

#[test]
fn a_server_that_sees_the_socket_itself_adds_nothing() {
    let mut world = World::new(
        1,
        config(vec![stun(STUN_1)]),
        vec![(STUN_1, Ways::default())],
    );
    world.nat = 0;
    let socket = "203.0.113.7:4000";
    world.add_socket(socket);
    // The NAT of this world changes the address; tell it not to.
    let answered = world.datagrams.len();
    assert_eq!(answered, 1);
    world.run(ms(3000));
    assert_eq!(world.story(), ["Host 203.0.113.7:4000", "Done"]);
}

#[test]
fn a_silent_server_is_given_up_and_done_comes_at_the_deadline() {
    let silent = Ways {
        silent: true,
        ..Ways::default()
    };
    let servers = vec![(STUN_1, silent), (STUN_2, Ways::default())];
    let mut world = World::new(1, config(vec![stun(STUN_1), stun(STUN_2)]), servers);
    world.add_socket(SOCKET);
    world.run(ms(20_000));
    let story = [
        "Host 10.0.0.2:4000",
        "ServerReflexive 203.0.113.7:14000",
        "Done",
        "Failed NoAnswer",
    ];
    assert_eq!(world.story(), story);
    assert_eq!(world.when(|o| *o == GatherOutput::Done), Some(1500));
    let asked: Vec<u128> = world
        .datagrams
        .iter()
        .filter(|(_, to, _)| *to == at(STUN_1))
        .map(|(t, ..)| *t)
        .collect();
    assert_eq!(asked[..5], [0, 250, 750, 1750, 2750]);
    assert_eq!(asked.len(), 12);
}

#[test]
fn a_candidate_after_the_deadline_is_still_told() {
    let mut world = World::new(
        1,
        config(vec![stun(STUN_1)]),
        vec![(STUN_1, Ways::default())],
    );
    world.delay = ms(900);
    world.add_socket(SOCKET);
    world.run(ms(5000));
    let story = [
        "Host 10.0.0.2:4000",
        "Done",
        "ServerReflexive 203.0.113.7:14000",
    ];
    assert_eq!(world.story(), story);
}

#[test]
fn gathering_survives_loss() {
    let mut late = 0;
    for seed in 0..300 {
        let servers = vec![(STUN_1, Ways::default()), (STUN_2, Ways::default())];
        let mut world = World::new(seed, config(vec![stun(STUN_1), stun(STUN_2)]), servers);
        world.loss = 30;
        world.delay = ms(50);
        world.add_socket(SOCKET);
        world.run(ms(30_000));
        let found = world.when(
            |o| matches!(o, GatherOutput::Candidate(c) if c.kind == CandidateKind::ServerReflexive),
        );
        let found = found.unwrap_or_else(|| panic!("seed {seed}: {:?}", world.story()));
        late += u32::from(found > 1500);
    }
    // Six attempts of two servers in that time, each with 0.49: 1.8 %.
    assert!(
        late <= 12,
        "{late} of 300 after the deadline (seeds 0..300)"
    );
}

#[test]
fn a_mapping_is_kept_by_one_server_and_its_change_is_told() {
    let servers = vec![(STUN_1, Ways::default()), (STUN_2, Ways::default())];
    let mut world = World::new(1, config(vec![stun(STUN_1), stun(STUN_2)]), servers);
    world.add_socket(SOCKET);
    world.run(ms(100_000));
    assert_eq!(world.servers[&at(STUN_1)].count("binding"), 7);
    assert_eq!(world.servers[&at(STUN_2)].count("binding"), 1);
    world.nat = 20_000;
    world.run(ms(20_000));
    assert_eq!(
        world.story().last().expect("news"),
        "ServerReflexive 203.0.113.7:24000"
    );
    // Nobody there any more: the candidate stays, and the question.
    world.servers.clear();
    let before = world.story();
    world.run(ms(200_000));
    assert_eq!(world.story(), before);
    assert!(world.gatherer.poll_timeout().is_some());
}

#[test]
fn a_redirected_question_is_followed_but_not_in_a_circle() {
    let to = |address| Ways {
        alternate: Some((at(address), None)),
        ..Ways::default()
    };
    let servers = vec![(STUN_1, to(STUN_2)), (STUN_2, Ways::default())];
    let mut world = World::new(1, config(vec![stun(STUN_1)]), servers);
    world.add_socket(SOCKET);
    world.run(ms(1000));
    assert_eq!(world.story()[1], "ServerReflexive 203.0.113.7:14000");
    let servers = vec![(STUN_1, to(STUN_2)), (STUN_2, to(STUN_1))];
    let mut world = World::new(1, config(vec![stun(STUN_1)]), servers);
    world.add_socket(SOCKET);
    world.run(ms(1000));
    assert_eq!(
        world.story(),
        ["Host 10.0.0.2:4000", "Failed RedirectLoop", "Done"]
    );
}

#[test]
fn an_error_and_an_old_server() {
    let errors = vec![(METHOD_BINDING, 500)];
    let broken = Ways {
        errors,
        ..Ways::default()
    };
    let classic = Ways {
        classic: true,
        ..Ways::default()
    };
    let servers = vec![(STUN_1, broken), (STUN_2, classic)];
    let mut world = World::new(1, config(vec![stun(STUN_1), stun(STUN_2)]), servers);
    world.add_socket(SOCKET);
    world.run(ms(1000));
    let story = [
        "Host 10.0.0.2:4000",
        "Failed Other(500)",
        "ServerReflexive 203.0.113.7:14000",
        "Done",
    ];
    assert_eq!(world.story(), story);
}

#[test]
fn only_servers_of_a_sockets_family_are_asked() {
    let v6 = "[2001:db8::11]:3478";
    let servers = vec![(STUN_1, Ways::default()), (v6, Ways::default())];
    let mut world = World::new(1, config(vec![stun(STUN_1), stun(v6)]), servers);
    world.add_socket("[2001:db8::2]:4000");
    world.run(ms(1000));
    assert_eq!(world.servers[&at(STUN_1)].count("binding"), 0);
    assert_eq!(world.servers[&at(v6)].count("binding"), 1);
    assert_eq!(world.story(), ["Host [2001:db8::2]:4000", "Done"]);
}

#[test]
fn a_new_network_begins_a_new_round_and_a_gone_one_takes_its_candidates_along() {
    let mut world = World::new(
        1,
        config(vec![stun(STUN_1)]),
        vec![(STUN_1, Ways::default())],
    );
    world.add_socket(SOCKET);
    world.run(ms(1000));
    world.add_socket("10.0.0.2:5000");
    world.run(ms(1000));
    let done = |world: &World| world.story().iter().filter(|word| *word == "Done").count();
    assert_eq!((done(&world), world.gatherer.candidates().len()), (2, 4));
    world.tell(|gatherer, now| gatherer.remove_socket(now, at(SOCKET)));
    let left: Vec<SocketAddr> = world.gatherer.candidates().iter().map(|c| c.base).collect();
    assert_eq!(left, [at("10.0.0.2:5000"); 2]);
    // And its mapping is not kept any longer.
    let asked = world.datagrams.len();
    world.run(ms(40_000));
    assert_eq!(world.datagrams.len(), asked + 2);
}

#[test]
fn sockets_that_cannot_be_gathered_for_are_refused() {
    let mut world = World::new(1, config(Vec::new()), Vec::new());
    let socket = |text: &str| LocalSocket {
        component: Component::Rtp,
        address: at(text),
        rank: 0,
    };
    let now = world.now;
    let mut add = |text: &str| world.gatherer.add_socket(now, socket(text));
    assert_eq!(add("0.0.0.0:4000"), Err(SocketError::Unspecified));
    assert_eq!(add("[::]:4000"), Err(SocketError::Unspecified));
    for port in 0..MAX_SOCKETS {
        assert_eq!(add(&format!("10.0.0.2:{}", 4000 + port)), Ok(()));
    }
    assert_eq!(add(SOCKET), Err(SocketError::Known));
    assert_eq!(add("10.0.0.3:4000"), Err(SocketError::TooMany));
    world.gatherer.close(now);
    assert!(world.gatherer.is_closed());
    assert_eq!(
        world.gatherer.add_socket(now, socket("10.0.0.3:4000")),
        Err(SocketError::Closed)
    );
}

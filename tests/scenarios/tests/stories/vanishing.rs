//! The far end is gone without a word.

use std::time::Duration;

use tandem_engine::{CallState, Command};
use tandem_types::EndReason;
use tandem_world::net::Link;
use tandem_world::town::{Person, Town};

fn talking(seed: u64) -> (Town, Person, Person) {
    let mut town = Town::new(seed);
    let [alice, bob] = town.people(["alice", "bob"]);
    town.sign_in([alice, bob]);
    town.connected(alice, bob, "bob");
    town.wait(Duration::from_secs(5));
    (town, alice, bob)
}

#[test]
fn a_call_whose_far_end_vanished_shows_it_at_once_and_ends_within_thirty_seconds() {
    for seed in 1..6 {
        let (mut town, alice, bob) = talking(seed);
        town.vanishes(bob);
        let gone = town.world.elapsed();
        let reconnecting = |town: &Town| {
            matches!(
                town.phone(alice).state(),
                Some(CallState::Reconnecting { .. })
            )
        };
        assert!(town.until(reconnecting));
        let noticed = town.world.elapsed() - gone;
        assert!(
            noticed <= Duration::from_secs(7),
            "noticed after {noticed:?}"
        );
        assert!(town.until(|town| town.phone(alice).end().is_some()));
        let took = town.world.elapsed() - gone;
        assert!(took <= Duration::from_secs(30), "ended after {took:?}");
        assert_eq!(town.phone(alice).end(), Some(EndReason::NetworkLost));
    }
}

#[test]
fn a_short_outage_is_survived() {
    let (mut town, alice, bob) = talking(11);
    let (a, b) = (town.phone(alice).ip(), town.phone(bob).ip());
    town.world.set_default_link(Link::dead());
    town.world.set_links(a, b, Link::dead());
    town.wait(Duration::from_secs(12));
    assert!(matches!(
        town.phone(alice).state(),
        Some(CallState::Reconnecting { .. })
    ));
    town.world
        .set_default_link(Link::clean(Duration::from_millis(20)));
    town.world
        .set_links(a, b, Link::clean(Duration::from_millis(20)));
    assert!(town.until(|town| town.phone(alice).is_active() && town.phone(bob).is_active()));
    town.does(bob, Command::HangUp);
    assert!(town.until(|town| town.phone(alice).end() == Some(EndReason::RemoteHangUp)));
}

#[test]
fn hanging_up_on_somebody_who_vanished_takes_no_longer_than_a_few_seconds() {
    let (mut town, alice, bob) = talking(12);
    town.vanishes(bob);
    town.does(alice, Command::HangUp);
    let asked = town.world.elapsed();
    assert!(town.until(|town| town.phone(alice).end().is_some()));
    assert!(town.world.elapsed() - asked <= Duration::from_secs(6));
    assert_eq!(town.phone(alice).end(), Some(EndReason::LocalHangUp));
}

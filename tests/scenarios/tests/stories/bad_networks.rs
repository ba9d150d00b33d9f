//! Calls over networks that lose, delay, double and reorder.

use std::time::Duration;

use tandem_engine::Command;
use tandem_types::EndReason;
use tandem_world::net::Link;
use tandem_world::town::Town;

use crate::ear::share_of;

const BOB: f32 = 1_500.0;

#[test]
fn calls_come_about_and_end_at_thirty_percent_loss() {
    for seed in 0..20 {
        let mut town = Town::new(100 + seed);
        let bad = Link::clean(Duration::from_millis(50))
            .losing(0.3)
            .jittering(Duration::from_millis(20))
            .duplicating(0.05);
        town.world.set_default_link(bad);
        let [alice, bob] = town.people(["alice", "bob"]);
        town.sign_in([alice, bob]);
        town.connected(alice, bob, "bob");
        town.wait(Duration::from_secs(3));
        let share = share_of(&town.phone(alice).heard(), BOB);
        assert!(share > 0.4, "seed {seed}: {share}");
        town.does(alice, Command::HangUp);
        assert!(
            town.until(|town| town.phone(bob).end().is_some()),
            "seed {seed}"
        );
        assert_eq!(
            town.phone(bob).end(),
            Some(EndReason::RemoteHangUp),
            "seed {seed}"
        );
        assert!(
            town.until(|town| town.phone(alice).end().is_some()),
            "seed {seed}"
        );
    }
}

#[test]
fn jitter_alone_costs_little() {
    let mut town = Town::new(7);
    let uneven = Link::clean(Duration::from_millis(40)).jittering(Duration::from_millis(30));
    town.world.set_default_link(uneven);
    let [alice, bob] = town.people(["alice", "bob"]);
    town.sign_in([alice, bob]);
    town.connected(alice, bob, "bob");
    town.wait(Duration::from_secs(2));
    let _ = town.phone(alice).heard();
    town.wait(Duration::from_secs(10));
    let share = share_of(&town.phone(alice).heard(), BOB);
    assert!(share > 0.85, "{share}");
}

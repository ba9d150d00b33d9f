//! Signing in, staying signed in, and not being let in.

use std::time::Duration;

use tandem_engine::{AccountState, Event, RegistrationFailure};
use tandem_sip::message::Method;
use tandem_world::town::{Person, Town};

fn last_state(town: &Town, person: Person) -> Option<AccountState> {
    let events = town.phone(person).events().iter().rev();
    let mut states = events.filter_map(|(_, event)| match event {
        Event::Account(account) => Some(account.state),
        _ => None,
    });
    states.next()
}

#[test]
fn a_wrong_password_is_said_so_and_not_tried_again() {
    let mut town = Town::new(1);
    let [mallory] = town.people(["mallory"]);
    let now = town.world.now();
    town.world.node_mut(mallory).register(now);
    assert!(
        town.until(|town| matches!(last_state(town, mallory), Some(AccountState::Failed { .. })))
    );
    let expected = AccountState::Failed {
        reason: RegistrationFailure::NotAuthorised,
        retry_in: None,
    };
    assert_eq!(last_state(&town, mallory), Some(expected));
    let sent = town.world.packets().len();
    town.wait(Duration::from_secs(600));
    assert_eq!(
        town.world.packets().len(),
        sent,
        "a refused password was tried again"
    );
}

#[test]
fn a_registration_is_refreshed_before_it_runs_out_and_through_lost_packets() {
    let mut town = Town::new(2);
    let [alice, bob] = town.people(["alice", "bob"]);
    town.sign_in([alice, bob]);
    for _ in 0..20 {
        town.registrar().drop_next(Some(Method::REGISTER), 1);
        town.wait(Duration::from_secs(60));
        town.calls(alice, "bob");
        assert!(
            town.until(|town| town.phone(bob).ringing().is_some()),
            "bob was not found"
        );
        let over = |town: &Town| town.phone(alice).current().is_none();
        town.does(alice, tandem_engine::Command::HangUp);
        assert!(town.until(over));
        assert!(town.until(|town| town.phone(bob).current().is_none()));
    }
}

#[test]
fn stale_nonces_cost_a_round_trip_and_nothing_else() {
    let mut town = Town::with_registrar(3, |config| config.nonce_lifetime = Duration::from_secs(5));
    let [alice, bob] = town.people(["alice", "bob"]);
    town.sign_in([alice, bob]);
    town.wait(Duration::from_secs(30));
    town.connected(alice, bob, "bob");
}

#[test]
fn a_server_that_wants_longer_registrations_gets_them() {
    let mut town = Town::with_registrar(4, |config| config.min_expires = Duration::from_secs(900));
    let [alice] = town.people(["alice"]);
    town.sign_in([alice]);
    let Some(AccountState::Online { expires }) = last_state(&town, alice) else {
        panic!("not signed in");
    };
    assert_eq!(expires, Duration::from_secs(900));
}

#[test]
fn a_server_that_is_down_is_tried_again_until_it_is_back() {
    let mut town = Town::new(5);
    let [alice] = town.people(["alice"]);
    town.server_is_up(false);
    let now = town.world.now();
    town.world.node_mut(alice).register(now);
    assert!(town.until(|town| {
        matches!(
            last_state(town, alice),
            Some(AccountState::Failed {
                retry_in: Some(_),
                ..
            })
        )
    }));
    town.server_is_up(true);
    assert!(town.until(|town| town.phone(alice).is_registered()));
}

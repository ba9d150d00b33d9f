//! What the call log is told, and when.

use std::time::Duration;

use tandem_engine::Command;
use tandem_engine::phone::LogEntry;
use tandem_types::EndReason;
use tandem_world::town::{Person, Town};

fn story(seed: u64) -> (Town, Person, Person) {
    let mut town = Town::new(seed);
    let [alice, bob] = town.people(["alice", "bob"]);
    town.sign_in([alice, bob]);
    (town, alice, bob)
}

fn words(log: &[LogEntry]) -> Vec<&'static str> {
    let word = |entry: &LogEntry| match entry {
        LogEntry::Begin(_) => "begin",
        LogEntry::Ringing(..) => "ringing",
        LogEntry::Accepted(..) => "accepted",
        LogEntry::Alive(..) => "alive",
        LogEntry::Finish(..) => "finish",
    };
    log.iter().map(word).collect()
}

#[test]
fn a_call_is_one_row_from_its_first_moment_to_its_last() {
    let (mut town, alice, bob) = story(1);
    town.connected(alice, bob, "bob");
    town.wait(Duration::from_secs(7));
    town.does(alice, Command::HangUp);
    assert!(
        town.until(|town| town.phone(alice).end().is_some() && town.phone(bob).end().is_some())
    );
    for person in [alice, bob] {
        let log = town.phone(person).log();
        assert_eq!(
            words(log),
            ["begin", "ringing", "accepted", "alive", "finish"]
        );
        let Some(LogEntry::Finish(_, end)) = log.last() else {
            panic!("no end");
        };
        assert!(end.quality.packets_received > 300, "{:?}", end.quality);
        assert_eq!(end.quality.packets_lost, 0);
        let trip = end
            .quality
            .round_trip
            .expect("RTCP measured the round trip");
        assert!(
            trip.abs_diff(Duration::from_millis(40)) < Duration::from_millis(5),
            "{trip:?}"
        );
    }
}

#[test]
fn a_missed_call_stands_in_the_log() {
    let (mut town, alice, bob) = story(2);
    town.calls(alice, "bob");
    assert!(town.until(|town| town.phone(bob).ringing().is_some()));
    town.does(alice, Command::HangUp);
    assert!(town.until(|town| town.phone(bob).end().is_some()));
    let log = town.phone(bob).log();
    assert_eq!(words(log), ["begin", "ringing", "finish"]);
    let Some(LogEntry::Finish(_, end)) = log.last() else {
        panic!("no end");
    };
    assert_eq!(end.reason, EndReason::Cancelled);
}

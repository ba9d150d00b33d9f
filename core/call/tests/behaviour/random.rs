//! Anything, in any order, at any time: the promises of the crate's documentation hold.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use tandem_call::{
    Call, CallConfig, CallDirection, CallEvent, CallSnapshot, CallState, Command, CommandError,
    HoldRefusal, HoldState, LegCommand, LegEvent, Output, RejectReason,
};
use tandem_types::{EndReason, LegId};

use crate::story::{call_id, origin};

/// Legs above the attempts are forks, or strangers.
const LEGS: u64 = 7;

#[derive(Clone, Debug)]
enum Input {
    User(Command),
    Leg(u64, LegEvent),
    /// Time passes and the driver keeps its appointments.
    Wait(Duration),
    /// The device slept: the driver comes late, and only once.
    Sleep(Duration),
}

#[derive(Clone, Debug)]
struct Plot {
    config: CallConfig,
    /// `None`: somebody calls.
    attempts: Option<Vec<u64>>,
    inputs: Vec<Input>,
    hangs_up: bool,
}

fn limit() -> impl Strategy<Value = Duration> {
    prop_oneof![
        1 => Just(Duration::ZERO),
        1 => Just(Duration::MAX),
        8 => (1_u64..90_000).prop_map(Duration::from_millis),
    ]
}

fn config() -> impl Strategy<Value = CallConfig> {
    let maybe = || proptest::option::of(limit());
    let all = (limit(), limit(), maybe(), maybe(), maybe(), limit());
    let random = all.prop_map(
        |(ring, incoming, attempt, connect, reconnect, ending)| CallConfig {
            ring_limit: ring,
            incoming_ring_limit: incoming,
            attempt_limit: attempt,
            connect_limit: connect,
            reconnect_limit: reconnect,
            ending_limit: ending,
        },
    );
    prop_oneof![Just(CallConfig::default()), random]
}

fn reason() -> impl Strategy<Value = EndReason> {
    proptest::sample::select(EndReason::ALL.to_vec())
}

fn leg_event() -> impl Strategy<Value = LegEvent> {
    let glare = limit().prop_map(|retry_after| HoldRefusal::Glare { retry_after });
    let refusal = prop_oneof![glare, Just(HoldRefusal::Refused)];
    prop_oneof![
        1 => Just(LegEvent::Trying),
        2 => Just(LegEvent::Ringing),
        1 => Just(LegEvent::EarlyMedia),
        2 => (1..=LEGS).prop_map(|leg| LegEvent::Forked { leg: LegId(leg) }),
        4 => Just(LegEvent::Accepted),
        2 => Just(LegEvent::AnswerConfirmed),
        4 => Just(LegEvent::TransportConnected),
        2 => Just(LegEvent::TransportLost),
        2 => any::<bool>().prop_map(LegEvent::Held),
        3 => Just(LegEvent::HoldDone),
        2 => Just(LegEvent::ResumeDone),
        1 => refusal.prop_map(LegEvent::HoldRejected),
        2 => reason().prop_map(|reason| LegEvent::Ended { reason }),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => Just(Command::Answer),
        1 => Just(Command::Reject(RejectReason::Busy)),
        1 => Just(Command::HangUp),
        4 => Just(Command::Hold),
        4 => Just(Command::Resume),
        2 => Just(Command::SendDtmf("42#".parse().unwrap())),
    ]
}

fn input() -> impl Strategy<Value = Input> {
    // Low legs more often, so that something comes of them.
    let leg = prop_oneof![3 => Just(1), 2 => 1_u64..=3, 1 => 1..=LEGS];
    prop_oneof![
        2 => command().prop_map(Input::User),
        6 => (leg, leg_event()).prop_map(|(leg, event)| Input::Leg(leg, event)),
        2 => (0_u64..40_000).prop_map(|ms| Input::Wait(Duration::from_millis(ms))),
        1 => (0_u64..200_000).prop_map(|ms| Input::Sleep(Duration::from_millis(ms))),
    ]
}

fn plot() -> impl Strategy<Value = Plot> {
    let attempts = proptest::option::weighted(0.7, proptest::collection::vec(1_u64..=4, 0..4));
    let inputs = proptest::collection::vec(input(), 0..60);
    (config(), attempts, inputs, any::<bool>()).prop_map(|(config, attempts, inputs, hangs_up)| {
        Plot {
            config,
            attempts,
            inputs,
            hangs_up,
        }
    })
}

/// What an observer who sees only inputs and outputs knows of the legs.
struct Watch {
    call: Call,
    now: Instant,
    outgoing: bool,
    attempts: BTreeSet<u64>,
    started: BTreeSet<u64>,
    /// The last thing each leg was told to end it.
    told: BTreeMap<u64, LegCommand>,
    gone: BTreeSet<u64>,
    /// Accepted by both sides and not hung up.
    kept: BTreeSet<u64>,
    shown: Option<CallSnapshot>,
    over: bool,
}

impl Watch {
    fn begin(plot: &Plot) -> Self {
        let now = origin();
        let attempts: BTreeSet<u64> = plot.attempts.iter().flatten().copied().collect();
        let config = plot.config.clone();
        let call = match &plot.attempts {
            Some(legs) => {
                let legs = legs.iter().map(|leg| LegId(*leg));
                Call::outgoing(now, call_id(), config, legs)
            }
            None => Call::incoming(now, call_id(), LegId(1), config),
        };
        let mut watch = Self {
            call,
            now,
            outgoing: plot.attempts.is_some(),
            attempts,
            started: BTreeSet::new(),
            told: BTreeMap::new(),
            gone: BTreeSet::new(),
            kept: BTreeSet::new(),
            shown: None,
            over: false,
        };
        watch.read();
        watch
    }

    fn apply(&mut self, input: Input) {
        match input {
            Input::User(command) => {
                let before = (self.call.snapshot(), self.call.poll_timeout());
                let result = self.call.handle_command(self.now, command);
                if result.is_err() {
                    assert_eq!(self.call.poll_output(), None, "refused, and yet it acted");
                    let after = (self.call.snapshot(), self.call.poll_timeout());
                    assert_eq!(before, after, "refused, and yet it changed");
                }
                assert_eq!(self.over, result == Err(CommandError::Ended));
                self.read();
            }
            Input::Leg(leg, event) => self.leg(leg, event),
            Input::Wait(time) => self.wait(time),
            Input::Sleep(time) => {
                self.now += time;
                self.call.handle_timeout(self.now);
                self.read();
            }
        }
    }

    fn leg(&mut self, leg: u64, event: LegEvent) {
        // A leg that is gone says nothing, but for a repetition; one that was never there may say anything.
        let hung_up = matches!(
            self.told.get(&leg),
            Some(LegCommand::HangUp(_) | LegCommand::Reject(_))
        );
        let ready = self.outgoing && self.started.contains(&leg) && !self.gone.contains(&leg);
        match event {
            LegEvent::Accepted if ready && !hung_up && !self.over => {
                self.kept.insert(leg);
            }
            LegEvent::Forked { leg: fork } => {
                let stranger = !self.attempts.contains(&fork.0);
                if ready && stranger && !self.over {
                    self.started.insert(fork.0);
                }
            }
            LegEvent::Ended { .. } if self.started.contains(&leg) => {
                self.gone.insert(leg);
                self.kept.remove(&leg);
            }
            _ => {}
        }
        self.call.handle_leg(self.now, LegId(leg), event);
        self.read();
    }

    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        let mut woken = 0;
        while let Some(wake) = self.call.poll_timeout().filter(|wake| *wake <= until) {
            self.now = wake.max(self.now);
            self.call.handle_timeout(self.now);
            self.read();
            woken += 1;
            assert!(woken < 50, "woken over and over at {:?}", self.call);
        }
        self.now = until;
    }

    fn read(&mut self) {
        while let Some(output) = self.call.poll_output() {
            assert!(!self.over, "said after the end: {output:?}");
            match output {
                Output::Leg(leg, command) => self.command(leg.0, command),
                Output::Event(CallEvent::StateChanged(snapshot)) => {
                    assert_ne!(self.shown, Some(snapshot), "told twice");
                    consistent(&snapshot);
                    self.shown = Some(snapshot);
                }
                Output::Event(CallEvent::HoldRefused(_)) => {}
                Output::Event(CallEvent::Ended(summary)) => {
                    self.over = true;
                    assert_eq!(self.call.state(), CallState::Ended(summary.reason));
                    assert!(
                        summary.established >= summary.accepted || summary.established.is_none()
                    );
                }
            }
        }
        let state = self.call.state();
        if !self.over {
            assert_eq!(self.shown.map(|shown| shown.state), Some(state));
            assert!(!matches!(state, CallState::Ended(_)));
        }
        let kept = usize::from(state.is_accepted());
        assert_eq!(self.kept.len(), kept, "{state:?} with {:?}", self.kept);
    }

    fn command(&mut self, leg: u64, command: LegCommand) {
        let stranger = !self.started.contains(&leg);
        match &command {
            LegCommand::Start | LegCommand::Ring => {
                assert!(self.started.insert(leg), "{leg} was started twice");
                return;
            }
            LegCommand::HangUp(_) if stranger && !self.attempts.contains(&leg) => return,
            LegCommand::Answer => {
                assert!(self.kept.insert(leg));
            }
            LegCommand::Hold | LegCommand::Resume => assert!(self.kept.contains(&leg)),
            LegCommand::SendDtmf(_) => {
                assert!(self.kept.contains(&leg) || !self.told.contains_key(&leg));
            }
            LegCommand::Cancel(_) | LegCommand::Reject(_) => {
                assert_eq!(self.told.insert(leg, command.clone()), None);
            }
            LegCommand::HangUp(_) => {
                assert!(self.kept.remove(&leg), "{leg} was hung up, not accepted");
                let before = self.told.insert(leg, command.clone());
                let first = matches!(before, None | Some(LegCommand::Cancel(_)));
                assert!(first, "{leg} was told {before:?} before");
            }
        }
        assert!(!stranger, "{leg} was told {command:?} and never started");
        assert!(
            !self.gone.contains(&leg),
            "{leg} is over and was told {command:?}"
        );
    }

    /// Inputs stop, but for what the protocol rooms promise: every leg that was started ends.
    fn legs_end(&mut self) {
        let reason = EndReason::Unreachable;
        // An attempt that ends may start the next one.
        for _ in 0..=LEGS {
            for leg in self.started.clone() {
                if !self.gone.contains(&leg) {
                    self.leg(leg, LegEvent::Ended { reason });
                }
            }
        }
        assert!(
            self.over,
            "no leg is left, and the call goes on: {:?}",
            self.call
        );
    }

    fn user_hangs_up(&mut self, config: &CallConfig) {
        let result = self.call.handle_command(self.now, Command::HangUp);
        self.read();
        let state = self.call.state();
        assert!(state.is_ending_or_ended(), "{result:?} left it {state:?}");
        let forced = config.ending_limit.min(Duration::from_secs(24 * 60 * 60));
        self.wait(forced);
        assert!(self.over, "hung up, and it never ended: {:?}", self.call);
        assert_eq!(self.call.poll_timeout(), None);
        for leg in &self.started {
            let let_go = self.told.contains_key(leg) || self.gone.contains(leg);
            // Forks go with the attempt they belong to.
            let fork = !self.attempts.contains(leg) && self.outgoing;
            assert!(let_go || fork, "nobody told {leg} to end");
        }
    }
}

/// The state says what the two axes and the holds say.
fn consistent(shown: &CallSnapshot) {
    let by = HoldState::of(shown.local_hold, shown.remote_hold);
    assert_eq!(shown.accepted, shown.state.is_accepted());
    let outgoing = shown.direction == CallDirection::Outgoing;
    match shown.state {
        CallState::Dialing | CallState::Ringing | CallState::EarlyMedia => {
            assert!(outgoing && shown.leg.is_none() && by.is_none());
        }
        CallState::Incoming => assert!(!outgoing && shown.leg.is_none() && by.is_none()),
        CallState::Connecting | CallState::Reconnecting { .. } => {
            assert!(!shown.connected && by.is_none());
        }
        CallState::Active { .. } => assert!(shown.connected && by.is_none()),
        CallState::Held { by: held, .. } => assert_eq!(Some(held), by),
        CallState::Ending => assert!(!shown.connected && by.is_none()),
        CallState::Ended(_) => panic!("the end has an event of its own"),
    }
    assert!(!shown.accepted || shown.leg.is_some());
    assert!(shown.accepted || shown.hold_wish.is_none());
}

#[test]
fn whatever_happens_the_promises_hold() {
    let standard = ProptestConfig::default();
    let mut config = ProptestConfig {
        // PROPTEST_CASES asks for more.
        cases: standard.cases.saturating_mul(4),
        failure_persistence: None,
        ..standard
    };
    if config.rng_seed == RngSeed::Random {
        let random = std::hash::RandomState::new().build_hasher().finish();
        config.rng_seed = RngSeed::Fixed(random);
    }
    // Shown when the test fails; give it back as PROPTEST_RNG_SEED.
    println!("seed: {:?}", config.rng_seed);
    let seen = RefCell::new(BTreeSet::new());
    let result = TestRunner::new(config).run(&plot(), |plot| {
        let mut watch = Watch::begin(&plot);
        for input in plot.inputs.clone() {
            watch.apply(input);
            seen.borrow_mut().insert(watch.call.state().token());
        }
        if plot.hangs_up {
            watch.user_hangs_up(&plot.config);
        } else {
            watch.legs_end();
        }
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    assert_eq!(
        seen.borrow().len(),
        11,
        "chance did not get everywhere: {seen:?}"
    );
}

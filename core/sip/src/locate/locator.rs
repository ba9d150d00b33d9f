//! What was looked up, what is being looked up, and what did not work.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tandem_types::Entropy;

use super::{Answer, LocateError, Place, Plan, Question, Target, TransportChoice};
use crate::transaction::TransportKind;

/// How long targets are kept. Resolvers of platforms do not tell the records' own lifetime.
const LIFETIME: Duration = Duration::from_secs(60);
/// How long a name that was not found counts as unknown: the network may not have been there yet.
const LIFETIME_OF_NOTHING: Duration = Duration::from_secs(1);
/// How long name servers may take for one look-up, with all its steps.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a target that failed is passed over while there is another.
const SHUNNED: Duration = Duration::from_secs(60);
/// The longest a server can ask to be left alone (Retry-After of a 503).
const SHUNNED_AT_MOST: Duration = Duration::from_secs(600);
/// Places remembered at one time.
const MAX_PLACES: usize = 32;
/// Failed targets remembered at one time.
const MAX_SHUNNED: usize = 64;

/// What is known of a place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Found {
    /// The target to use now.
    Target(Target),
    /// Name servers are being asked; ask again once [`Locator::poll_settled`] names the place.
    Asking,
    /// There is no way to it.
    Nowhere(LocateError),
}

/// The look-ups of one agent. Sans-IO: questions come out, answers go in.
#[derive(Debug, Default)]
pub struct Locator {
    entries: Vec<Entry>,
    shunned: VecDeque<Shunned>,
    questions: VecDeque<Question>,
    /// Questions that were handed out and not answered; two places may wait for one.
    open: BTreeSet<Question>,
    settled: VecDeque<Place>,
}

#[derive(Debug)]
struct Entry {
    place: Place,
    choice: TransportChoice,
    plan: Plan,
    /// When the plan gives up, or the targets are too old.
    until: Instant,
    /// Whether [`Locator::poll_settled`] has named it.
    told: bool,
    /// The target that was used last: kept among its equals.
    used: Option<Target>,
}

#[derive(Debug)]
struct Shunned {
    transport: TransportKind,
    address: SocketAddr,
    until: Instant,
}

impl Locator {
    /// Nothing known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The way to `place`; begins to look it up where it is not known. `reachable` says which addresses this
    /// side has a socket for.
    ///
    /// Targets that failed are passed over as long as there is another. If all of them failed, the first one
    /// is tried again: better than nothing.
    pub fn find(
        &mut self,
        now: Instant,
        place: &Place,
        choice: TransportChoice,
        reachable: impl Fn(&Target) -> bool,
    ) -> Found {
        let known = |entry: &Entry| entry.place == *place && entry.choice == choice;
        let at = self.entries.iter().position(known);
        let stale = at
            .and_then(|at| self.entries.get(at))
            .is_none_or(|entry| entry.plan.outcome().is_some() && entry.until <= now);
        if stale {
            let used = at.and_then(|at| self.entries.remove(at).used);
            self.begin(now, place.clone(), choice, used);
        }
        self.shunned.retain(|shunned| shunned.until > now);
        let Some(entry) = self.entries.iter_mut().find(|entry| known(entry)) else {
            return Found::Nowhere(LocateError::NoAddress);
        };
        match entry.plan.outcome() {
            None => Found::Asking,
            Some(Err(error)) => Found::Nowhere(*error),
            Some(Ok(targets)) => {
                let mut usable = targets.iter().filter(|target| reachable(target));
                let first = usable.clone().next();
                let shunned = &self.shunned;
                let healthy = usable.find(|target| !shunned.iter().any(|one| one.is(target)));
                match healthy.or(first).cloned() {
                    None => Found::Nowhere(LocateError::NoAddress),
                    Some(target) => {
                        entry.used = Some(target.clone());
                        Found::Target(target)
                    }
                }
            }
        }
    }

    /// The target that was used last for `place`, if it is still known.
    pub fn used(&self, place: &Place) -> Option<&Target> {
        let known = |entry: &&Entry| entry.place == *place;
        self.entries.iter().find(known)?.used.as_ref()
    }

    /// `target` did not work: whether `place` has another that may. `rest`: how long it asked to be left
    /// alone.
    pub fn shun(
        &mut self,
        now: Instant,
        place: &Place,
        target: &Target,
        rest: Option<Duration>,
        reachable: impl Fn(&Target) -> bool,
    ) -> bool {
        let rest = rest.unwrap_or_default().clamp(SHUNNED, SHUNNED_AT_MOST);
        self.shunned
            .retain(|one| one.until > now && !one.is(target));
        if self.shunned.len() >= MAX_SHUNNED {
            self.shunned.pop_front();
        }
        self.shunned.push_back(Shunned {
            transport: target.transport,
            address: target.address,
            until: now + rest,
        });
        self.has_other(place, target, reachable)
    }

    /// Whether `place` has a target beside this one that did not fail.
    pub fn has_other(
        &self,
        place: &Place,
        target: &Target,
        reachable: impl Fn(&Target) -> bool,
    ) -> bool {
        let of_place = self.entries.iter().filter(|entry| entry.place == *place);
        let mut targets = of_place
            .filter_map(|entry| entry.plan.outcome()?.as_ref().ok())
            .flatten();
        targets.any(|other| {
            let is_other = other.transport != target.transport || other.address != target.address;
            is_other && reachable(other) && !self.shunned.iter().any(|one| one.is(other))
        })
    }

    /// A target that works is shunned no more.
    pub fn forgive(&mut self, target: &Target) {
        self.shunned.retain(|one| !one.is(target));
    }

    /// Forgets everything: another network has other name servers and other ways. Places that were waited
    /// for are named as settled.
    pub fn clear(&mut self) {
        let waiting = self.entries.drain(..);
        let waiting = waiting.filter(|entry| entry.plan.outcome().is_none());
        self.settled.extend(waiting.map(|entry| entry.place));
        self.shunned.clear();
        self.questions.clear();
        self.open.clear();
    }

    /// Name servers have answered.
    pub fn handle_answer(
        &mut self,
        now: Instant,
        question: &Question,
        answer: &Answer,
        entropy: &mut dyn Entropy,
    ) {
        self.open.remove(question);
        for entry in &mut self.entries {
            if entry.plan.outcome().is_none() {
                let used = entry.used.as_ref();
                entry.plan.handle_answer(question, answer, used, entropy);
            }
        }
        self.advance(now);
    }

    /// Time has come to `now`.
    pub fn handle_timeout(&mut self, now: Instant, entropy: &mut dyn Entropy) {
        for entry in &mut self.entries {
            if entry.plan.outcome().is_none() && entry.until <= now {
                entry.plan.give_up(entry.used.as_ref(), entropy);
            }
        }
        self.advance(now);
    }

    /// When to be woken.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let asking = self.entries.iter();
        let asking = asking.filter(|entry| entry.plan.outcome().is_none());
        asking.map(|entry| entry.until).min()
    }

    /// The next question for the name servers.
    pub fn poll_question(&mut self) -> Option<Question> {
        self.questions.pop_front()
    }

    /// A place whose look-up is over: ask [`Locator::find`] again.
    pub fn poll_settled(&mut self) -> Option<Place> {
        self.settled.pop_front()
    }

    fn begin(&mut self, now: Instant, place: Place, choice: TransportChoice, used: Option<Target>) {
        if self.entries.len() >= MAX_PLACES {
            // The oldest goes; whoever waits for it must not wait for ever.
            let oldest = self.entries.remove(0);
            if oldest.plan.outcome().is_none() {
                self.settled.push_back(oldest.place);
            }
        }
        let plan = Plan::new(place.clone(), choice);
        let lasts = match plan.outcome() {
            Some(_) => LIFETIME,
            None => PATIENCE,
        };
        self.entries.push(Entry {
            place,
            choice,
            // A literal address needs no waiting.
            told: plan.outcome().is_some(),
            plan,
            until: now + lasts,
            used,
        });
        self.ask();
    }

    /// Takes new questions from the plans, and notes those that are through.
    fn advance(&mut self, now: Instant) {
        self.ask();
        for entry in &mut self.entries {
            if entry.plan.outcome().is_some() && !entry.told {
                entry.told = true;
                let found = entry.plan.outcome().is_some_and(Result::is_ok);
                entry.until = now + if found { LIFETIME } else { LIFETIME_OF_NOTHING };
                self.settled.push_back(entry.place.clone());
            }
        }
    }

    fn ask(&mut self) {
        for entry in &mut self.entries {
            while let Some(question) = entry.plan.poll_question() {
                if self.open.insert(question.clone()) {
                    self.questions.push_back(question);
                }
            }
        }
    }
}

impl Shunned {
    fn is(&self, target: &Target) -> bool {
        self.transport == target.transport && self.address == target.address
    }
}

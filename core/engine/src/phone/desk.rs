//! What every call of a phone shares: the accounts, the clock on the wall, and the queue of outputs.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use tandem_store::UnixMillis;
use tandem_types::{AccountId, Entropy};

use super::account::Slot;
use super::{LogEntry, Output, PhoneConfig, PhoneError};
use crate::{AccountSnapshot, AccountState, Event};

pub(super) struct Desk {
    pub(super) config: PhoneConfig,
    pub(super) entropy: Box<dyn FnMut() -> Box<dyn Entropy> + Send>,
    pub(super) accounts: BTreeMap<AccountId, Slot>,
    pub(super) outputs: VecDeque<Output>,
    /// Look-ups of servers so far, of all accounts that ever were.
    pub(super) asked: u64,
    /// The wall clock at one instant; a later moment is counted from it.
    anchor: (Instant, UnixMillis),
}

impl Desk {
    pub(super) fn new(
        config: PhoneConfig,
        entropy: Box<dyn FnMut() -> Box<dyn Entropy> + Send>,
        now: Instant,
        wall: UnixMillis,
    ) -> Self {
        Self {
            config,
            entropy,
            accounts: BTreeMap::new(),
            outputs: VecDeque::new(),
            asked: 0,
            anchor: (now, wall),
        }
    }

    /// What the clock on the wall says at `now`.
    pub(super) fn wall(&self, now: Instant) -> UnixMillis {
        let (then, wall) = self.anchor;
        let passed = now.saturating_duration_since(then).as_millis();
        UnixMillis(
            wall.0
                .saturating_add(i64::try_from(passed).unwrap_or(i64::MAX)),
        )
    }

    pub(super) const fn set_wall(&mut self, now: Instant, wall: UnixMillis) {
        self.anchor = (now, wall);
    }

    /// The same as a duration since 1970, for RTCP's NTP timestamps.
    pub(super) fn unix_time(&self, now: Instant) -> Duration {
        Duration::from_millis(u64::try_from(self.wall(now).0).unwrap_or(0))
    }

    pub(super) fn slot(&mut self, id: AccountId) -> Result<&mut Slot, PhoneError> {
        self.accounts.get_mut(&id).ok_or(PhoneError::NoSuchAccount)
    }

    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn log(&mut self, entry: LogEntry) {
        self.push(Output::Log(entry));
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    pub(super) fn account_changed(&mut self, id: AccountId, state: AccountState) {
        if let Some(slot) = self.accounts.get_mut(&id) {
            slot.state = state;
            let address = slot.address.clone();
            self.tell(Event::Account(AccountSnapshot { id, address, state }));
        }
    }
}

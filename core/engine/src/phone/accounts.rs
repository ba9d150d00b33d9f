//! A phone's accounts: added, signed in and out, and given up.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tandem_call::Command;
use tandem_sip::agent::{LocalAddresses, UserAgent};
use tandem_types::{AccountId, CallId, EndReason, Pii};

use super::account::{AccountError, Slot, agent_config};
use super::servers::Servers;
use super::{Phone, PhoneError, SipAccount};
use crate::{AccountState, Event};

/// How much longer an agent lets a call ring than the call itself.
const RING_MARGIN: Duration = Duration::from_secs(10);
/// Faults after which an account is left alone: something it is told every time breaks it.
const MAX_FAULTS: u8 = 3;

impl Phone {
    /// Adds an account whose sockets are open at `local`. Nothing is sent before
    /// [`Phone::register`].
    ///
    /// # Errors
    /// When it is there already, or the address or the server cannot be used.
    pub fn add_account(
        &mut self,
        id: AccountId,
        account: &SipAccount,
        local: LocalAddresses,
    ) -> Result<(), PhoneError> {
        let desk = &mut self.desk;
        if desk.accounts.contains_key(&id) {
            // Its sessions and sockets belong to the agent that is there.
            return Err(AccountError::Exists.into());
        }
        let servers = account.ice_servers()?;
        let own = local.udp.or(local.tcp).or(local.tls);
        let six = own.is_some_and(|own| own.is_ipv6());
        let (mut config, domain) = agent_config(
            account,
            local,
            &desk.config.user_agent,
            &desk.config.instance_id,
        )?;
        let address = Pii::new(config.aor.to_string());
        // The call decides how long it rings; what is below only outlives it.
        let limits = &desk.config.call;
        let rings = limits.ring_limit.max(limits.incoming_ring_limit);
        config.ring_limit = config.ring_limit.max(rings.saturating_add(RING_MARGIN));
        let agent = UserAgent::new(config.clone(), (desk.entropy)());
        let slot = Slot {
            agent,
            config,
            faults: 0,
            sessions: BTreeMap::new(),
            state: AccountState::Offline,
            address,
            domain,
            media_security: account.media_security,
            servers: Servers::new(servers, account.ice.relay, six),
        };
        let state = slot.resting_state();
        desk.accounts.insert(id, slot);
        desk.account_changed(id, state);
        desk.ask_for_servers(None, id);
        Ok(())
    }

    /// Signs in, and stays signed in.
    ///
    /// # Errors
    /// [`PhoneError::NoSuchAccount`].
    pub fn register(&mut self, now: Instant, id: AccountId) -> Result<(), PhoneError> {
        self.desk.slot(id)?.agent.register(now);
        self.desk.ask_for_servers(Some(now), id);
        self.desk.account_changed(id, AccountState::Connecting);
        self.settle(now);
        Ok(())
    }

    /// Whether nobody waits to hear from an account: every hang-up and every refusal was heard.
    pub fn is_settled(&self, id: AccountId) -> bool {
        let slot = self.desk.accounts.get(&id);
        slot.is_none_or(|slot| slot.agent.is_settled())
    }

    /// Signs out.
    ///
    /// # Errors
    /// [`PhoneError::NoSuchAccount`].
    pub fn unregister(&mut self, now: Instant, id: AccountId) -> Result<(), PhoneError> {
        let slot = self.desk.slot(id)?;
        if slot.signs_in() {
            slot.agent.unregister(now);
        }
        self.settle(now);
        Ok(())
    }

    /// Hangs up every call of an account and signs it out; [`Phone::is_quiet`] says when that is done.
    pub fn leave(&mut self, now: Instant, id: AccountId) {
        let of_account = self.calls.values().filter(|call| call.account == id);
        let calls: Vec<CallId> = of_account.map(|call| call.id().clone()).collect();
        for call in calls {
            // One that is ending already needs nothing more.
            let _ = self.command(now, &call, Command::HangUp);
        }
        if let Some(slot) = self.desk.accounts.get_mut(&id) {
            match slot.state {
                AccountState::Connecting | AccountState::Online { .. } => {
                    slot.agent.unregister(now);
                }
                AccountState::Offline | AccountState::Listening | AccountState::Failed { .. } => {}
            }
        }
        self.settle(now);
    }

    /// Whether an account has no call, is not signed in, and has been heard by everybody it let go.
    pub fn is_quiet(&self, id: AccountId) -> bool {
        let out = self
            .desk
            .accounts
            .get(&id)
            .is_none_or(|slot| match slot.state {
                AccountState::Offline | AccountState::Listening | AccountState::Failed { .. } => {
                    true
                }
                AccountState::Connecting | AccountState::Online { .. } => false,
            });
        out && self.is_settled(id) && !self.calls.values().any(|call| call.account == id)
    }

    /// Forgets an account at once, with whatever still runs over it. See [`Phone::leave`].
    pub fn remove_account(&mut self, now: Instant, id: AccountId) {
        let of_account = self.calls.values().filter(|call| call.account == id);
        let calls: Vec<CallId> = of_account.map(|call| call.id().clone()).collect();
        for call in calls {
            if let Some(mut call) = self.calls.remove(&call) {
                call.abandon(now, EndReason::LocalHangUp, &mut self.desk);
            }
        }
        if self.desk.accounts.remove(&id).is_some() {
            self.desk.tell(Event::AccountRemoved { account: id });
        }
    }

    /// Puts an account whose agent panicked back on its feet: what it knew cannot be trusted any more, so its
    /// calls end, and a fresh agent signs in where the old one was.
    pub(super) fn recover_account(&mut self, now: Instant, id: AccountId) {
        tracing::error!(account = %id, "a fault inside ended the calls of this account");
        let of_account = self.calls.values().filter(|call| call.account == id);
        let calls: Vec<CallId> = of_account.map(|call| call.id().clone()).collect();
        let agent = match self.desk.accounts.get(&id) {
            Some(slot) => UserAgent::new(slot.config.clone(), (self.desk.entropy)()),
            None => return,
        };
        let Some(slot) = self.desk.accounts.get_mut(&id) else {
            return;
        };
        slot.agent = agent;
        slot.sessions.clear();
        slot.faults = slot.faults.saturating_add(1);
        let spent = slot.faults >= MAX_FAULTS;
        let again = match slot.state {
            AccountState::Connecting
            | AccountState::Online { .. }
            | AccountState::Failed { .. } => !spent,
            AccountState::Offline | AccountState::Listening => false,
        };
        // Its sockets are open, and whoever calls still reaches the fresh agent.
        let rests = slot.resting_state();
        for call in calls {
            if let Some(mut call) = self.calls.remove(&call) {
                call.abandon(now, EndReason::InternalError, &mut self.desk);
            }
        }
        if again {
            // Cannot fail: the account is there.
            let _ = self.register(now, id);
        } else {
            self.desk.account_changed(id, rests);
        }
    }
}

#[cfg(test)]
mod tests {
    use tandem_call::CallState;

    use super::*;
    use crate::phone::Output;
    use crate::phone::testing::{ACCOUNT, calling, phone};

    #[test]
    fn a_fault_in_an_agent_ends_its_calls_and_the_account_signs_in_again() {
        let now = Instant::now();
        let (mut phone, _) = calling(now);
        phone.register(now, ACCOUNT).unwrap();
        while phone.poll_output().is_some() {}
        phone.with_agent(now, ACCOUNT, |_| panic!("a fault for this test"));
        assert_eq!(phone.calls().count(), 0);
        let (mut ended, mut registers) = (None, 0);
        while let Some(output) = phone.poll_output() {
            match output {
                Output::Event(Event::Call(call)) => ended = Some(call.state),
                Output::Sip { transmit, .. } if transmit.bytes.starts_with(b"REGISTER") => {
                    registers += 1;
                }
                _ => {}
            }
        }
        assert_eq!(ended, Some(CallState::Ended(EndReason::InternalError)));
        assert_eq!(registers, 1);
    }

    #[test]
    fn an_agent_that_breaks_every_time_is_left_alone() {
        let now = Instant::now();
        let mut phone = phone(now);
        phone.register(now, ACCOUNT).unwrap();
        for _ in 0..MAX_FAULTS {
            phone.with_agent(now, ACCOUNT, |_| panic!("a fault for this test"));
        }
        let states: Vec<AccountState> = phone
            .snapshot()
            .accounts
            .iter()
            .map(|account| account.state)
            .collect();
        assert_eq!(states, [AccountState::Offline]);
    }
}

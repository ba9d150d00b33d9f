//! The phone: SIP agents, call machines and media sessions joined into one thing, still without IO.
//!
//! ```text
//!   agent event ──► signals ──► LegEvent ──► Call ──► LegCommand ──► legs ──► agent, media
//!                                             │
//!                                             └──► CallEvent ──► log entry, then event
//! ```
//!
//! The driver (or a test in virtual time) gives it datagrams, commands and the time, takes
//! [`Output`]s until there are none, and sleeps until [`Phone::poll_timeout`]. A panic while one call is
//! handled ends that call with [`EndReason::InternalError`] and nothing else.

mod account;
mod active;
mod desk;
mod incoming;
mod legs;
mod media;
mod output;
mod signals;
mod telling;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use tandem_call::{CallConfig, Command, CommandError};
use tandem_media::io::{AudioSink, AudioSource};
use tandem_media::{Capabilities, Component};
use tandem_sip::agent::{LocalAddresses, SessionId, UserAgent};
use tandem_sip::message::Uri;
use tandem_sip::transaction::{ConnectionId, Hop, TransmitId, TransportError};
use tandem_store::UnixMillis;
use tandem_types::{AccountId, Address, CallId, EndReason, Entropy, LegId, Pii};

pub use account::{AccountError, SipAccount};
pub use output::{LogEntry, Output};

use crate::{AccountSnapshot, AccountState, CallSnapshot, Event, Snapshot};
use account::{Slot, agent_config};
use active::ActiveCall;
use desk::Desk;

/// What a phone is told once.
pub struct PhoneConfig {
    /// Limits of a call.
    pub call: CallConfig,
    /// Codecs and what else media can do.
    pub media: Capabilities,
    /// The User-Agent header.
    pub user_agent: String,
    /// `urn:uuid:…`, the same for the life of the installation (RFC 5626 §4.1).
    pub instance_id: String,
    /// Calls at one time; more are refused as busy.
    pub max_calls: usize,
}

/// Where a call's sound comes from and goes to.
pub struct Audio {
    /// What is sent.
    pub source: Box<dyn AudioSource>,
    /// Where to put what is heard.
    pub sink: Box<dyn AudioSink>,
}

/// The local addresses of a call's media sockets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MediaPorts {
    /// RTP.
    pub rtp: SocketAddr,
    /// RTCP, for peers that do not share the port.
    pub rtcp: SocketAddr,
}

/// Why the phone refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PhoneError {
    /// No such account.
    #[error("there is no such account")]
    NoSuchAccount,
    /// No such call, or it has ended.
    #[error("there is no such call")]
    NoSuchCall,
    /// As many calls as this phone takes.
    #[error("too many calls at one time")]
    TooManyCalls,
    /// What was dialled is no address.
    #[error("that is no address to call")]
    BadTarget,
    /// The call is not in a state for it.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The account cannot be used.
    #[error(transparent)]
    Account(#[from] AccountError),
}

/// Every account and every call of one engine. See the [module](self) for the loop that drives it.
pub struct Phone {
    desk: Desk,
    calls: BTreeMap<CallId, ActiveCall>,
    next_leg: u64,
    takes_calls: bool,
}

impl Phone {
    /// A phone without accounts. `wall` is what the clock on the wall says at `now`; `entropy` gives a fresh
    /// generator to whoever needs one.
    pub fn new(
        config: PhoneConfig,
        entropy: impl FnMut() -> Box<dyn Entropy> + Send + 'static,
        now: Instant,
        wall: UnixMillis,
    ) -> Self {
        Self {
            desk: Desk::new(config, Box::new(entropy), now, wall),
            calls: BTreeMap::new(),
            next_leg: 1,
            takes_calls: true,
        }
    }

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
        let agent = UserAgent::new(config, (desk.entropy)());
        let slot = Slot {
            agent,
            sessions: BTreeMap::new(),
            state: AccountState::Offline,
            address,
            domain,
        };
        desk.accounts.insert(id, slot);
        desk.account_changed(id, AccountState::Offline);
        Ok(())
    }

    /// Signs in, and stays signed in.
    ///
    /// # Errors
    /// [`PhoneError::NoSuchAccount`].
    pub fn register(&mut self, now: Instant, id: AccountId) -> Result<(), PhoneError> {
        self.desk.slot(id)?.agent.register(now);
        self.desk.account_changed(id, AccountState::Connecting);
        self.settle(now);
        Ok(())
    }

    /// What the clock on the wall says at `now`. To be told again and again: a device that slept, or whose
    /// clock was set, has another idea of it than was counted from the last time.
    pub const fn set_wall(&mut self, now: Instant, wall: UnixMillis) {
        self.desk.set_wall(now, wall);
    }

    /// Whether calls that come in may ring. While they may not, they are refused as unavailable and leave no
    /// trace: for a driver that is about to stop, or cannot keep up with writing them down.
    pub const fn set_takes_calls(&mut self, takes_calls: bool) {
        self.takes_calls = takes_calls;
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
        self.desk.slot(id)?.agent.unregister(now);
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
                AccountState::Offline | AccountState::Failed { .. } => {}
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
                AccountState::Offline | AccountState::Failed { .. } => true,
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

    /// The end of everything: what has not ended by now has, and no account is signed in any more.
    pub fn stop(&mut self, now: Instant) {
        for (_, mut call) in std::mem::take(&mut self.calls) {
            call.abandon(now, EndReason::LocalHangUp, &mut self.desk);
        }
        let accounts = self.desk.accounts.iter();
        let left: Vec<AccountId> = accounts
            .filter(|(_, slot)| slot.state != AccountState::Offline)
            .map(|(&id, _)| id)
            .collect();
        for id in left {
            self.desk.account_changed(id, AccountState::Offline);
        }
    }

    /// Calls `target`: an address, or just a user at the account's server.
    ///
    /// # Errors
    /// No such account, too many calls, or a target that is no address.
    pub fn place_call(
        &mut self,
        now: Instant,
        account: AccountId,
        target: &str,
        audio: Audio,
    ) -> Result<CallId, PhoneError> {
        if self.calls.len() >= self.desk.config.max_calls {
            return Err(PhoneError::TooManyCalls);
        }
        let domain = self.desk.slot(account)?.domain.clone();
        let address = dialled(target, domain.as_deref())?;
        let uri: Uri = address
            .as_str()
            .parse()
            .map_err(|_| PhoneError::BadTarget)?;
        let id = CallId::random(&mut *(self.desk.entropy)());
        let leg = self.leg();
        let call = ActiveCall::outgoing(
            now,
            id.clone(),
            leg,
            account,
            address,
            uri,
            audio,
            &self.desk,
        );
        self.desk.log(LogEntry::Begin(call.new_row()));
        self.desk.push(Output::OpenMedia {
            call: id.clone(),
            account,
        });
        self.calls.insert(id.clone(), call);
        self.settle(now);
        Ok(id)
    }

    /// Takes an incoming call.
    ///
    /// # Errors
    /// No such call, or it cannot be answered (any more).
    pub fn answer(&mut self, now: Instant, call: &CallId, audio: Audio) -> Result<(), PhoneError> {
        let active = self.calls.get_mut(call).ok_or(PhoneError::NoSuchCall)?;
        active.machine.handle_command(now, Command::Answer)?;
        active.give_audio(audio);
        self.settle(now);
        Ok(())
    }

    /// Anything else a user can do with a call.
    ///
    /// # Errors
    /// No such call, or not in its state; nothing changed then.
    pub fn command(
        &mut self,
        now: Instant,
        call: &CallId,
        command: Command,
    ) -> Result<(), PhoneError> {
        let active = self.calls.get_mut(call).ok_or(PhoneError::NoSuchCall)?;
        active.machine.handle_command(now, command)?;
        self.settle(now);
        Ok(())
    }

    /// Turns a call's microphone off, or on again.
    ///
    /// # Errors
    /// [`PhoneError::NoSuchCall`].
    pub fn set_muted(
        &mut self,
        now: Instant,
        call: &CallId,
        muted: bool,
    ) -> Result<(), PhoneError> {
        let active = self.calls.get_mut(call).ok_or(PhoneError::NoSuchCall)?;
        active.set_muted(muted);
        active.publish(&mut self.desk);
        self.settle(now);
        Ok(())
    }

    /// A datagram came in on an account's SIP socket.
    pub fn handle_sip_datagram(
        &mut self,
        now: Instant,
        account: AccountId,
        from: SocketAddr,
        bytes: &[u8],
    ) {
        self.with_agent(now, account, |agent| {
            agent.handle_datagram(now, from, bytes);
        });
    }

    /// A stream opened: for `hop`, or (`None`) by the far end.
    pub fn handle_connected(
        &mut self,
        now: Instant,
        account: AccountId,
        connection: ConnectionId,
        local: SocketAddr,
        remote: SocketAddr,
        hop: Option<Hop>,
    ) {
        self.with_agent(now, account, |agent| {
            agent.handle_connected(now, connection, local, remote, hop);
        });
    }

    /// Bytes came in on a stream.
    pub fn handle_stream(
        &mut self,
        now: Instant,
        account: AccountId,
        connection: ConnectionId,
        bytes: &[u8],
    ) {
        self.with_agent(now, account, |agent| {
            agent.handle_stream(now, connection, bytes);
        });
    }

    /// A stream closed or broke.
    pub fn handle_disconnected(
        &mut self,
        now: Instant,
        account: AccountId,
        connection: ConnectionId,
    ) {
        self.with_agent(now, account, |agent| {
            agent.handle_disconnected(now, connection);
        });
    }

    /// A SIP message could not be sent: no such name, nobody listens, no route.
    pub fn handle_send_failed(
        &mut self,
        now: Instant,
        account: AccountId,
        transmit: TransmitId,
        failure: TransportError,
    ) {
        self.with_agent(now, account, |agent| {
            agent.handle_send_failed(now, transmit, failure);
        });
    }

    /// The sockets asked for with [`Output::OpenMedia`] are open; `None`: they could not be.
    pub fn handle_media_opened(&mut self, now: Instant, call: &CallId, ports: Option<MediaPorts>) {
        self.with_call(now, call, |call, desk| {
            call.handle_media_opened(now, ports, desk);
        });
    }

    /// A packet came in on one of a call's media sockets.
    pub fn handle_media_datagram(
        &mut self,
        now: Instant,
        call: &CallId,
        component: Component,
        from: SocketAddr,
        bytes: &[u8],
    ) {
        self.with_call(now, call, |call, desk| {
            call.handle_media_datagram(now, component, from, bytes, desk);
        });
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        for slot in self.desk.accounts.values_mut() {
            slot.agent.handle_timeout(now);
        }
        let due: Vec<CallId> = self
            .calls
            .iter()
            .filter(|(_, call)| call.poll_timeout().is_some_and(|at| at <= now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            self.with_call(now, &id, |call, desk| call.handle_timeout(now, desk));
        }
        self.settle(now);
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.desk.outputs.pop_front()
    }

    /// When [`Phone::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let agents = self
            .desk
            .accounts
            .values()
            .filter_map(|slot| slot.agent.poll_timeout());
        let calls = self.calls.values().filter_map(ActiveCall::poll_timeout);
        agents.chain(calls).min()
    }

    /// Everything a screen shows that is not in the store.
    pub fn snapshot(&self) -> Snapshot {
        let accounts = self.desk.accounts.iter();
        Snapshot {
            accounts: accounts
                .map(|(&id, slot)| AccountSnapshot {
                    id,
                    address: slot.address.clone(),
                    state: slot.state,
                })
                .collect(),
            calls: self
                .calls
                .values()
                .map(|call| call.snapshot().clone())
                .collect(),
        }
    }

    /// The calls that have not ended.
    pub fn calls(&self) -> impl Iterator<Item = &CallSnapshot> {
        self.calls.values().map(ActiveCall::snapshot)
    }

    fn leg(&mut self) -> LegId {
        let leg = LegId(self.next_leg);
        self.next_leg += 1;
        leg
    }

    fn with_agent(&mut self, now: Instant, id: AccountId, act: impl FnOnce(&mut UserAgent)) {
        if let Some(slot) = self.desk.accounts.get_mut(&id) {
            act(&mut slot.agent);
            self.settle(now);
        }
    }

    /// Lets one call act, behind the wall that keeps its faults in its room.
    fn with_call(
        &mut self,
        now: Instant,
        id: &CallId,
        act: impl FnOnce(&mut ActiveCall, &mut Desk),
    ) {
        self.guarded(now, id, act);
        self.settle(now);
    }

    fn guarded(&mut self, now: Instant, id: &CallId, act: impl FnOnce(&mut ActiveCall, &mut Desk)) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let desk = &mut self.desk;
        let outcome = catch_unwind(AssertUnwindSafe(|| act(call, desk)));
        if outcome.is_err() {
            tracing::error!(call = %id, "a fault inside ended this call");
            if let Some(mut call) = self.calls.remove(id) {
                call.abandon(now, EndReason::InternalError, &mut self.desk);
            }
        }
    }

    /// Carries every event of the agents to the calls and back, until nothing moves any more.
    fn settle(&mut self, now: Instant) {
        loop {
            let mut moved = self.take_agent_outputs(now);
            let ids: Vec<CallId> = self.calls.keys().cloned().collect();
            for id in ids {
                let mut acted = false;
                self.guarded(now, &id, |call, desk| acted = call.settle(now, desk));
                moved |= acted;
                if self.calls.get(&id).is_some_and(ActiveCall::is_over) {
                    self.calls.remove(&id);
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn take_agent_outputs(&mut self, now: Instant) -> bool {
        let mut moved = false;
        let ids: Vec<AccountId> = self.desk.accounts.keys().copied().collect();
        for account in ids {
            while let Some(output) = self
                .desk
                .accounts
                .get_mut(&account)
                .and_then(|slot| slot.agent.poll_output())
            {
                moved = true;
                self.take_agent_output(now, account, output);
            }
        }
        moved
    }

    fn call_of(&self, account: AccountId, session: SessionId) -> Option<CallId> {
        self.desk
            .accounts
            .get(&account)?
            .sessions
            .get(&session)
            .cloned()
    }
}

/// What a person dialled, as an address: `bob` means bob at the account's own server or, without a server,
/// the machine of that name.
fn dialled(target: &str, domain: Option<&str>) -> Result<Address, PhoneError> {
    let target = target.trim();
    let has_scheme = |scheme: &str| {
        target
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let text = if ["sip:", "sips:", "tel:"].into_iter().any(has_scheme) {
        target.to_owned()
    } else {
        match domain.filter(|_| !target.contains('@')) {
            Some(domain) => format!("sip:{target}@{domain}"),
            None => format!("sip:{target}"),
        }
    };
    text.parse().map_err(|_| PhoneError::BadTarget)
}

/// How much longer an agent lets a call ring than the call itself.
const RING_MARGIN: Duration = Duration::from_secs(10);

/// The reason a leg has when this side could not even begin.
const COULD_NOT_BEGIN: EndReason = EndReason::InternalError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_dialled_at_the_own_server() {
        let dial = |target| dialled(target, Some("example.org")).map(|a| a.to_string());
        assert_eq!(dial("bob").as_deref(), Ok("sip:bob@example.org"));
        assert_eq!(dial("bob@there.org").as_deref(), Ok("sip:bob@there.org"));
        assert_eq!(
            dial("SIP:bob@there.org:5080").as_deref(),
            Ok("sip:bob@there.org:5080")
        );
        assert_eq!(dial("tel:+4930").as_deref(), Ok("tel:+4930"));
        assert_eq!(dial("bob smith"), Err(PhoneError::BadTarget));
        let direct = dialled("192.0.2.7:5070", None).map(|a| a.to_string());
        assert_eq!(direct.as_deref(), Ok("sip:192.0.2.7:5070"));
    }
}

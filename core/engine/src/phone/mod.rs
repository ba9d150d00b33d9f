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
//! handled ends that call with [`EndReason::InternalError`] and nothing else; one inside an agent ends the calls
//! of its account, which then signs in again.

mod account;
mod accounts;
mod active;
mod desk;
mod gathering;
mod ice;
mod ice_url;
mod incoming;
mod inputs;
mod legs;
mod media;
mod output;
mod protection;
mod servers;
mod signals;
mod telling;
#[cfg(test)]
mod testing;
mod verifying;
mod way;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use tandem_call::{CallConfig, Command, CommandError};
use tandem_media::Capabilities;
use tandem_media::io::{AudioSink, AudioSource};
use tandem_sip::agent::{SessionId, UserAgent};
use tandem_sip::message::Uri;
use tandem_store::UnixMillis;
use tandem_types::{AccountId, Address, CallId, EndReason, Entropy, LegId};

pub use account::{AccountError, SipAccount};
pub use ice::{IceConfig, IceServer, IceServerError, MAX_ICE_SERVERS, RelayUse};
pub use ice_url::IceUrlError;
pub use output::{LogEntry, Output};
pub use servers::{LookupId, ServerQuestion};

use crate::{AccountSnapshot, AccountState, CallSnapshot, Snapshot};
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
    /// Whether calls may agree on their keys by DTLS, each with a certificate of its own.
    pub dtls: bool,
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
    /// The far end takes no keys, or too many of them wait already.
    #[error("the far end takes no keys now")]
    NoKeys,
    /// The call has no safety phrase to compare.
    #[error("there is nothing to compare in this call")]
    NoPhrase,
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
        let done = self.guarded(now, call, |active, _| {
            active.machine.handle_command(now, Command::Answer)?;
            active.give_audio(audio);
            Ok(())
        });
        self.settle(now);
        done.ok_or(PhoneError::NoSuchCall)?
            .map_err(PhoneError::Command)
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
        let wish = matches!(command, Command::Hold | Command::Resume);
        let done = self.guarded(now, call, |active, _| {
            active.machine.handle_command(now, command)?;
            if wish {
                active.hold_refused = None;
            }
            active.keys_refused = false;
            Ok(())
        });
        self.settle(now);
        done.ok_or(PhoneError::NoSuchCall)?
            .map_err(PhoneError::Command)?;
        match self.calls.get(call) {
            Some(active) if active.keys_refused => Err(PhoneError::NoKeys),
            _ => Ok(()),
        }
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
        let done = self.guarded(now, call, |active, desk| {
            active.set_muted(muted);
            active.publish(desk);
        });
        self.settle(now);
        done.ok_or(PhoneError::NoSuchCall)
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
            let agent = &mut slot.agent;
            if catch_unwind(AssertUnwindSafe(|| act(agent))).is_err() {
                self.recover_account(now, id);
            }
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

    /// `None` if there is no such call, or no more after this.
    fn guarded<T>(
        &mut self,
        now: Instant,
        id: &CallId,
        act: impl FnOnce(&mut ActiveCall, &mut Desk) -> T,
    ) -> Option<T> {
        let call = self.calls.get_mut(id)?;
        let desk = &mut self.desk;
        let outcome = catch_unwind(AssertUnwindSafe(|| act(call, desk)));
        if outcome.is_err() {
            tracing::error!(call = %id, "a fault inside ended this call");
            if let Some(mut call) = self.calls.remove(id) {
                call.abandon(now, EndReason::InternalError, &mut self.desk);
            }
        }
        outcome.ok()
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
    let address: Address = text.parse().map_err(|_| PhoneError::BadTarget)?;
    // What the history could not show again is not called.
    match address.as_str().parse::<Address>() {
        Ok(read) if read == address => Ok(address),
        _ => Err(PhoneError::BadTarget),
    }
}

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

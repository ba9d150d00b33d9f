//! What the server's answers, and its silence, mean to each request.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rtc_stun::attributes::{ATTR_ALTERNATE_DOMAIN, ATTR_XOR_RELAYED_ADDRESS};
use tandem_types::Entropy;

use super::super::config::RelayFamilies;
use super::super::failure::GatherFailure;
use super::super::message::{StunClass, StunMessage};
use super::request::{Request, WANTED_LIFETIME, What};
use super::{Allocation, Inbound, REFRESH_AGAIN, State, TurnClient, TurnEvent};

/// Signatures made anew for one request: the first challenge, and nonces that went stale meanwhile.
const MAX_RENEWALS: u32 = 4;
/// Refused signatures: a new challenge may come from a server that started anew, a second one means the password.
const MAX_REFUSED_SIGNATURES: u32 = 2;
/// No lifetime is believed beyond this: a server that forgets us is noticed within the hour.
const MAX_LIFETIME: u32 = 3600;
/// A domain name (RFC 1035).
const MAX_NAME: usize = 255;

impl TurnClient {
    pub(super) fn handle_answer(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        message: &StunMessage,
    ) -> Inbound {
        let id = message.transaction();
        let asked = |r: &Request| r.id == id && r.what.method() == message.method();
        let Some(at) = self.requests.iter().position(asked) else {
            return Inbound::Foreign;
        };
        let mut request = self.requests.remove(at);
        self.patience.learn(now, &request.schedule);
        let code = match message.class() {
            StunClass::Error => Some(message.error_code().unwrap_or(400)),
            StunClass::Success | StunClass::Request | StunClass::Indication => None,
        };
        let is_authentic = !request.signed || self.credentials.verify(message);
        match code {
            None if is_authentic => self.accepted(now, entropy, request.what, message),
            // RFC 8489 §9.2.5: as if it had never come.
            None => self.requests.push(request),
            Some(300) => self.redirected(now, entropy, request, message),
            Some(code @ (401 | 438)) => self.challenged(now, entropy, request, code, message),
            Some(code) if is_authentic => self.refused(now, entropy, request.what, code),
            Some(code) => {
                // Servers differ in whether they sign errors. Whoever can read the request can forge this, so a
                // signed answer may still come first.
                request.doubtful = Some(code);
                request.schedule.hurry(now);
                self.requests.push(request);
            }
        }
        Inbound::Handled
    }

    pub(super) fn unanswered(&mut self, now: Instant, entropy: &mut dyn Entropy, request: Request) {
        if let Some(code) = request.doubtful {
            self.refused(now, entropy, request.what, code);
            return;
        }
        match request.what {
            What::Allocate(_) | What::Clear => self.end(GatherFailure::NoAnswer),
            What::Refresh => self.refresh_at(now + REFRESH_AGAIN),
            What::Release => self.state = State::Ended,
            What::Permit(peers) => {
                for peer in peers {
                    self.permissions.unanswered(now, peer);
                }
            }
            What::Bind(peer, _) => self.channels.unbound(now, peer),
        }
    }

    fn accepted(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        what: What,
        message: &StunMessage,
    ) {
        let lifetime = message
            .lifetime()
            .unwrap_or(WANTED_LIFETIME)
            .min(MAX_LIFETIME);
        match what {
            What::Allocate(families) => self.allocated(now, families, lifetime, message),
            What::Clear => self.allocate_again(now, entropy),
            What::Refresh if lifetime == 0 => self.end(GatherFailure::Expired),
            What::Refresh => {
                if let State::Allocated(allocation) = &mut self.state {
                    allocation.live(now, lifetime);
                }
            }
            What::Release => self.state = State::Ended,
            What::Permit(peers) => {
                for peer in peers {
                    for (peer, bytes) in self.permissions.granted(now, peer) {
                        self.send_permitted(now, entropy, peer, &bytes);
                    }
                }
            }
            What::Bind(peer, _) => {
                self.channels.bound(now, peer);
                self.permissions.granted(now, peer.ip());
            }
        }
    }

    fn allocated(
        &mut self,
        now: Instant,
        families: RelayFamilies,
        lifetime: u32,
        message: &StunMessage,
    ) {
        let mut relayed = Vec::new();
        for address in message.addresses(ATTR_XOR_RELAYED_ADDRESS) {
            let wanted = match families {
                RelayFamilies::Ipv4 => address.is_ipv4(),
                RelayFamilies::Ipv6 => address.is_ipv6(),
                RelayFamilies::Both => true,
            };
            let is_new = relayed
                .iter()
                .all(|r: &SocketAddr| r.is_ipv4() != address.is_ipv4());
            if wanted && is_new {
                relayed.push(address);
            }
        }
        if relayed.is_empty() || lifetime == 0 {
            self.end(GatherFailure::Malformed);
            return;
        }
        let mut allocation = Allocation {
            relayed: relayed.clone(),
            refreshed: now,
            refresh: None,
            until: now,
        };
        allocation.live(now, lifetime);
        self.state = State::Allocated(allocation);
        self.events.push_back(TurnEvent::Allocated {
            relayed,
            mapped: message.mapped_address(),
        });
    }

    /// 401 and 438: the request once more, signed as the server wants it now.
    fn challenged(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        request: Request,
        code: u16,
        message: &StunMessage,
    ) {
        let is_new = match self.credentials.learn(message) {
            Ok(is_new) => is_new,
            Err(why) => return self.failed(now, request.what, why),
        };
        // Another request may have brought this very nonce already.
        let may_retry = match code {
            401 if request.signed => is_new && request.renewals < MAX_REFUSED_SIGNATURES,
            _ => request.renewals < MAX_RENEWALS,
        };
        if may_retry {
            self.ask(now, entropy, request.what, request.renewals + 1);
        } else {
            self.failed(now, request.what, GatherFailure::from_code(code));
        }
    }

    fn redirected(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        request: Request,
        message: &StunMessage,
    ) {
        match request.what {
            What::Allocate(_) => {
                self.state = State::Ended;
                self.requests.clear();
                let name = message.text(ATTR_ALTERNATE_DOMAIN);
                let name = name.filter(|name| !name.is_empty() && name.len() <= MAX_NAME);
                self.events.push_back(TurnEvent::Redirected {
                    server: message.alternate_server(),
                    name: name.map(str::to_owned),
                });
            }
            // RFC 8656 §7.1 moves allocations only.
            what @ (What::Clear
            | What::Refresh
            | What::Release
            | What::Permit(_)
            | What::Bind(..)) => {
                self.refused(now, entropy, what, 300);
            }
        }
    }

    /// An error that a new signature does not cure.
    fn refused(&mut self, now: Instant, entropy: &mut dyn Entropy, what: What, code: u16) {
        match (&what, code) {
            // The socket's last owner left an allocation: it had the same user name, or we cannot end it.
            (What::Allocate(families), 437) if self.is_first_try() => {
                self.state = State::Clearing {
                    families: *families,
                };
                self.ask(now, entropy, What::Clear, 0);
            }
            (What::Clear, _) => self.allocate_again(now, entropy),
            // No IPv4 at all: then IPv6 alone.
            (What::Allocate(RelayFamilies::Both), 440) => {
                self.ask(now, entropy, What::Allocate(RelayFamilies::Ipv6), 0);
            }
            // Asking for a second family may be what it did not like.
            (What::Allocate(RelayFamilies::Both), 400 | 420) => {
                self.ask(now, entropy, What::Allocate(RelayFamilies::Ipv4), 0);
            }
            // One refused peer spoils the whole request: ask for each.
            (What::Permit(peers), 403 | 443) if peers.len() > 1 => {
                for peer in peers.clone() {
                    self.ask(now, entropy, What::Permit(vec![peer]), 0);
                }
            }
            // coturn says this, and not 437, when it knows of no allocation: ask in a way that 437 answers.
            (What::Permit(peers), 400) => {
                self.look_after_allocation(now);
                let (held, new): (Vec<IpAddr>, Vec<IpAddr>) = peers
                    .iter()
                    .partition(|peer| self.permissions.is_granted(**peer));
                for peer in held {
                    self.permissions.unanswered(now, peer);
                }
                self.failed(now, What::Permit(new), GatherFailure::from_code(code));
            }
            (What::Bind(..), 400) => {
                self.look_after_allocation(now);
                self.failed(now, what, GatherFailure::from_code(code));
            }
            _ => self.failed(now, what, GatherFailure::from_code(code)),
        }
    }

    fn failed(&mut self, now: Instant, what: What, why: GatherFailure) {
        match (what, why) {
            (What::Release, _) => self.state = State::Ended,
            (What::Allocate(_) | What::Clear, why) => self.end(why),
            // There is no allocation any more, or it is not ours.
            (_, GatherFailure::AllocationMismatch | GatherFailure::WrongCredentials) => {
                self.end(why);
            }
            (What::Refresh, _) => self.refresh_at(now + REFRESH_AGAIN),
            (What::Permit(peers), why) => {
                for peer in peers {
                    self.permissions.refused(now, peer);
                    self.events.push_back(TurnEvent::Refused(peer, why));
                }
            }
            (What::Bind(peer, _), _) => self.channels.unbound(now, peer),
        }
    }

    fn allocate_again(&mut self, now: Instant, entropy: &mut dyn Entropy) {
        if let State::Clearing { families } = self.state {
            self.state = State::Allocating { cleared: true };
            self.ask(now, entropy, What::Allocate(families), 0);
        }
    }

    fn is_first_try(&self) -> bool {
        match self.state {
            State::Allocating { cleared } => !cleared,
            State::New
            | State::Clearing { .. }
            | State::Allocated(_)
            | State::Releasing
            | State::Ended => false,
        }
    }

    /// Has it refreshed at once, unless that is being done or has just been.
    fn look_after_allocation(&mut self, now: Instant) {
        if let State::Allocated(allocation) = &mut self.state
            && allocation.refresh.is_some()
            && now.saturating_duration_since(allocation.refreshed) >= REFRESH_AGAIN
        {
            allocation.refresh = Some(now);
        }
    }

    fn refresh_at(&mut self, at: Instant) {
        if let State::Allocated(allocation) = &mut self.state {
            allocation.refresh = Some(at);
        }
    }
}

impl Allocation {
    /// Refreshed a minute before the end, or half-way when that is later than never.
    fn live(&mut self, now: Instant, lifetime: u32) {
        let lifetime = Duration::from_secs(u64::from(lifetime));
        let early = lifetime.saturating_sub(Duration::from_secs(60));
        self.refreshed = now;
        self.until = now + lifetime;
        self.refresh = Some(now + early.max(lifetime / 2));
    }
}

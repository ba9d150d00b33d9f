//! Where an account's STUN and TURN servers are: asked early, remembered, and asked again once that is old, so that
//! no call waits for a name.
//!
//! ```text
//!   account added, signed in again, call begins ──► asked, if never or long ago ──► driver ──► addresses
//!   call begins ──► addresses known, however old ──► gathers at once
//!              └──► never answered yet ──► waits, no longer than it would for candidates
//! ```

use std::net::{Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use tandem_media::gather::{self, GatherConfig, GatherPolicy, ServerKind, ServerTransport};
use tandem_media::{Nat64Prefix, discovered_prefixes};
use tandem_types::{AccountId, Pii};

use super::active::ActiveCall;
use super::desk::Desk;
use super::ice::{RelayUse, Server};
use super::ice_url::{Purpose, TurnTransport};
use super::{Output, Phone};

/// How long addresses count as new. Older ones are used all the same while they are asked for again.
const LIFETIME: Duration = Duration::from_secs(300);
/// After how long a server that was not found is asked for again.
const AGAIN: Duration = Duration::from_secs(15);
/// Addresses used of one server, in each family: the second is for when nobody is at the first.
const PER_FAMILY: usize = 2;

/// Which question an answer is to. None is ever given twice: an account that went may have come back under its name
/// with other servers, and what is found out late about the old ones must not send the new ones' passwords there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LookupId(pub(crate) u64);

/// Where one server of an account is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerQuestion {
    /// What its answer is known by.
    pub id: LookupId,
    /// Whose SRV records say it (RFC 2782), `_turn._udp.example.org`; where there are none, or nobody is to be
    /// asked for them, it is at `host`.
    pub service: Option<Pii<String>>,
    /// The host name, whose addresses of both families are wanted.
    pub host: Pii<String>,
    /// The port that goes with `host`.
    pub port: u16,
}

/// The servers of one account.
#[derive(Debug)]
pub(super) struct Servers {
    relay: RelayUse,
    entries: Vec<Entry>,
    /// Whether there is a NAT64, asked of a network that may have IPv6 alone.
    lookup: Lookup,
    translator: Option<Nat64Prefix>,
}

#[derive(Debug)]
struct Entry {
    server: Server,
    /// Best first; what was known last.
    addresses: Vec<SocketAddr>,
    lookup: Lookup,
}

/// ```text
///   Unasked ──► Asked ──► Answered ──(old)──► AskedAgain ──► Answered …
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Lookup {
    /// The URL itself says where it is.
    Needless,
    Unasked,
    Asked(LookupId),
    Answered {
        until: Instant,
    },
    AskedAgain(LookupId),
}

impl Lookup {
    /// What to ask by when somebody is to be asked now, who then is; `asked` counts all that ever was.
    fn begin(&mut self, now: Option<Instant>, asked: &mut u64) -> Option<LookupId> {
        let id = LookupId(*asked);
        *self = match *self {
            Self::Unasked => Self::Asked(id),
            Self::Answered { until } if now.is_some_and(|now| until <= now) => Self::AskedAgain(id),
            Self::Needless | Self::Asked(_) | Self::AskedAgain(_) | Self::Answered { .. } => {
                return None;
            }
        };
        *asked = asked.wrapping_add(1);
        Some(id)
    }

    /// Whether it is this answer that is waited for.
    fn awaits(self, id: LookupId) -> bool {
        match self {
            Self::Asked(asked) | Self::AskedAgain(asked) => asked == id,
            Self::Needless | Self::Unasked | Self::Answered { .. } => false,
        }
    }
}

impl Servers {
    /// `six`: the account speaks over IPv6.
    pub(super) fn new(servers: Vec<Server>, relay: RelayUse, six: bool) -> Self {
        let entries = servers.into_iter().map(|server| {
            let literal = server.url.host.ip();
            let port = server.url.usual_port();
            Entry {
                addresses: literal
                    .map(|ip| SocketAddr::new(ip, port))
                    .into_iter()
                    .collect(),
                lookup: literal.map_or(Lookup::Unasked, |_| Lookup::Needless),
                server,
            }
        });
        Self {
            relay,
            entries: entries.collect(),
            lookup: if six {
                Lookup::Unasked
            } else {
                Lookup::Needless
            },
            translator: None,
        }
    }

    pub(super) const fn is_relayed_always(&self) -> bool {
        match self.relay {
            RelayUse::Always => true,
            RelayUse::WhenNeeded => false,
        }
    }

    /// Whether calls of the account do ICE whatever else it asks for.
    pub(super) fn want_ice(&self) -> bool {
        !self.entries.is_empty() || self.is_relayed_always()
    }

    /// What is to be asked: what nobody knows, and what was answered long ago. `None` for `now`: it is too early for
    /// anything to be old.
    fn questions(&mut self, now: Option<Instant>, asked: &mut u64) -> Vec<ServerQuestion> {
        let entries = self.entries.iter_mut();
        let questions = entries.filter_map(|entry| {
            let id = entry.lookup.begin(now, asked)?;
            let url = &entry.server.url;
            Some(ServerQuestion {
                id,
                service: url.service().map(Pii::new),
                host: Pii::new(url.host.to_string()),
                port: url.usual_port(),
            })
        });
        questions.collect()
    }

    fn answer(&mut self, now: Instant, id: LookupId, addresses: &[SocketAddr]) {
        let mut entries = self.entries.iter_mut().enumerate();
        let Some((index, entry)) = entries.find(|(_, entry)| entry.lookup.awaits(id)) else {
            return;
        };
        let mut good = addresses.iter().filter(|address| {
            !address.ip().is_unspecified() && !address.ip().is_multicast() && address.port() != 0
        });
        let mut kept: Vec<SocketAddr> = Vec::new();
        for address in &mut good {
            let same = kept.iter().filter(|a| a.is_ipv4() == address.is_ipv4());
            if same.count() < PER_FAMILY && !kept.contains(address) {
                kept.push(*address);
            }
        }
        let lasts = if kept.is_empty() {
            tracing::warn!(server = index + 1, "a STUN or TURN server is not found");
            AGAIN
        } else {
            entry.addresses = kept;
            LIFETIME
        };
        let until = now + lasts;
        entry.lookup = Lookup::Answered { until };
    }

    fn found_translator(&mut self, now: Instant, id: LookupId, records: &[Ipv6Addr]) {
        if !self.lookup.awaits(id) {
            return;
        }
        self.translator = discovered_prefixes(records).into_iter().next();
        let until = now + LIFETIME;
        self.lookup = Lookup::Answered { until };
    }

    /// The network's NAT64, if it has one.
    pub(super) const fn translator(&self) -> Option<Nat64Prefix> {
        self.translator
    }

    /// Whether waiting may bring an address of a server that nobody knows one of.
    fn may_come(&self) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| match entry.lookup {
            Lookup::Unasked | Lookup::Asked(_) => true,
            Lookup::Needless | Lookup::Answered { .. } | Lookup::AskedAgain(_) => false,
        })
    }

    /// What a call gathers: the best address of every server first.
    fn gather_config(&self) -> GatherConfig {
        let rounds = 0..2 * PER_FAMILY;
        let entries = |at: usize| {
            let entries = self.entries.iter();
            let found = entries.filter_map(move |entry| Some((entry, *entry.addresses.get(at)?)));
            found.flat_map(|(entry, address)| {
                // A literal has no record that the network could have translated.
                let seen = self
                    .translator
                    .and_then(|nat| nat.synthesize_socket(address));
                let all = [Some(address), seen].into_iter().flatten();
                all.filter_map(|address| entry.asked_at(address))
            })
        };
        GatherConfig {
            servers: rounds.flat_map(entries).collect(),
            policy: match self.relay {
                RelayUse::WhenNeeded => GatherPolicy::All,
                RelayUse::Always => GatherPolicy::RelayOnly,
            },
            ..GatherConfig::default()
        }
    }
}

impl Entry {
    fn asked_at(&self, address: SocketAddr) -> Option<gather::IceServer> {
        let url = &self.server.url;
        let (transport, kind) = match url.purpose {
            Purpose::Stun => (ServerTransport::Udp, ServerKind::Stun),
            Purpose::Turn(transport) => {
                let (username, password) = self.server.credentials.clone()?;
                let transport = match transport {
                    TurnTransport::Udp => ServerTransport::Udp,
                    TurnTransport::Tcp => ServerTransport::Tcp,
                    TurnTransport::Tls => ServerTransport::Tls {
                        name: url.tls_name(),
                    },
                };
                (transport, ServerKind::Turn { username, password })
            }
        };
        Some(gather::IceServer {
            address,
            transport,
            kind,
        })
    }
}

impl Desk {
    /// Asks for the servers of an account that are not known, or were long ago.
    pub(super) fn ask_for_servers(&mut self, now: Option<Instant>, account: AccountId) {
        let Some(slot) = self.accounts.get_mut(&account) else {
            return;
        };
        let questions = slot.servers.questions(now, &mut self.asked);
        let translator = slot.servers.lookup.begin(now, &mut self.asked);
        for question in questions {
            self.push(Output::FindServer { account, question });
        }
        if let Some(id) = translator {
            self.push(Output::FindTranslator { account, id });
        }
    }

    pub(super) fn servers(&self, account: AccountId) -> Option<&Servers> {
        self.accounts.get(&account).map(|slot| &slot.servers)
    }

    pub(super) fn is_relayed_always(&self, account: AccountId) -> bool {
        self.servers(account)
            .is_some_and(Servers::is_relayed_always)
    }

    /// What a call of the account gathers; `None` while it is better to wait for the servers' addresses.
    pub(super) fn gather_config(&self, account: AccountId, waits: bool) -> Option<GatherConfig> {
        let Some(servers) = self.servers(account) else {
            return Some(GatherConfig::default());
        };
        (!waits || !servers.may_come()).then(|| servers.gather_config())
    }
}

impl Phone {
    /// A server that was asked for by [`Output::FindServer`] is at these addresses, best first; at none: it is not
    /// found. An answer to what nobody asks any more changes nothing.
    pub fn handle_server(
        &mut self,
        now: Instant,
        account: AccountId,
        id: LookupId,
        addresses: &[SocketAddr],
    ) {
        if let Ok(slot) = self.desk.slot(account) {
            slot.servers.answer(now, id, addresses);
        }
        let calls = self.calls.iter();
        let waiting = calls.filter(|(_, call)| call.account == account && call.awaits_servers());
        let waiting: Vec<_> = waiting.map(|(id, _)| id.clone()).collect();
        for id in waiting {
            self.with_call(now, &id, |call: &mut ActiveCall, desk| {
                call.gather_if_found(now, desk);
            });
        }
    }

    /// The answer to an [`Output::FindTranslator`]: the AAAA records that were found, or none. It changes nothing when
    /// nobody asks that any more.
    pub fn handle_translator(
        &mut self,
        now: Instant,
        account: AccountId,
        id: LookupId,
        records: &[Ipv6Addr],
    ) {
        if let Ok(slot) = self.desk.slot(account) {
            slot.servers.found_translator(now, id, records);
        }
    }
}

#[cfg(test)]
#[path = "servers_tests.rs"]
mod tests;

//! Whom the server lets through (RFC 8656 §9): permissions asked for, held and renewed, one per peer address.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// RFC 8656 §9: a permission lives 300 s, fixed.
const LIFETIME: Duration = Duration::from_secs(300);
/// Renewed this long after it was granted: a minute for repetitions.
const RENEW_AFTER: Duration = Duration::from_secs(240);
/// How soon a renewal that came to nothing is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// A peer that nothing was sent to for this long is let go.
const FORGET_AFTER: Duration = Duration::from_secs(600);
/// How long a refusal is believed.
const REFUSED_FOR: Duration = Duration::from_secs(60);
/// Peer addresses of one allocation.
pub(super) const MAX_PERMISSIONS: usize = 64;
/// Datagrams kept for a peer until its permission is there: the first checks and hellos.
const MAX_WAITING: usize = 8;
/// Addresses in one request.
pub(super) const MAX_BATCH: usize = 16;

/// A peer's datagram that is not sent yet.
pub(super) type Waiting = (SocketAddr, Vec<u8>);

/// ```text
///   (unknown) ──ask──► Asking ──granted──► Granted ──4 min──► Granted, renewing ──granted──► Granted …
///        ▲               ├── refused ──► Refused ──60 s──► (unknown)      └─ 5 min ──► (unknown)
///        └── no answer ──┘
/// ```
#[derive(Debug)]
enum State {
    Asking {
        waiting: VecDeque<Waiting>,
    },
    Granted {
        renew: Option<Instant>,
        until: Instant,
    },
    Refused {
        until: Instant,
    },
}

#[derive(Debug)]
struct Permission {
    state: State,
    used: Instant,
}

/// What a permission says of a datagram.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pass {
    /// Send it.
    Now,
    /// It waits for an answer that is on its way.
    Later,
    /// It waits, and the permission must be asked for.
    Ask,
    /// The server does not want it.
    Refused,
    /// There are too many already.
    TooMany,
}

/// All permissions of one allocation.
#[derive(Debug, Default)]
pub(super) struct Permissions {
    peers: BTreeMap<IpAddr, Permission>,
}

impl Permissions {
    /// Asks for a peer without a datagram. `true`: send the request.
    pub(super) fn want(&mut self, now: Instant, peer: IpAddr) -> bool {
        match self.check(now, peer) {
            Pass::Ask => {
                let waiting = VecDeque::new();
                self.insert(now, peer, State::Asking { waiting });
                true
            }
            Pass::Now | Pass::Later | Pass::Refused | Pass::TooMany => false,
        }
    }

    /// Whether `bytes` may go to `peer`; what may not yet is kept.
    pub(super) fn pass(&mut self, now: Instant, peer: SocketAddr, bytes: &[u8]) -> Pass {
        let pass = self.check(now, peer.ip());
        match pass {
            Pass::Now | Pass::Refused | Pass::TooMany => {}
            Pass::Later => {
                if let Some(permission) = self.peers.get_mut(&peer.ip())
                    && let State::Asking { waiting } = &mut permission.state
                {
                    if waiting.len() >= MAX_WAITING {
                        waiting.pop_front();
                    }
                    waiting.push_back((peer, bytes.to_vec()));
                }
            }
            Pass::Ask => {
                let waiting = VecDeque::from([(peer, bytes.to_vec())]);
                self.insert(now, peer.ip(), State::Asking { waiting });
            }
        }
        pass
    }

    /// Whether the peer may send to us.
    pub(super) fn is_granted(&self, peer: IpAddr) -> bool {
        match self.peers.get(&peer).map(|permission| &permission.state) {
            Some(State::Granted { .. }) => true,
            Some(State::Asking { .. } | State::Refused { .. }) | None => false,
        }
    }

    /// The server said yes; also to a channel, which brings a permission along. Returns what waited for it.
    pub(super) fn granted(&mut self, now: Instant, peer: IpAddr) -> VecDeque<Waiting> {
        let Some(permission) = self.peers.get_mut(&peer) else {
            return VecDeque::new();
        };
        let granted = State::Granted {
            renew: Some(now + RENEW_AFTER),
            until: now + LIFETIME,
        };
        match std::mem::replace(&mut permission.state, granted) {
            State::Asking { waiting } => waiting,
            State::Granted { .. } | State::Refused { .. } => VecDeque::new(),
        }
    }

    /// The server said no.
    pub(super) fn refused(&mut self, now: Instant, peer: IpAddr) {
        if let Some(permission) = self.peers.get_mut(&peer) {
            let until = now + REFUSED_FOR;
            permission.state = State::Refused { until };
        }
    }

    /// The server said nothing: what is held stays to its end, what is not may be asked for again.
    pub(super) fn unanswered(&mut self, now: Instant, peer: IpAddr) {
        match self
            .peers
            .get_mut(&peer)
            .map(|permission| &mut permission.state)
        {
            Some(State::Granted { renew, .. }) => *renew = Some(now + RETRY_AFTER),
            Some(State::Asking { .. }) => {
                self.peers.remove(&peer);
            }
            Some(State::Refused { .. }) | None => {}
        }
    }

    /// The peers to renew now, by request.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Vec<IpAddr>> {
        self.peers.retain(|_, permission| match permission.state {
            State::Asking { .. } => true,
            State::Granted { until, .. } | State::Refused { until } => until > now,
        });
        let mut due = Vec::new();
        // What is due within half a minute goes along in the same request.
        let is_any_due = self.next_renewal().is_some_and(|at| at <= now);
        for (peer, permission) in self.peers.iter_mut().filter(|_| is_any_due) {
            let State::Granted { renew, .. } = &mut permission.state else {
                continue;
            };
            let soon = now + Duration::from_secs(30);
            if renew.is_some_and(|at| at <= soon) {
                *renew = None;
                if now.saturating_duration_since(permission.used) < FORGET_AFTER {
                    due.push(*peer);
                }
            }
        }
        due.chunks(MAX_BATCH).map(<[IpAddr]>::to_vec).collect()
    }

    /// When [`due`](Self::due) has something to do.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let ends = self
            .peers
            .values()
            .filter_map(|permission| match permission.state {
                State::Asking { .. } => None,
                State::Granted { until, .. } | State::Refused { until } => Some(until),
            });
        self.next_renewal().into_iter().chain(ends).min()
    }

    fn next_renewal(&self) -> Option<Instant> {
        let renewals = self
            .peers
            .values()
            .filter_map(|permission| match permission.state {
                State::Granted { renew, .. } => renew,
                State::Asking { .. } | State::Refused { .. } => None,
            });
        renewals.min()
    }

    fn check(&mut self, now: Instant, peer: IpAddr) -> Pass {
        let is_full = self.peers.len() >= MAX_PERMISSIONS;
        let Some(permission) = self.peers.get_mut(&peer) else {
            return if is_full { Pass::TooMany } else { Pass::Ask };
        };
        permission.used = now;
        match permission.state {
            State::Asking { .. } => Pass::Later,
            State::Granted { until, .. } if until > now => Pass::Now,
            State::Refused { until } if until > now => Pass::Refused,
            State::Granted { .. } | State::Refused { .. } => Pass::Ask,
        }
    }

    fn insert(&mut self, now: Instant, peer: IpAddr, state: State) {
        self.peers.insert(peer, Permission { state, used: now });
    }
}

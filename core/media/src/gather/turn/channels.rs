//! Channels (RFC 8656 §12): 4 bytes of header in place of 36 for peers that packets really flow to and from.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::super::framing::FIRST_CHANNEL;

/// RFC 8656 §12: a binding lives 10 min, fixed.
const LIFETIME: Duration = Duration::from_secs(600);
/// Renewed this long after it was made: two minutes for repetitions.
const RENEW_AFTER: Duration = Duration::from_secs(480);
/// How soon a refused or unanswered request is tried again; until then indications do.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// A binding that nothing was sent over for this long is let go.
const FORGET_AFTER: Duration = Duration::from_secs(600);
/// Channels of one allocation. Numbers are not used twice (RFC 8656 §12 would want 5 min between).
const MAX_CHANNELS: usize = 64;
/// A peer that never answers gets a channel after this many datagrams.
const SENT_WITHOUT_ANSWER: u32 = 16;

/// ```text
///   Counting ──heard, or 16 sent──► Asking ──bound──► Bound ──8 min──► Bound, renewing ──bound──► Bound …
///       ▲                             │                 └─ 10 min ──► Counting
///       └──────────── 30 s ── Off ◄───┘ refused, no answer
/// ```
#[derive(Clone, Copy, Debug)]
enum State {
    Counting {
        sent: u32,
    },
    Asking,
    Bound {
        renew: Option<Instant>,
        until: Instant,
    },
    Off {
        until: Instant,
    },
}

#[derive(Debug)]
struct Channel {
    number: Option<u16>,
    state: State,
    used: Instant,
}

/// All channels of one allocation.
#[derive(Debug, Default)]
pub(super) struct Channels {
    peers: BTreeMap<SocketAddr, Channel>,
    /// Whose channel is `FIRST_CHANNEL` plus the index.
    numbers: Vec<SocketAddr>,
}

/// A peer and the channel to ask for.
pub(super) type Wish = (SocketAddr, u16);

impl Channels {
    /// The channel to send to `peer` on, if there is one.
    pub(super) fn number(&mut self, now: Instant, peer: SocketAddr) -> Option<u16> {
        let channel = self.peers.get_mut(&peer)?;
        match channel.state {
            State::Bound { until, .. } if until > now => {
                channel.used = now;
                channel.number
            }
            State::Bound { .. } | State::Counting { .. } | State::Asking | State::Off { .. } => {
                None
            }
        }
    }

    /// Whom a number stands for.
    pub(super) fn peer(&self, number: u16) -> Option<SocketAddr> {
        let index = number.checked_sub(FIRST_CHANNEL)?;
        let peer = self.numbers.get(usize::from(index))?;
        Some(*peer)
    }

    /// An indication went to `peer`.
    pub(super) fn sent(&mut self, now: Instant, peer: SocketAddr) -> Option<Wish> {
        self.count(now, peer, 1)
    }

    /// `peer` sent something: the path works.
    pub(super) fn heard(&mut self, now: Instant, peer: SocketAddr) -> Option<Wish> {
        self.count(now, peer, SENT_WITHOUT_ANSWER)
    }

    /// The server bound the channel, or bound it anew.
    pub(super) fn bound(&mut self, now: Instant, peer: SocketAddr) {
        if let Some(channel) = self.peers.get_mut(&peer) {
            channel.state = State::Bound {
                renew: Some(now + RENEW_AFTER),
                until: now + LIFETIME,
            };
        }
    }

    /// The server refused, or did not answer.
    pub(super) fn unbound(&mut self, now: Instant, peer: SocketAddr) {
        if let Some(channel) = self.peers.get_mut(&peer) {
            let retry = now + RETRY_AFTER;
            channel.state = match channel.state {
                State::Bound { until, .. } if until > now => State::Bound {
                    renew: Some(retry),
                    until,
                },
                State::Bound { .. }
                | State::Counting { .. }
                | State::Asking
                | State::Off { .. } => State::Off { until: retry },
            };
        }
    }

    /// The channels to renew now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Wish> {
        let mut due = Vec::new();
        for (peer, channel) in &mut self.peers {
            let ended = match channel.state {
                State::Bound { until, .. } | State::Off { until } => until <= now,
                State::Counting { .. } | State::Asking => false,
            };
            if ended {
                channel.state = State::Counting { sent: 0 };
            }
            let State::Bound { renew, .. } = &mut channel.state else {
                continue;
            };
            if renew.is_some_and(|at| at <= now) {
                *renew = None;
                let is_used = now.saturating_duration_since(channel.used) < FORGET_AFTER;
                due.extend(
                    channel
                        .number
                        .filter(|_| is_used)
                        .map(|number| (*peer, number)),
                );
            }
        }
        due
    }

    /// When [`due`](Self::due) has something to do.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let times = self
            .peers
            .values()
            .filter_map(|channel| match channel.state {
                State::Bound { renew, until } => {
                    Some(renew.map_or(until, |renew| renew.min(until)))
                }
                State::Off { until } => Some(until),
                State::Counting { .. } | State::Asking => None,
            });
        times.min()
    }

    fn count(&mut self, now: Instant, peer: SocketAddr, by: u32) -> Option<Wish> {
        if !self.peers.contains_key(&peer) {
            if self.peers.len() >= MAX_CHANNELS {
                return None;
            }
            let channel = Channel {
                number: None,
                state: State::Counting { sent: 0 },
                used: now,
            };
            self.peers.insert(peer, channel);
        }
        let channel = self.peers.get_mut(&peer)?;
        let State::Counting { sent } = &mut channel.state else {
            return None;
        };
        *sent = sent.saturating_add(by);
        if *sent < SENT_WITHOUT_ANSWER {
            return None;
        }
        let number = match channel.number {
            Some(number) => number,
            None => {
                let index = u16::try_from(self.numbers.len()).ok()?;
                self.numbers.push(peer);
                FIRST_CHANNEL + index
            }
        };
        channel.number = Some(number);
        channel.state = State::Asking;
        channel.used = now;
        Some((peer, number))
    }
}

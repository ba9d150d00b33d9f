//! Where requests go: the located server, the flow the account is registered over, and what happens when one
//! of several servers fails (RFC 3263 §4.3, RFC 5626 §4.3).

use std::time::{Duration, Instant};

use super::AgentError;
use super::core::{Core, Line};
use crate::dialog::request_target;
use crate::locate::{Found, Place, Target, TransportChoice};
use crate::message::{Response, SipUri, Uri};
use crate::transaction::{ClientId, ConnectionId, Destination, Hop, HopError, TransportKind};

/// How long a server may say nothing at all while there is another to ask. Four copies of a datagram have
/// gone out by then.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that was chosen for a request outside any dialog.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Aim {
    /// What was looked up.
    pub(super) place: Place,
    /// What was chosen of it.
    pub(super) target: Target,
}

/// The way of a request outside any dialog.
pub(super) enum Way {
    /// There.
    To(Aim),
    /// Name servers are being asked; the owner is told when this place is settled.
    Locating(Place),
}

impl Core {
    /// The way to `next_hop` for a request outside any dialog. `secure`: it may not be read on the way
    /// (`sips:`). What is of a scheme or transport this build lacks is left to the account's server, which
    /// knows more of them.
    pub(super) fn way(
        &mut self,
        now: Instant,
        next_hop: &Uri,
        secure: bool,
    ) -> Result<Way, AgentError> {
        let own = self.config.transport;
        if secure && own.is_plain() {
            return Err(HopError::UnsupportedTransport.into());
        }
        let choice = if secure {
            TransportChoice::Only(TransportKind::Tls)
        } else {
            own
        };
        let place = self.place(next_hop)?;
        if let Some(home) = self.home.as_ref().filter(|home| home.place == place)
            && (home.target.transport.is_secure() || !choice.is_secure())
        {
            return Ok(Way::To(home.clone()));
        }
        self.locate(now, place, choice)
    }

    /// The way to `place`, whatever was used before.
    pub(super) fn locate(
        &mut self,
        now: Instant,
        place: Place,
        choice: TransportChoice,
    ) -> Result<Way, AgentError> {
        let local = self.config.local;
        let reachable = |target: &Target| local.reaches(target);
        match self.locator.find(now, &place, choice, reachable) {
            Found::Asking => Ok(Way::Locating(place)),
            Found::Nowhere(error) => Err(error.into()),
            Found::Target(target) => {
                if choice.is_secure() && !target.transport.is_secure() {
                    return Err(HopError::UnsupportedTransport.into());
                }
                Ok(Way::To(Aim { place, target }))
            }
        }
    }

    /// The place a URI names; the account's server for one that names none this account can reach.
    pub(super) fn place(&self, next_hop: &Uri) -> Result<Place, AgentError> {
        let plain = self.config.transport.is_plain();
        let place = Place::of(next_hop).and_then(|place| {
            let lacks = plain && (place.is_secure || place.transport == Some(TransportKind::Tls));
            if lacks {
                return Err(HopError::UnsupportedTransport);
            }
            Ok(place)
        });
        let place = place.or_else(|error| {
            let server = self.config.server().ok_or(error)?;
            Place::of(server)
        })?;
        Ok(place)
    }

    /// Where a message for that target goes: over the connection to it, if there is one.
    pub(super) fn towards(&self, target: &Target) -> Destination {
        self.over(target.hop())
    }

    fn over(&self, hop: Hop) -> Destination {
        if !hop.transport.is_stream() {
            return Destination::Datagram(hop);
        }
        match self.streams.to(&hop) {
            Some(connection) => Destination::Connection(connection),
            None => Destination::Stream(hop),
        }
    }

    /// Where a request inside a dialog goes, by its next hop. A place that was looked up before leads where
    /// it led then; a dialog over TLS never leaves it.
    pub(super) fn destination(
        &self,
        next_hop: &Uri,
        line: Line,
    ) -> Result<Destination, AgentError> {
        let place = self.place(next_hop)?;
        let home = self.home.as_ref().filter(|home| home.place == place);
        let known = home.map(|home| &home.target);
        let hop = match known.or_else(|| self.locator.used(&place)) {
            Some(target) => target.hop(),
            None => Hop {
                transport: place.settled(line.transport.into()),
                host: place.host,
                port: place.port,
                proves: None,
            },
        };
        if line.transport.is_secure() && !hop.transport.is_secure() {
            let open = line.connection.filter(|id| self.streams.is_open(*id));
            let kept = open.map(Destination::Connection);
            return kept.ok_or(HopError::UnsupportedTransport.into());
        }
        Ok(self.over(hop))
    }

    /// Gives up a request early if there is another server to ask.
    pub(super) fn be_impatient(&mut self, now: Instant, id: ClientId, aim: &Aim) {
        let local = self.config.local;
        let reachable = |target: &Target| local.reaches(target);
        if self.locator.has_other(&aim.place, &aim.target, reachable) {
            self.transactions.set_patience(id, now + PATIENCE);
        }
    }

    /// A server failed. Says whether another of the same place is to be asked now.
    pub(super) fn fail_over(&mut self, now: Instant, aim: &Aim, answer: Option<&Response>) -> bool {
        if self.home.as_ref() == Some(aim) {
            self.home = None;
            self.home_lost = true;
        }
        let local = self.config.local;
        let reachable = |target: &Target| local.reaches(target);
        let rest = answer.and_then(|answer| answer.headers.retry_after().ok().flatten());
        let rest = rest.map(|after| Duration::from_secs(u64::from(after.seconds)));
        self.locator
            .shun(now, &aim.place, &aim.target, rest, reachable)
    }

    /// The account's server works there.
    pub(super) fn settle_at(&mut self, aim: Aim) {
        self.locator.forgive(&aim.target);
        self.home = Some(aim);
    }

    /// Which transport a message to there carries in its Via.
    pub(super) fn transport_of(&self, to: &Destination) -> TransportKind {
        match to {
            Destination::Datagram(hop) | Destination::Stream(hop) => hop.transport,
            Destination::Connection(id) => self.transport_over(*id),
        }
    }

    /// The transport of a connection.
    pub(super) fn transport_over(&self, connection: ConnectionId) -> TransportKind {
        let known = self.streams.transport(connection);
        known.unwrap_or(TransportKind::Tcp)
    }

    /// The transport the account uses now.
    pub(super) fn transport(&self) -> TransportKind {
        let home = self.home.as_ref().map(|home| home.target.transport);
        home.unwrap_or(self.config.transport.initial())
    }
}

/// What the Request-URI of a call becomes: a number is dialled at the registrar's domain (RFC 3261 §19.1.6).
pub(super) fn dialable(core: &Core, target: &Uri) -> Uri {
    let Uri::Tel(number) = target else {
        return request_target(target);
    };
    let server = core
        .config
        .aor
        .as_sip()
        .filter(|_| core.config.registrar.is_some());
    match server {
        Some(aor) => Uri::Sip(
            SipUri::new(aor.host().clone())
                .with_port(aor.port())
                .with_user(&number.dialled())
                .with_parameter("user", Some("phone")),
        ),
        None => target.clone(),
    }
}

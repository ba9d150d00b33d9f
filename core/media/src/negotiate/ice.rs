//! ICE between two descriptions: whether both do it, who leads, what begins anew (RFC 8839 §4).

use std::net::{IpAddr, SocketAddr};

use tandem_types::media::{IceDescription, TransportDescription};

use super::LocalTransport;

/// The port of a default address that is none (RFC 8840 §4.1.1).
const DISCARD: u16 = 9;

/// The peer's side of ICE.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RemoteIce {
    /// Its credentials and candidates.
    pub description: IceDescription,
    /// Whether this side leads (RFC 8445 §6.1.1).
    pub controlling: bool,
    /// Its credentials are others than before: a new generation (RFC 8839 §4.4.1.1.1).
    pub restarted: bool,
}

/// Whether `transport` says that ICE is done and its default address does not contradict it. If it does, an
/// intermediary rewrote the addresses and only the default one works (RFC 8839 §4.2.5).
///
/// Of RTCP's default address nothing is asked: it is left out too often.
pub(super) fn fits(transport: &TransportDescription) -> bool {
    let Some(ice) = &transport.ice else {
        return false;
    };
    let TransportDescription { rtp, .. } = transport;
    let is_placeholder = rtp.port() == DISCARD || rtp.ip().is_unspecified();
    is_placeholder
        // Everything is still to come, or only to be seen.
        || ice.candidates.is_empty()
        || ice.candidates.iter().any(|line| address_of(line) == Some(*rtp))
}

/// What to say, and what holds, when `theirs` is offered or answered. `offered`: the first offer was ours.
pub(super) fn agree(
    theirs: &TransportDescription,
    own: Option<&IceDescription>,
    offered: bool,
    current: Option<&RemoteIce>,
) -> Option<RemoteIce> {
    own?;
    let description = theirs.ice.as_ref().filter(|_| fits(theirs))?;
    let restarted = current.is_some_and(|before| before.description.is_restarted_by(description));
    Some(RemoteIce {
        // Once given, a role stays (RFC 8445 §9); conflicts are settled by the checks. A lite peer never
        // leads.
        controlling: description.lite || current.map_or(offered, |before| before.controlling),
        description: description.clone(),
        restarted,
    })
}

/// Whether an answer has to say that the offer's ICE contradicts itself.
pub(super) fn is_mismatch(theirs: &TransportDescription, local: &LocalTransport) -> bool {
    local.ice.is_some() && theirs.ice.is_some() && !fits(theirs)
}

/// The address of a candidate line for RTP over UDP.
fn address_of(line: &str) -> Option<SocketAddr> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (component, transport) = (words.next()?, words.next()?);
    let _priority = words.next()?;
    let address: IpAddr = words.next()?.parse().ok()?;
    let port: u16 = words.next()?.parse().ok()?;
    (component == "1" && transport.eq_ignore_ascii_case("udp"))
        .then_some(SocketAddr::new(address, port))
}

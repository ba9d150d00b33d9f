//! The requests a TURN client makes (RFC 8656), as bytes and while they are waited for.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use rtc_stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_LIFETIME, ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_REQUESTED_TRANSPORT,
    ATTR_XOR_PEER_ADDRESS,
};
use rtc_stun::message::{
    METHOD_ALLOCATE, METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_REFRESH, Method,
    TransactionId,
};
use tandem_types::Entropy;

use super::super::config::RelayFamilies;
use super::super::credentials::Credentials;
use super::super::message::{
    ATTR_ADDITIONAL_ADDRESS_FAMILY, ATTR_ADDITIONAL_ADDRESS_FAMILY_DRAFT, Builder,
};
use super::super::transaction::{Patience, Schedule, fresh_id};

/// What is asked for at first; the server decides.
pub(super) const WANTED_LIFETIME: u32 = 600;
/// REQUESTED-TRANSPORT: UDP.
const UDP: u8 = 17;
/// REQUESTED-ADDRESS-FAMILY and ADDITIONAL-ADDRESS-FAMILY: IPv6.
const IPV6: u8 = 2;
/// A release is repeated this often at most: nobody waits for it.
const RELEASE_ATTEMPTS: u32 = 4;

/// What a request asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum What {
    /// An allocation.
    Allocate(RelayFamilies),
    /// The end of an allocation that an earlier owner of this socket left behind.
    Clear,
    /// A longer life for the allocation.
    Refresh,
    /// Its end.
    Release,
    /// Permissions for peers.
    Permit(Vec<IpAddr>),
    /// A channel to a peer.
    Bind(SocketAddr, u16),
}

impl What {
    pub(super) fn method(&self) -> Method {
        match self {
            Self::Allocate(_) => METHOD_ALLOCATE,
            Self::Clear | Self::Refresh | Self::Release => METHOD_REFRESH,
            Self::Permit(_) => METHOD_CREATE_PERMISSION,
            Self::Bind(..) => METHOD_CHANNEL_BIND,
        }
    }

    fn write(&self, request: &mut Builder) {
        match self {
            Self::Allocate(families) => {
                request.add(ATTR_REQUESTED_TRANSPORT, &[UDP, 0, 0, 0]);
                request.add(ATTR_LIFETIME, &WANTED_LIFETIME.to_be_bytes());
                match families {
                    RelayFamilies::Ipv4 => {}
                    RelayFamilies::Ipv6 => {
                        request.add(ATTR_REQUESTED_ADDRESS_FAMILY, &[IPV6, 0, 0, 0]);
                    }
                    RelayFamilies::Both => {
                        request.add(ATTR_ADDITIONAL_ADDRESS_FAMILY, &[IPV6, 0, 0, 0]);
                        request.add(ATTR_ADDITIONAL_ADDRESS_FAMILY_DRAFT, &[IPV6, 0, 0, 0]);
                    }
                }
            }
            Self::Clear | Self::Release => request.add(ATTR_LIFETIME, &0_u32.to_be_bytes()),
            Self::Refresh => request.add(ATTR_LIFETIME, &WANTED_LIFETIME.to_be_bytes()),
            Self::Permit(peers) => {
                for peer in peers {
                    request.add_address(ATTR_XOR_PEER_ADDRESS, SocketAddr::new(*peer, 0));
                }
            }
            Self::Bind(peer, number) => {
                let [high, low] = number.to_be_bytes();
                request.add(ATTR_CHANNEL_NUMBER, &[high, low, 0, 0]);
                request.add_address(ATTR_XOR_PEER_ADDRESS, *peer);
            }
        }
    }
}

/// A request that is waited for.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: TransactionId,
    pub(super) what: What,
    pub(super) bytes: Vec<u8>,
    pub(super) schedule: Schedule,
    /// Its answer must be authentic.
    pub(super) signed: bool,
    /// How often it was sent anew because the server wanted another signature.
    pub(super) renewals: u32,
    /// An error that came without the signature it needs: believed if nothing better comes.
    pub(super) doubtful: Option<u16>,
}

impl Request {
    pub(super) fn new(
        now: Instant,
        what: What,
        renewals: u32,
        credentials: &Credentials,
        patience: &Patience,
        entropy: &mut dyn Entropy,
    ) -> Self {
        let id = fresh_id(entropy);
        let mut request = Builder::request(what.method(), id);
        what.write(&mut request);
        credentials.sign(&mut request);
        let schedule = Schedule::start(now, patience);
        let schedule = match what {
            What::Release => schedule.at_most(RELEASE_ATTEMPTS),
            What::Allocate(_) | What::Clear | What::Refresh | What::Permit(_) | What::Bind(..) => {
                schedule
            }
        };
        Self {
            id,
            what,
            bytes: request.finish(),
            schedule,
            signed: credentials.is_challenged(),
            renewals,
            doubtful: None,
        }
    }
}

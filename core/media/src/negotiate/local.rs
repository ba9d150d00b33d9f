//! What this side brings along: its addresses and its keys.

use std::net::SocketAddr;

use tandem_types::media::{Fingerprint, IceDescription, SdesKey};

/// Where this side receives, as the peer should see it, and the keys it has. What is missing is neither
/// offered nor taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LocalTransport {
    /// Where RTP is received (and sent from): the default destination for peers without ICE.
    pub rtp: SocketAddr,
    /// Where RTCP is received unless it is multiplexed; usually the next port. The same as `rtp`: there is no
    /// other port, and RTCP has to be multiplexed (RFC 8858).
    pub rtcp: SocketAddr,
    /// Credentials and candidates.
    pub ice: Option<IceDescription>,
    /// That of the certificate DTLS uses.
    pub fingerprint: Option<Fingerprint>,
    /// Names the DTLS association (RFC 8842 §4). Changed only together with it.
    pub tls_id: Option<String>,
    /// One key for each SRTP suite this side can, best first. The tags count in offers only.
    pub sdes: Vec<SdesKey>,
}

impl LocalTransport {
    /// Two ports and no keys.
    pub const fn plain(rtp: SocketAddr, rtcp: SocketAddr) -> Self {
        Self {
            rtp,
            rtcp,
            ice: None,
            fingerprint: None,
            tls_id: None,
            sdes: Vec::new(),
        }
    }

    /// Whether there is but one port.
    pub(super) fn is_muxed_only(&self) -> bool {
        self.rtp == self.rtcp && self.rtp.port() != 0
    }
}

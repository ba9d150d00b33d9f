//! DTLS-SRTP: keys agreed between the two ends themselves (RFC 5764), each known by the fingerprint that the
//! signalling brought (RFC 8122).
//!
//! [`DtlsLink`] is one association, sans-IO. The handshake itself is `rtc-dtls`'s; between it and
//! the wire stand the guards that make it survive loss, copies and other people's packets:
//!
//! ```text
//!   datagram ─► check_records ─► Inbox ──whole flights──► rtc_dtls::Endpoint ─► Retransmission, Copies ─► datagrams
//!               form, bounds     order, reassembly,        transcript, keys      own timers, second
//!               (record.rs)      duplicates (inbox.rs)                           copies (schedule.rs)
//! ```
//!
//! What is agreed: DTLS 1.2, extended master secret required (RFC 7627; OpenSSL since 1.1.0, GnuTLS since 3.4, NSS and
//! BoringSSL since 2015 have it, and without it the exporter does not bind the keys to this handshake), the peer's
//! certificate required, SRTP as [`SRTP_PROFILES`] says.
//!
//! Two round trips of the usual three are not waited for: between two of ours the client knows the server's cookie
//! (`cookie.rs`), and a client's media begins with its last flight ([`DtlsEvent::Keys`]).
//!
//! # Why not `dimpl`
//!
//! `dimpl` 0.9 needs no cookie either and has DTLS 1.3. It was measured beside this (`tests/bench/README.md`), and is not taken: it
//! has no RSA, and what certificate a peer has is known only when it is too late to change hands, because the
//! signalling tells nothing but its digest and a server that has refused a hello is over. It would therefore stand
//! beside `rtc-dtls` and these guards, not in their place, for a gain that a call between two of ours no longer
//! has. That README also says what would have to change for another decision.

mod agreement;
mod certificate;
mod cookie;
mod failure;
mod inbox;
mod link;
#[cfg(test)]
mod link_tests;
mod record;
mod schedule;
#[cfg(test)]
mod wire_tests;

use std::time::Duration;

pub use tandem_types::media::DtlsRole;
use tandem_types::media::Fingerprint;

pub use certificate::Certificate;
pub use cookie::{Cookie, new_tls_id};
pub use failure::DtlsFailure;
pub use link::DtlsLink;

use super::srtp::{SrtpPair, SrtpProfile};

/// The profiles offered and accepted, best first; a server takes the client's first that is among them.
///
/// AES-GCM first: on ARM it runs in hardware by `ring`, where AES-CM with HMAC-SHA1 does not, and its tag is
/// longer. AES-CM with the 80-bit tag is what every peer has (RFC 5764 §4.1.2, RFC 8827 §6.5). The 32-bit tag
/// is not offered: who has it has the 80-bit one too.
pub const SRTP_PROFILES: [SrtpProfile; 2] =
    [SrtpProfile::AeadAes128Gcm, SrtpProfile::AesCm128Sha1_80];

/// How a link behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DtlsConfig {
    /// Whether each datagram is sent again, unchanged, after 30 ms. The far end's replay window drops the
    /// copy (RFC 6347 §4.1.2.6) unless it is the one that arrives. Costs less than 4 kB for a call. On by
    /// default: OpenSSL, GnuTLS (`cargo xtask test interop/dtls`) and BoringSSL (`interop/chromium`) take the copies
    /// in both roles without a word, and at 30 % loss they cut the 95th percentile of a handshake to a third.
    pub second_copies: bool,
    /// How long a handshake may take.
    pub patience: Duration,
    /// What a client shows without being asked, and what a server takes from one that does; `None`: the client
    /// waits for the server to ask, if it does.
    pub cookie: Option<Cookie>,
}

impl Default for DtlsConfig {
    fn default() -> Self {
        Self {
            second_copies: true,
            patience: Duration::from_secs(30),
            cookie: None,
        }
    }
}

/// What a link has to say.
#[derive(Debug)]
pub enum DtlsEvent {
    /// The peer has proved who it is, and media can be sealed and opened.
    ///
    /// A server says so when it has the client's whole last flight. A client says so when it has sent that flight, a
    /// round trip before the server's Finished (as RFC 7918 does for TLS). What it then sends only the owner of the
    /// expected certificate can open, who has just signed this handshake's random numbers; and the keys depend on every message
    /// up to there (RFC 7627), so a hello that was changed on its way gives keys that nobody shares. Nothing that
    /// could have been agreed on by such a change is weak: see [`SRTP_PROFILES`].
    Keys {
        /// The keys, ready to use.
        srtp: Box<SrtpPair>,
        /// The one of the expected fingerprints that the peer's certificate has.
        remote: Fingerprint,
    },
    /// There will be no keys from this link; if there were, the peer has not confirmed them.
    Failed(DtlsFailure),
    /// The far end closed the association after it was complete (RFC 5246 §7.2.1).
    Closed,
}

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing {
    //! What a fuzzer may call: pure functions over bytes from the network.

    use super::inbox::Inbox;
    use super::{DtlsRole, record};

    /// How many records of a datagram are well formed.
    pub fn check_records(datagram: &[u8]) -> usize {
        record::check_records(datagram).len()
    }

    /// Takes datagrams, each with two bytes of length before it, as a handshake would; the number of
    /// messages that it would give to the endpoint.
    pub fn reassemble(as_client: bool, mut input: &[u8]) -> usize {
        let role = if as_client {
            DtlsRole::Client
        } else {
            DtlsRole::Server
        };
        let mut inbox = Inbox::new(role);
        let mut messages = 0;
        while let Some(([high, low], rest)) = input.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
            let (datagram, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            for record in record::check_records(datagram) {
                if let record::Record::Handshake(fragments) = record {
                    for fragment in &fragments {
                        inbox.push(fragment);
                    }
                }
            }
            while let Some(flight) = inbox.take_flight() {
                messages += flight.len();
            }
            input = rest;
        }
        messages
    }
}

//! What protects the packets: nothing, keys from the signalling, or keys agreed on by DTLS.

use std::time::Instant;

use tandem_types::Encryption;
use tandem_types::media::{DtlsRole, Fingerprint};

use super::dtls::{Certificate, DtlsConfig, DtlsEvent, DtlsLink};
use super::event::{TransportFailure, Unused};
use super::sdes;
use super::srtp::SrtpPair;
use super::wire::Component;
use crate::negotiate::AgreedSecurity;

/// ```text
///   Open ──agree──► Plain
///               ├─► Sdes ────────────── keys
///               └─► Dtls ──handshake──► keys          any ──other terms──► any
/// ```
pub(super) enum Protection {
    /// Nothing is agreed on yet.
    Open {
        /// The offer was plain, so that media may come before its answer (RFC 3264 §5.1).
        plain: bool,
    },
    /// Nothing: RTP/AVP.
    Plain,
    /// RTP and RTCP under one pair of keys.
    Sdes(Box<SrtpPair>),
    /// An association for each component.
    Dtls(Box<Associations>),
}

/// What a packet's protection allows.
pub(super) enum Opened {
    /// It may be used.
    Packet(Vec<u8>),
    /// Its keys may still come.
    Early,
}

impl Protection {
    /// What `agreed` asks for.
    pub(super) fn of(
        now: Instant,
        agreed: &AgreedSecurity,
        certificate: Option<&Certificate>,
        config: DtlsConfig,
        both_components: bool,
    ) -> Result<Self, TransportFailure> {
        Ok(match agreed {
            AgreedSecurity::Plain => Self::Plain,
            AgreedSecurity::Sdes { local, remote } => {
                Self::Sdes(Box::new(sdes::pair(local, remote)?))
            }
            AgreedSecurity::Dtls {
                role, fingerprints, ..
            } => {
                let mut associations = Associations {
                    role: *role,
                    certificate: certificate.ok_or(TransportFailure::NoCertificate)?.clone(),
                    fingerprints: fingerprints.clone(),
                    config,
                    rtp: Association::default(),
                    rtcp: both_components.then(Association::default),
                };
                associations.await_client(now)?;
                Self::Dtls(Box::new(associations))
            }
        })
    }

    /// Opens a media or control packet.
    pub(super) fn open(
        &mut self,
        component: Component,
        is_rtcp: bool,
        bytes: &[u8],
    ) -> Result<Opened, Unused> {
        let pair = match self {
            Self::Open { plain: true } | Self::Plain => return Ok(Opened::Packet(bytes.to_vec())),
            Self::Open { plain: false } => return Ok(Opened::Early),
            Self::Sdes(pair) => pair,
            Self::Dtls(associations) => match associations.pair(component) {
                Some(pair) => pair,
                None => return Ok(Opened::Early),
            },
        };
        let opened = if is_rtcp {
            pair.unprotect_rtcp(bytes)
        } else {
            pair.unprotect_rtp(bytes)
        };
        opened.map(Opened::Packet).map_err(|_| Unused::Unauthentic)
    }

    /// Seals a packet; `None` as long as there are no keys.
    pub(super) fn seal(
        &mut self,
        component: Component,
        is_rtcp: bool,
        bytes: Vec<u8>,
    ) -> Option<Vec<u8>> {
        let pair = match self {
            Self::Open { .. } => return None,
            Self::Plain => return Some(bytes),
            Self::Sdes(pair) => pair,
            Self::Dtls(associations) => associations.pair(component)?,
        };
        let sealed = if is_rtcp {
            pair.protect_rtcp(&bytes)
        } else {
            pair.protect_rtp(&bytes)
        };
        match sealed {
            Ok(sealed) => Some(sealed),
            Err(error) => {
                tracing::warn!(%error, "a packet was not sealed");
                None
            }
        }
    }

    /// Whether packets can be sealed.
    pub(super) fn is_ready(&self) -> bool {
        match self {
            Self::Open { .. } => false,
            Self::Plain | Self::Sdes(_) => true,
            Self::Dtls(associations) => associations.rtp.srtp.is_some(),
        }
    }

    /// Whether an opened packet has proved to be the peer's.
    pub(super) fn authenticates(&self) -> bool {
        match self {
            Self::Open { .. } | Self::Plain => false,
            Self::Sdes(_) | Self::Dtls(_) => true,
        }
    }

    /// What it is called; `None` while it is not in force.
    pub(super) fn encryption(&self) -> Option<Encryption> {
        self.is_ready().then_some(match self {
            Self::Open { .. } | Self::Plain => Encryption::None,
            Self::Sdes(_) => Encryption::Sdes,
            Self::Dtls(_) => Encryption::DtlsSrtp,
        })
    }
}

/// The DTLS associations of a transport: one, or one for each component (RFC 5764 §4.1).
pub(super) struct Associations {
    role: DtlsRole,
    certificate: Certificate,
    fingerprints: Vec<Fingerprint>,
    config: DtlsConfig,
    rtp: Association,
    rtcp: Option<Association>,
}

#[derive(Default)]
struct Association {
    /// A client's begins when there is a way to send on.
    link: Option<DtlsLink>,
    srtp: Option<Box<SrtpPair>>,
}

/// What an association has to say.
pub(super) enum Progress {
    /// The keys of this component are there.
    Keys {
        component: Component,
        remote: Fingerprint,
    },
    /// There will be none.
    Failed(TransportFailure),
}

impl Associations {
    fn of(&mut self, component: Component) -> Option<&mut Association> {
        match component {
            Component::Rtp => Some(&mut self.rtp),
            Component::Rtcp => self.rtcp.as_mut(),
        }
    }

    fn pair(&mut self, component: Component) -> Option<&mut SrtpPair> {
        self.of(component)?.srtp.as_deref_mut()
    }

    fn links(&mut self) -> impl Iterator<Item = &mut DtlsLink> {
        let associations = [Some(&mut self.rtp), self.rtcp.as_mut()];
        associations
            .into_iter()
            .flatten()
            .filter_map(|a| a.link.as_mut())
    }

    fn await_client(&mut self, now: Instant) -> Result<(), TransportFailure> {
        match self.role {
            DtlsRole::Client => Ok(()),
            DtlsRole::Server => {
                self.begin(now, Component::Rtp)?;
                self.begin(now, Component::Rtcp)
            }
        }
    }

    /// There is a way to send on: a client says hello, once.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        component: Component,
    ) -> Result<(), TransportFailure> {
        if self.of(component).is_none_or(|a| a.link.is_some()) {
            return Ok(());
        }
        let (role, config) = (self.role, self.config);
        let link = DtlsLink::new(now, role, &self.certificate, &self.fingerprints, config)?;
        if let Some(association) = self.of(component) {
            association.link = Some(link);
        }
        Ok(())
    }

    pub(super) fn handle(&mut self, now: Instant, component: Component, bytes: &[u8]) {
        if let Some(link) = self.of(component).and_then(|a| a.link.as_mut()) {
            link.handle(now, bytes);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.links().for_each(|link| link.handle_timeout(now));
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let associations = [Some(&self.rtp), self.rtcp.as_ref()];
        let links = associations
            .into_iter()
            .flatten()
            .filter_map(|a| a.link.as_ref());
        links.filter_map(DtlsLink::poll_timeout).min()
    }

    pub(super) fn poll_transmit(&mut self, component: Component) -> Option<Vec<u8>> {
        self.of(component)?.link.as_mut()?.poll_transmit()
    }

    pub(super) fn poll_progress(&mut self) -> Option<Progress> {
        [Component::Rtp, Component::Rtcp]
            .into_iter()
            .find_map(|component| self.progress_of(component))
    }

    fn progress_of(&mut self, component: Component) -> Option<Progress> {
        let association = self.of(component)?;
        Some(match association.link.as_mut()?.poll_event()? {
            DtlsEvent::Keys { srtp, remote } => {
                association.srtp = Some(srtp);
                Progress::Keys { component, remote }
            }
            DtlsEvent::Failed(failure) => {
                // A client may have had keys that the server then did not confirm.
                association.srtp = None;
                Progress::Failed(failure.into())
            }
            DtlsEvent::Closed => Progress::Failed(TransportFailure::Closed),
        })
    }

    pub(super) fn local(&self) -> Fingerprint {
        self.certificate.fingerprint()
    }

    pub(super) fn close(&mut self, now: Instant) {
        self.links().for_each(|link| link.close(now));
    }
}

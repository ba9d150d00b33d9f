//! Opening packets, and admitting sources only by their first authentic packet.

use std::collections::BTreeSet;

use rtc_srtp::context::Context;

use super::header::{RtcpShape, RtpShape};
use super::{MasterKey, SrtpError, SrtpProfile, reason};

/// Sources one call leg can have: every transfer and every announcement may bring a new one.
const MAX_SOURCES: usize = 1024;
/// Strangers after which the probing context is made anew, so that it never holds more of them.
const MAX_STRANGERS: u32 = 64;

/// The keys of the far end, and the sources that proved to have them.
pub(super) struct Inbound {
    profile: SrtpProfile,
    keys: MasterKey,
    context: Context,
    /// Opens the first packet of each source. Without replay protection, so nothing a stranger sends
    /// changes what it says of the next packet.
    probe: Context,
    strangers: u32,
    rtp: BTreeSet<u32>,
    rtcp: BTreeSet<u32>,
}

impl Inbound {
    pub(super) fn new(profile: SrtpProfile, keys: &MasterKey) -> Result<Self, SrtpError> {
        Ok(Self {
            profile,
            context: keys.context(profile, true)?,
            probe: keys.context(profile, false)?,
            keys: keys.clone(),
            strangers: 0,
            rtp: BTreeSet::new(),
            rtcp: BTreeSet::new(),
        })
    }

    pub(super) fn rtp(&mut self, packet: &[u8], shape: &RtpShape) -> Result<Vec<u8>, SrtpError> {
        let header = shape.opaque();
        if !self.rtp.contains(&shape.ssrc) {
            let opened = self.probe.decrypt_rtp_with_header(packet, &header);
            self.probed(opened.map_err(|error| reason(&error)), self.rtp.len())?;
            self.rtp.insert(shape.ssrc);
        }
        let opened = self.context.decrypt_rtp_with_header(packet, &header);
        opened.map(Vec::from).map_err(|error| reason(&error))
    }

    pub(super) fn rtcp(&mut self, packet: &[u8], shape: &RtcpShape) -> Result<Vec<u8>, SrtpError> {
        if !self.rtcp.contains(&shape.ssrc) {
            let opened = self.probe.decrypt_rtcp(packet);
            self.probed(opened.map_err(|error| reason(&error)), self.rtcp.len())?;
            self.rtcp.insert(shape.ssrc);
        }
        let opened = self.context.decrypt_rtcp(packet);
        opened.map(Vec::from).map_err(|error| reason(&error))
    }

    /// What the first packet of a source says, when `admitted` sources are known.
    fn probed<T>(
        &mut self,
        opened: Result<T, SrtpError>,
        admitted: usize,
    ) -> Result<(), SrtpError> {
        if let Err(error) = opened {
            self.strangers += 1;
            if self.strangers >= MAX_STRANGERS {
                self.probe = self.keys.context(self.profile, false)?;
                self.strangers = 0;
            }
            return Err(error);
        }
        if admitted >= MAX_SOURCES {
            return Err(SrtpError::TooManySources);
        }
        Ok(())
    }
}

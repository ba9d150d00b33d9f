//! A copy of what went over the wire, for a person with Wireshark.
//!
//! The engine hands over payloads, not frames, so the IP, UDP and TCP headers are made up here: addresses
//! and ports are true, identifiers and TCP sequence numbers count what was captured. No privilege is needed
//! and nothing but this engine's own traffic can be seen.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Sees a copy of everything the engine sends and receives.
pub trait Capture: Send + Sync {
    /// One datagram.
    fn datagram(&self, from: SocketAddr, to: SocketAddr, payload: &[u8]);
    /// Bytes of a stream.
    fn stream(&self, from: SocketAddr, to: SocketAddr, payload: &[u8]);
}

/// A capture file: classic pcap, link type RAW (each record starts with its IP header).
pub struct PcapFile(Mutex<Inner>);

struct Inner {
    file: BufWriter<File>,
    /// Next TCP sequence number by direction.
    sequence: BTreeMap<(SocketAddr, SocketAddr), u32>,
}

/// Snap length said in the file header; a SIP message over TCP is cut into segments below it.
const SNAP_LENGTH: u32 = 65_535;
const SEGMENT: usize = 1_400;
const LINKTYPE_RAW: u32 = 101;
const UDP: u8 = 17;
const TCP: u8 = 6;
/// PSH and ACK: enough for a dissector to take the payload.
const TCP_FLAGS: u8 = 0x18;

impl PcapFile {
    /// Starts a capture file, replacing what was there.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(&0xa1b2_c3d4_u32.to_le_bytes())?;
        file.write_all(&2_u16.to_le_bytes())?;
        file.write_all(&4_u16.to_le_bytes())?;
        file.write_all(&[0; 8])?;
        file.write_all(&SNAP_LENGTH.to_le_bytes())?;
        file.write_all(&LINKTYPE_RAW.to_le_bytes())?;
        file.flush()?;
        Ok(Self(Mutex::new(Inner {
            file,
            sequence: BTreeMap::new(),
        })))
    }
}

impl Capture for PcapFile {
    fn datagram(&self, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut packet = ip_header(from.ip(), to.ip(), UDP, 8 + payload.len());
        packet.extend(from.port().to_be_bytes());
        packet.extend(to.port().to_be_bytes());
        packet.extend(short(8 + payload.len()).to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(payload);
        inner.record(&packet);
    }

    fn stream(&self, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for segment in payload.chunks(SEGMENT) {
            let acknowledged = inner.sequence.get(&(to, from)).copied().unwrap_or(1);
            let next = inner.sequence.entry((from, to)).or_insert(1);
            let sequence = *next;
            *next = next.wrapping_add(u32::from(short(segment.len())));
            let mut packet = ip_header(from.ip(), to.ip(), TCP, 20 + segment.len());
            packet.extend(from.port().to_be_bytes());
            packet.extend(to.port().to_be_bytes());
            packet.extend(sequence.to_be_bytes());
            packet.extend(acknowledged.to_be_bytes());
            packet.extend([0x50, TCP_FLAGS, 0xff, 0xff, 0, 0, 0, 0]);
            packet.extend(segment);
            inner.record(&packet);
        }
    }
}

impl Inner {
    /// Writes one record. A full disk must not end a call, so an error only ends the capture.
    fn record(&mut self, packet: &[u8]) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
        let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let write = |file: &mut BufWriter<File>| {
            file.write_all(&seconds.to_le_bytes())?;
            file.write_all(&now.subsec_micros().to_le_bytes())?;
            file.write_all(&length.to_le_bytes())?;
            file.write_all(&length.to_le_bytes())?;
            file.write_all(packet)?;
            file.flush()
        };
        if let Err(error) = write(&mut self.file) {
            tracing::warn!(%error, "capture file not written");
        }
    }
}

fn short(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

/// An IP header for `length` bytes of `protocol`. IPv6 if either address is.
fn ip_header(from: IpAddr, to: IpAddr, protocol: u8, length: usize) -> Vec<u8> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut header = vec![0x45, 0];
            header.extend(short(20 + length).to_be_bytes());
            header.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
            header.extend(from.octets());
            header.extend(to.octets());
            let sum = checksum(&header);
            for (slot, byte) in header.iter_mut().skip(10).zip(sum.to_be_bytes()) {
                *slot = byte;
            }
            header
        }
        (from, to) => {
            let six = |address: IpAddr| match address {
                IpAddr::V4(address) => address.to_ipv6_mapped(),
                IpAddr::V6(address) => address,
            };
            let mut header = vec![0x60, 0, 0, 0];
            header.extend(short(length).to_be_bytes());
            header.extend([protocol, 64]);
            header.extend(six(from).octets());
            header.extend(six(to).octets());
            header
        }
    }
}

/// RFC 1071 over 16-bit words.
fn checksum(header: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in header.chunks(2) {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([high, low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

impl fmt::Debug for PcapFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PcapFile")
    }
}

impl fmt::Debug for dyn Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Capture")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ip_header_sums_to_zero_with_its_checksum() {
        let header = ip_header([127, 0, 0, 1].into(), [127, 0, 0, 2].into(), UDP, 100);
        assert_eq!(header.len(), 20);
        assert_eq!(checksum(&header), 0);
    }

    #[test]
    fn a_capture_holds_each_datagram_with_its_addresses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.pcap");
        let capture = PcapFile::create(&path).unwrap();
        let from: SocketAddr = "127.0.0.1:5060".parse().unwrap();
        let to: SocketAddr = "127.0.0.2:5061".parse().unwrap();
        capture.datagram(from, to, b"OPTIONS");
        let bytes = std::fs::read(path).unwrap();
        let packet = &bytes[24 + 16..];
        assert_eq!(packet[12..20], [127, 0, 0, 1, 127, 0, 0, 2]);
        assert_eq!(packet[20..24], [0x13, 0xc4, 0x13, 0xc5]);
        assert_eq!(&packet[28..], b"OPTIONS");
    }
}

//! DTMF as telephone events (RFC 4733).

use std::collections::VecDeque;

/// Keys by event code.
const KEYS: &[u8; 16] = b"0123456789*#ABCD";
/// A key sounds this many packets of 20 ms (100 ms; the least that ITU-T Q.24 asks for is 40).
const TONE_PACKETS: u16 = 5;
/// The last packet is sent three times (RFC 4733 §2.5.1.4), 20 ms apart so that one burst of loss spares one.
const END_PACKETS: u8 = 3;
/// Pause between keys, in ticks of 20 ms, counted after the last end packet.
const PAUSE_TICKS: u8 = 3;
/// −10 dBm0: what everybody sends.
const VOLUME: u8 = 10;
/// Keys waiting to be sent, at most.
pub(crate) const MAX_QUEUE: usize = 64;

/// The event code of a key; letters in either case.
pub(crate) fn event_of(key: char) -> Option<u8> {
    let key = u8::try_from(key).ok()?.to_ascii_uppercase();
    let position = KEYS.iter().position(|known| *known == key)?;
    u8::try_from(position).ok()
}

fn key_of(event: u8) -> Option<char> {
    KEYS.get(usize::from(event)).map(|key| char::from(*key))
}

/// One packet to send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct EventPacket {
    /// The first packet of a key carries the marker.
    pub(crate) marker: bool,
    /// RTP timestamp: that of the key's start, in all its packets.
    pub(crate) timestamp: u32,
    /// The four bytes of §2.3.
    pub(crate) payload: [u8; 4],
}

/// Sends keys, one packet a tick.
#[derive(Debug, Default)]
pub(crate) struct DtmfSender {
    waiting: VecDeque<u8>,
    current: Option<Sounding>,
    pause: u8,
}

#[derive(Debug)]
struct Sounding {
    event: u8,
    timestamp: u32,
    packets: u16,
    end_packets: u8,
}

/// What a tick of the sender gives.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct DtmfTick {
    /// The packet, which takes the place of sound.
    pub(crate) packet: EventPacket,
    /// The key that has now been sent completely.
    pub(crate) finished: Option<char>,
}

impl DtmfSender {
    /// Queues event codes; `false`, and nothing queued, if that is too many at once.
    pub(crate) fn queue(&mut self, events: &[u8]) -> bool {
        let fits = self.waiting.len().saturating_add(events.len()) <= MAX_QUEUE;
        if fits {
            self.waiting.extend(events);
        }
        fits
    }

    /// Forgets what has not been sent.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The packet for the 20 ms that start at `timestamp` and last `ticks_of_clock`; `None`: send sound.
    pub(crate) fn tick(&mut self, timestamp: u32, ticks_of_clock: u16) -> Option<DtmfTick> {
        if self.current.is_none() {
            if self.pause > 0 {
                self.pause -= 1;
                return None;
            }
            let event = self.waiting.pop_front()?;
            self.current = Some(Sounding {
                event,
                timestamp,
                packets: 0,
                end_packets: 0,
            });
        }
        let sounding = self.current.as_mut()?;
        let marker = sounding.packets == 0;
        sounding.packets = sounding.packets.saturating_add(1).min(TONE_PACKETS);
        let ending = sounding.packets == TONE_PACKETS;
        if ending {
            sounding.end_packets += 1;
        }
        let duration = sounding
            .packets
            .saturating_mul(ticks_of_clock)
            .to_be_bytes();
        let [high, low] = duration;
        let end_bit = if ending { 0x80 } else { 0 };
        let packet = EventPacket {
            marker,
            timestamp: sounding.timestamp,
            payload: [sounding.event, end_bit | VOLUME, high, low],
        };
        let mut finished = None;
        if sounding.end_packets >= END_PACKETS {
            finished = key_of(sounding.event);
            self.current = None;
            self.pause = PAUSE_TICKS;
        }
        Some(DtmfTick { packet, finished })
    }
}

/// Hears keys: each once, however many of its packets arrive and in whatever order.
#[derive(Debug, Default)]
pub(crate) struct DtmfReceiver {
    /// Event and timestamp of recent keys, newest last.
    recent: VecDeque<(u8, u32)>,
}

/// Packets of a key can be overtaken by those of the next ones; nobody presses more in that time.
const RECENT: usize = 8;

impl DtmfReceiver {
    /// Takes a payload; returns the key if it is a new one. Damaged payloads and other events give nothing.
    pub(crate) fn handle(&mut self, timestamp: u32, payload: &[u8]) -> Option<char> {
        let [event, _, _, _] = *payload.first_chunk::<4>()?;
        let key = key_of(event)?;
        let known = |(old, at): &(u8, u32)| {
            // A key held so long that its duration overflows goes on under a new timestamp, 65 535
            // later (§2.5.1.3).
            *at == timestamp || (*old == event && timestamp.wrapping_sub(*at) == 0xffff)
        };
        if let Some(found) = self.recent.iter_mut().find(|entry| known(entry)) {
            found.1 = timestamp;
            return None;
        }
        self.recent.push_back((event, timestamp));
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send_all(keys: &str, clock: u16) -> Vec<EventPacket> {
        let mut sender = DtmfSender::default();
        let events: Vec<u8> = keys.chars().map(|key| event_of(key).unwrap()).collect();
        assert!(sender.queue(&events));
        let mut now = 1000_u32;
        let mut packets = Vec::new();
        for _ in 0..200 {
            packets.extend(sender.tick(now, clock).map(|tick| tick.packet));
            now += u32::from(clock);
        }
        packets
    }

    #[test]
    fn a_key_is_one_marker_growing_durations_one_timestamp_and_three_ends() {
        for clock in [160_u16, 960] {
            let packets = send_all("5", clock);
            assert_eq!(packets.len(), 7);
            assert!(packets[0].marker && packets[1..].iter().all(|p| !p.marker));
            assert!(
                packets
                    .iter()
                    .all(|p| p.timestamp == 1000 && p.payload[0] == 5)
            );
            let duration =
                |p: &EventPacket| u16::from_be_bytes([p.payload[2], p.payload[3]]) / clock;
            assert_eq!(
                packets.iter().map(duration).collect::<Vec<_>>(),
                [1, 2, 3, 4, 5, 5, 5]
            );
            let ends = packets.iter().filter(|p| p.payload[1] & 0x80 != 0).count();
            assert_eq!(ends, 3);
        }
    }

    #[test]
    fn each_key_is_heard_once_even_if_packets_are_lost_doubled_or_overtaken() {
        let packets = send_all("42#D", 160);
        for lost in 0..7 {
            let mut receiver = DtmfReceiver::default();
            let mut heard = String::new();
            for (n, packet) in packets.iter().enumerate() {
                if n % 7 == lost {
                    continue;
                }
                for copy in [packet, &packets[n.saturating_sub(2)], packet] {
                    heard.extend(receiver.handle(copy.timestamp, &copy.payload));
                }
            }
            assert_eq!(heard, "42#D");
        }
    }

    #[test]
    fn a_key_held_very_long_and_a_flash_are_not_new_keys() {
        let mut receiver = DtmfReceiver::default();
        assert_eq!(receiver.handle(7, &[1, 10, 0xff, 0xff]), Some('1'));
        assert_eq!(receiver.handle(7 + 0xffff, &[1, 10, 0, 160]), None);
        assert_eq!(receiver.handle(99, &[16, 10, 0, 160]), None);
        assert_eq!(receiver.handle(99, &[1, 10]), None);
    }
}

//! What protection costs: time per packet beside the bare cipher in the same run, and memory per call.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use tandem_fuzz::Use;
use tandem_media::fuzzing::srtp::{MasterKey, SrtpPair, SrtpProfile};

use crate::handshake::{self, Variant};
use crate::wire::Weather;

/// One packet of 20 ms of Opus at 32 kbit/s, and its header.
const PAYLOAD: usize = 80;
const HEADER: [u8; 12] = [0x80, 111, 0, 0, 0, 0, 0, 160, 1, 2, 3, 4];
const PACKETS: u16 = 4000;
const ROUNDS: usize = 21;

/// Nanoseconds to seal and open one packet: by us, by the bare cipher, and how far each wandered over the rounds.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub ours: Spread,
    pub bare: Spread,
}

#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub low: u64,
    pub median: u64,
    pub high: u64,
}

impl Cost {
    pub fn ratio(&self) -> f64 {
        self.ours.median as f64 / self.bare.median.max(1) as f64
    }
}

/// `bare` is AES-128-GCM of `ring` for the one profile, and for the other HMAC-SHA1 alone, which is most of it.
pub fn srtp(profile: SrtpProfile) -> Cost {
    let key = |fill: u8| {
        MasterKey::new(
            vec![fill; profile.key_len()],
            vec![fill; profile.salt_len()],
        )
    };
    let (one, other) = (key(1), key(2));
    let mut ours = Vec::new();
    let mut bare = Vec::new();
    // Taken in turns, so that what else the machine does strikes both.
    for _ in 0..ROUNDS {
        let mut alice = SrtpPair::new(profile, &one, &other).expect("a pair");
        let mut bob = SrtpPair::new(profile, &other, &one).expect("a pair");
        ours.push(per_packet(|packet| {
            let sealed = alice.protect_rtp(packet).expect("sealed");
            black_box(bob.unprotect_rtp(&sealed).expect("opened"));
        }));
        bare.push(match profile {
            SrtpProfile::AeadAes128Gcm => bare_gcm(),
            _ => bare_hmac(),
        });
    }
    Cost {
        ours: spread(ours),
        bare: spread(bare),
    }
}

fn per_packet(mut each: impl FnMut(&[u8])) -> u64 {
    let mut packet = [&HEADER[..], &[7; PAYLOAD]].concat();
    let begin = Instant::now();
    for number in 0..PACKETS {
        packet[2..4].copy_from_slice(&number.to_be_bytes());
        each(&packet);
    }
    begin.elapsed().as_nanos() as u64 / u64::from(PACKETS)
}

fn bare_gcm() -> u64 {
    let key = || LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16]).expect("a key"));
    let (seal, open) = (key(), key());
    per_packet(|packet| {
        let nonce = || Nonce::assume_unique_for_key([3; 12]);
        let (header, payload) = packet.split_at(HEADER.len());
        let mut sealed = payload.to_vec();
        let sealing = seal.seal_in_place_append_tag(nonce(), Aad::from(header), &mut sealed);
        sealing.expect("sealed");
        black_box(
            open.open_in_place(nonce(), Aad::from(header), &mut sealed)
                .expect("opened"),
        );
    })
}

fn bare_hmac() -> u64 {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[7; 20]);
    per_packet(|packet| {
        black_box(hmac::sign(&key, packet));
        black_box(hmac::sign(&key, packet));
    })
}

fn spread(mut times: Vec<u64>) -> Spread {
    times.sort_unstable();
    let at = |percent: usize| times[times.len().saturating_sub(1) * percent / 100];
    Spread {
        low: at(5),
        median: at(50),
        high: at(95),
    }
}

/// The most heap that one end needs to set up a call, in bytes: ICE and DTLS together, the wire's packets included.
pub fn memory(variant: Variant, start: Instant) -> usize {
    let weather = Weather {
        round_trip: Duration::from_millis(100),
        jitter: Duration::ZERO,
        loss: 0,
    };
    // Once before: what is made only once does not count.
    handshake::run(variant, weather, 1, start);
    let used = Use::of(|| {
        handshake::run(variant, weather, 2, start);
    });
    used.memory / 2
}

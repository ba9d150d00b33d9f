//! Randomness is given to the sans-IO rooms, so that a test can print and repeat its seed.

/// A source of random bytes.
///
/// On a device it is the operating system's generator (given by the engine), in tests [`SeededEntropy`].
pub trait Entropy: Send {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);

    /// A random number.
    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A random number below `bound` (0 when `bound` is 0). The bias of the modulo is below 2⁻³² for any
    /// bound that fits 32 bits: fine for ports and back-off, not for keys.
    fn below(&mut self, bound: u64) -> u64 {
        self.next_u64().checked_rem(bound).unwrap_or(0)
    }

    /// `bytes` random bytes as lower-case hex, twice as many characters.
    fn hex(&mut self, bytes: usize) -> String {
        let mut raw = vec![0; bytes];
        self.fill(&mut raw);
        raw.iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// A repeatable sequence (SplitMix64): for tests and simulations only, never on a device.
#[derive(Clone, Debug)]
pub struct SeededEntropy(u64);

impl SeededEntropy {
    /// The sequence that `seed` gives.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            for (to, from) in chunk.iter_mut().zip(z.to_le_bytes()) {
                *to = from;
            }
        }
    }
}

//! The key the file is encrypted with.

use std::fmt::{self, Write};

use tandem_types::Entropy;
use zeroize::Zeroizing;

/// 256 bits that open the store. They live in the secret store of the operating system; here they are wiped
/// from memory when the value goes.
pub struct Key(Zeroizing<[u8; Key::BYTES]>);

impl Key {
    /// How many bytes a key has.
    pub const BYTES: usize = 32;

    /// A fresh key out of `entropy`, which must be fit for cryptography.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut key = Self(Zeroizing::new([0; Self::BYTES]));
        entropy.fill(key.0.as_mut_slice());
        key
    }

    /// The key that was kept. The caller wipes its own copy.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The key itself, to hand it to the secret store.
    pub fn reveal(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// The key as lower-case hex, wiped when dropped.
    pub(crate) fn hex(&self) -> Zeroizing<String> {
        // Full size from the start: a growing string would leave copies behind.
        let mut hex = Zeroizing::new(String::with_capacity(Self::BYTES * 2));
        for byte in self.0.iter() {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([secret])")
    }
}

#[cfg(test)]
mod tests {
    use tandem_types::SeededEntropy;

    use super::*;

    #[test]
    fn a_key_reads_back_and_shows_nothing() {
        let key = Key::generate(&mut SeededEntropy::new(1));
        assert_eq!(Key::from_bytes(key.reveal()).reveal(), key.reveal());
        assert_eq!(format!("{key:?}"), "Key([secret])");
        assert_eq!(Key::from_bytes(&[0xa5; 32]).hex().as_str(), "a5".repeat(32));
    }
}

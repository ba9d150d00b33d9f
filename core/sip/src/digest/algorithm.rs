//! The hash functions of Digest and their names on the wire (RFC 7616 §6.1, RFC 8760 §2.1).

use std::fmt;

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

/// A hash function Digest may use, weakest first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Hash {
    /// MD5 (RFC 1321): what every old PBX speaks.
    Md5,
    /// SHA-256.
    Sha256,
    /// SHA-512/256: SHA-512 with its own initial value, cut to 256 bits; not a truncated SHA-512
    /// (RFC 7616 erratum 4897).
    Sha512_256,
}

impl Hash {
    /// The hash of the `parts` joined by `:`, as lower-case hex.
    pub(super) fn hex(self, parts: &[&[u8]]) -> String {
        match self {
            Self::Md5 => hex_of::<Md5>(parts),
            Self::Sha256 => hex_of::<Sha256>(parts),
            Self::Sha512_256 => hex_of::<Sha512_256>(parts),
        }
    }

    /// How much the hash is worth: 256-bit hashes are equals, so that the server's order decides there.
    pub(super) const fn strength(self) -> u8 {
        match self {
            Self::Md5 => 0,
            Self::Sha256 | Self::Sha512_256 => 1,
        }
    }
}

/// A Digest algorithm: a hash function, with or without session keys.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Algorithm {
    /// The hash function.
    pub hash: Hash,
    /// Whether the key depends on both nonces (`-sess`, RFC 7616 §3.4.2).
    pub session: bool,
}

impl Algorithm {
    /// `MD5`, which a challenge without `algorithm` means (RFC 7616 §3.3).
    pub const MD5: Self = Self {
        hash: Hash::Md5,
        session: false,
    };
    /// `SHA-256`.
    pub const SHA_256: Self = Self {
        hash: Hash::Sha256,
        session: false,
    };
    /// `SHA-512-256`.
    pub const SHA_512_256: Self = Self {
        hash: Hash::Sha512_256,
        session: false,
    };

    /// The algorithm of that name, in any case; `None` if unknown.
    pub fn from_name(name: &str) -> Option<Self> {
        let (base, session) = match name
            .len()
            .checked_sub(5)
            .and_then(|at| name.split_at_checked(at))
        {
            Some((base, tail)) if tail.eq_ignore_ascii_case("-sess") => (base, true),
            Some(_) | None => (name, false),
        };
        let hash = [Hash::Md5, Hash::Sha256, Hash::Sha512_256]
            .into_iter()
            .find(|&hash| {
                Self {
                    hash,
                    session: false,
                }
                .name()
                .eq_ignore_ascii_case(base)
            })?;
        Some(Self { hash, session })
    }

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match (self.hash, self.session) {
            (Hash::Md5, false) => "MD5",
            (Hash::Md5, true) => "MD5-sess",
            (Hash::Sha256, false) => "SHA-256",
            (Hash::Sha256, true) => "SHA-256-sess",
            (Hash::Sha512_256, false) => "SHA-512-256",
            (Hash::Sha512_256, true) => "SHA-512-256-sess",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn hex_of<D: Digest>(parts: &[&[u8]]) -> String {
    let mut hash = D::new();
    for (position, part) in parts.iter().enumerate() {
        if position > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    hex(&hash.finalize())
}

/// `bytes` as lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_found_by_its_name_in_any_case() {
        for hash in [Hash::Md5, Hash::Sha256, Hash::Sha512_256] {
            for session in [false, true] {
                let algorithm = Algorithm { hash, session };
                assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
                assert_eq!(
                    Algorithm::from_name(&algorithm.name().to_lowercase()),
                    Some(algorithm)
                );
            }
        }
        for unknown in ["", "-sess", "AKAv1-MD5", "SHA-512", "sha256", "é-sess"] {
            assert_eq!(Algorithm::from_name(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn parts_are_joined_by_colons_before_hashing() {
        // RFC 1321 appendix A.5 and FIPS 180-2: the hash of "abc".
        assert_eq!(Hash::Md5.hex(&[b"abc"]), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            Hash::Sha512_256.hex(&[b"abc"]),
            "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"
        );
        assert_eq!(
            Hash::Sha256.hex(&[b"a", b"", b"c"]),
            Hash::Sha256.hex(&[b"a::c"])
        );
    }
}

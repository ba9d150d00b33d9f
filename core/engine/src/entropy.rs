//! The operating system's randomness, for the rooms that may not ask for it themselves.

use tandem_types::Entropy;

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            // Keys and nonces made without randomness would be worse than an end: this fails only where the
            // system offers no generator at all, which no supported platform does.
            tracing::error!(%error, "the system gives no randomness");
            std::process::abort();
        }
    }
}

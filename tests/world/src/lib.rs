//! The world the tests and the demo live in: what surrounds two phones.
//!
//! - [`speech`]: how alike two recordings of speech are, and the controls that keep the measure honest.
//! - [`net`]: a network in virtual time for sans-IO phones, with loss, jitter and a printed seed.
//! - [`audio`]: sound in memory, read from and written to WAV files of any rate.

pub mod audio;
pub mod net;
pub mod speech;
pub mod voices;

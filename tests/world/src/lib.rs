//! The world the tests and the demo live in: what surrounds two phones.
//!
//! - [`speech`]: how alike two recordings of speech are, and the controls that keep the measure honest.
//! - [`audio`]: sound in memory, read from and written to WAV files of any rate.

pub mod audio;
pub mod speech;
pub mod voices;

//! The world the tests and the demo live in: what surrounds two phones.
//!
//! - [`client`]: the real `tandem` as a process.
//! - [`demo`]: two phones as processes and one call between them, judged.
//! - [`town`]: people who call each other through a registrar, in virtual time; [`handset`] is one phone of it.
//! - [`net`]: a network in virtual time for sans-IO phones, with loss, jitter and a printed seed.
//! - [`sip_registrar`]: a loopback registrar and forking proxy, sans-IO and on real sockets.
//! - [`program`]: a program that a test started, ended with the test.
//! - [`speech`]: how alike two recordings of speech are, and the controls that keep the measure honest.
//! - [`stranger`]: a far end of another make, scripted word by word.
//! - [`tls_front`]: TLS in front of a TCP server, with an authority made for the test.
//! - [`watched`]: what a program tells, waited for.
//! - [`voices`]: the two committed voices; [`audio`]: sound in memory, from and to WAV files of any rate.

pub mod audio;
pub mod client;
pub mod demo;
pub mod handset;
pub mod net;
pub mod program;
pub mod sip_registrar;
pub mod speech;
pub mod stranger;
pub mod tls_front;
pub mod town;
pub mod voices;
pub mod watched;

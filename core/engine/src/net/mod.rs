//! What the operating system owns of the network: sockets bound to one path, names, certificates.
//!
//! Each is a small synchronous trait, because on a phone the platform implements it: Android binds a socket
//! to a `Network`, iOS to an interface, and both have their own resolver and trust store. Name look-ups and
//! certificate checks may block; the engine calls them on a blocking thread, never on a runtime worker.

mod capture;
mod identity;
mod platform;
#[cfg(not(any(target_os = "android", target_os = "ios")))]
mod records;
mod resolver;
mod roots;
mod sockets;
mod verify;

pub use capture::{Capture, PcapFile};
pub use platform::PlatformVerifier;
pub use resolver::{NaptrRecord, Resolver, SrvRecord, StaticResolver, SystemResolver};
pub use roots::{NoRoots, Roots, RootsVerifier};
pub use sockets::{LocalAddress, NetworkId, SocketFactory, SystemSockets};
pub use verify::{CertificateError, CertificateVerifier};

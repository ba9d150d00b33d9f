//! Calls with the phones and servers of other people, never mocked.
//!
//! A test starts the real programs on loopback, lets them call each other and looks at what a person
//! would notice: the sound that arrived, and why the call ended. Whatever a test started ends with
//! it, also when it panics. `cargo xtask test interop` builds `tandem`, fetches the peers and runs
//! each suite in a network namespace of its own; what they logged lies in `target/interop/`.

mod asterisk;
mod baresip;
mod browser;
mod certificates;
mod coturn;
mod hearing;
mod kamailio;
mod names;
mod nat;
mod network;
mod phone;
mod places;
mod relays;
mod sipp;
mod wire;

pub use asterisk::Asterisk;
pub use baresip::Baresip;
pub use browser::Browser;
pub use certificates::Certificates;
pub use coturn::Coturn;
pub use hearing::{assert_heard, assert_not_heard, speech_begins};
pub use kamailio::Kamailio;
pub use names::Names;
pub use nat::{Home, Lab, Nat, Sent};
pub use network::{LAN, add_lan, links};
pub use phone::{Account, PHONE, SignIn};
pub use places::Desk;
pub use relays::{Echo, Relays};
pub use sipp::Sipp;
pub use tandem_world::program::{Program, wait_until};
pub use wire::{Packet, Wire};

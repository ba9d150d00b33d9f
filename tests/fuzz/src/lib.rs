//! What the network may send, tried by a coverage-guided fuzzer.
//!
//! A [`Target`] takes any bytes and checks what must hold for all of them: no panic; what was read, printed
//! and read again is the same; an answer is not much larger than its question; memory and work stay in
//! proportion to the input ([`Budget`]). `cargo xtask fuzz` runs them under libFuzzer on the stable compiler;
//! the tests of this crate replay the committed inputs without it:
//!
//! - `corpus/TARGET/`: seeds, written by hand or by `examples/seeds.rs` from our own encoders;
//! - `regressions/TARGET/`: inputs that once broke something, named after what they broke;
//! - `dictionaries/*.dict`: words that blind mutation finds late.

mod meter;
mod target;
mod targets;

pub use meter::{Budget, Use};
pub use target::Target;
pub use targets::ALL;

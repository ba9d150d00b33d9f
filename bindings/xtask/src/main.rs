//! `cargo xtask`: every command of the house.
fn main() {}

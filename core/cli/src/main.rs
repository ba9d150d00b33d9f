//! `tandem`: the desktop client of the Tandem core.
fn main() {}

//! Whole calls between two sessions, in virtual time over a seeded network.

mod agree;
mod hostile;
mod link;
mod quality;
mod speech;
mod stories;

//! The jitter buffer: packets in, in whatever order and at whatever time; 20 ms of sound out, every 20 ms.
//!
//! How long sound waits follows what the network does ([`delay`]); the buffer bends towards it by stretching
//! the sound, and what is missing when its time comes is recovered, or guessed ([`playout`]).

mod delay;
mod playout;
mod queue;

pub(crate) use playout::{Played, Playout, PlayoutStats};
pub(crate) use queue::Coded;

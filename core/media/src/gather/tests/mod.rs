//! Gathering and relaying in virtual time, over a wire that loses, with servers that misbehave.

mod allocating;
mod credentials;
mod lasting;
mod messages;
mod misbehaving;
mod reflexive;
mod relaying;
mod server;
mod streams;
mod transporting;
mod world;

//! How the whole phone behaves: engine, call machine, SIP and media together, over a network that loses
//! packets, in virtual time. Every story prints its seed; `TANDEM_SEED` repeats one.

mod bad_networks;
mod basic_call;
mod changed_protection;
mod ear;
mod encryption;
mod forks;
mod history;
mod hold_and_keys;
mod no_call;
mod offerless;
mod renegotiation;
mod signing_in;
mod strange_callers;
mod strangers;
mod trickle;
mod vanishing;

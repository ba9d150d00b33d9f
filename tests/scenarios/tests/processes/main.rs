//! How `tandem` behaves as a process: real sockets, signals, files and exit codes, against the loopback
//! registrar. What virtual time cannot show; everything else is told in `tests/stories`.

mod beside;
mod calls;
mod exit_codes;
mod house;
mod killed;
mod signals;

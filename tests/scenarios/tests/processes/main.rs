//! How `tandem` behaves as a process: real sockets, signals, files and exit codes, against the loopback
//! registrar. What virtual time cannot show; everything else is told in `tests/stories`.

mod beside;
mod calls;
mod capture;
mod exit_codes;
mod hostile;
mod house;
mod killed;
mod long_run;
mod privacy;
mod proc;
mod secure;
mod signals;

//! What a person types while a call is up: the steps of `--do`, a line at a time.
//!
//! Only a terminal is read: what a script gives us on standard input may be meant for somebody else.

use std::io::{BufRead, IsTerminal};
use std::sync::OnceLock;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};

/// Lines that wait; somebody who types more than this ahead has lost the rest.
const WAITING: usize = 8;
/// How often somebody in the background looks whether the terminal is theirs again.
const BACKGROUND: Duration = Duration::from_secs(1);

static LINES: OnceLock<Mutex<mpsc::Receiver<String>>> = OnceLock::new();

/// Reads from now on, on a thread of its own that ends with the program. Not before a password was asked for: of two
/// who read a terminal it would be the first who gets it.
pub fn listen() {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return;
    }
    let (typed, lines) = mpsc::channel(WAITING);
    if LINES.set(Mutex::new(lines)).is_err() {
        return;
    }
    std::thread::spawn(move || {
        if !fail_in_background() {
            return;
        }
        for line in stdin.lock().lines() {
            match line {
                Ok(line) => {
                    let _ = typed.try_send(line);
                }
                Err(_) => std::thread::sleep(BACKGROUND),
            }
        }
    });
}

/// Who reads a terminal in the background is stopped as a whole, unless the reading thread blocks the signal for it:
/// then reading fails (POSIX.1-2024, Terminal Access Control, 11.1.4). False when that cannot be had.
#[cfg(unix)]
fn fail_in_background() -> bool {
    use nix::sys::signal::{SigSet, Signal};
    SigSet::from(Signal::SIGTTIN).thread_block().is_ok()
}

#[cfg(not(unix))]
fn fail_in_background() -> bool {
    true
}

/// The next line; never comes where nobody types. May be given up at any time.
pub async fn line() -> String {
    if let Some(lines) = LINES.get()
        && let Some(line) = lines.lock().await.recv().await
    {
        return line;
    }
    std::future::pending().await
}

/// Forgets what was typed while there was no call.
pub async fn forget() {
    if let Some(lines) = LINES.get() {
        let mut lines = lines.lock().await;
        while lines.try_recv().is_ok() {}
    }
}

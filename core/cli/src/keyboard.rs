//! What a person types while a call is up: the steps of `--do`, a line at a time.
//!
//! Only a terminal is read: what a script gives us on standard input may be meant for somebody else.

use std::io::{BufRead, IsTerminal};
use std::sync::OnceLock;

use tokio::sync::{Mutex, mpsc};

/// Lines that wait; somebody who types more than this ahead has lost the rest.
const WAITING: usize = 8;

static LINES: OnceLock<Mutex<mpsc::Receiver<String>>> = OnceLock::new();

/// Reads from now on, on a thread of its own that ends with the program.
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
        for line in stdin.lock().lines().map_while(Result::ok) {
            let _ = typed.try_send(line);
        }
    });
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

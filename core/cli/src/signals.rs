//! Ctrl-C and a polite kill: hang up first, then go.

use std::sync::LazyLock;

use tokio::sync::watch;

/// Whether somebody wants the program to end. It stays, so that no signal is lost on somebody who was busy.
static STOP: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::channel(false).0);

/// Listens from now on; a signal no longer ends the program by itself.
pub fn listen() {
    tokio::spawn(async {
        signalled().await;
        STOP.send_replace(true);
    });
}

/// Waits until somebody wants the program to end, which may have been before.
pub async fn stop() {
    // The sender is never dropped, so the only way out is the wish.
    let _ = STOP.subscribe().wait_for(|stop| *stop).await;
}

async fn signalled() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

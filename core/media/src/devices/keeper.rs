//! A thread that owns a platform's stream, replaces it when it breaks, and ends with its handle.
//!
//! Streams of some platforms may not change threads; all of them may break at any time. The thread sleeps
//! unless one of the two happens.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::DeviceError;

/// Pause before a broken device is opened again.
const RETRY: Duration = Duration::from_millis(500);

/// What the thread is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Notice {
    /// The stream has stopped working.
    Broken,
    /// Nobody needs it any more.
    Close,
}

/// Tells the thread that its stream broke. For error callbacks, which are not on the audio thread.
#[derive(Clone)]
pub(super) struct Alarm(Sender<Notice>);

impl Alarm {
    /// The stream has stopped working.
    pub(super) fn raise(&self) {
        let _ = self.0.send(Notice::Broken);
    }
}

/// Ends the stream when dropped.
pub(super) struct Keeper(Sender<Notice>);

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.0.send(Notice::Close);
    }
}

/// Opens a stream on a thread of its own and keeps it open.
///
/// # Errors
/// What the first `open` says; later failures are tried again until they end.
pub(super) fn keep<S: 'static>(
    name: &str,
    open: impl FnMut(Alarm) -> Result<S, DeviceError> + Send + 'static,
) -> Result<Keeper, DeviceError> {
    let (tell, told) = channel();
    let (report, first) = channel();
    let alarm = Alarm(tell.clone());
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || run(open, alarm, &told, &report))
        .map_err(|error| DeviceError::Failed(error.to_string()))?;
    let gone = || DeviceError::Failed("its thread ended".to_owned());
    first.recv().map_err(|_| gone())??;
    Ok(Keeper(tell))
}

fn run<S>(
    mut open: impl FnMut(Alarm) -> Result<S, DeviceError>,
    alarm: Alarm,
    told: &Receiver<Notice>,
    report: &Sender<Result<(), DeviceError>>,
) {
    let mut stream = match open(alarm.clone()) {
        Ok(stream) => Some(stream),
        Err(error) => {
            let _ = report.send(Err(error));
            return;
        }
    };
    let _ = report.send(Ok(()));
    loop {
        let notice = match &stream {
            Some(_) => told.recv().unwrap_or(Notice::Close),
            None => match told.recv_timeout(RETRY) {
                Ok(Notice::Close) | Err(RecvTimeoutError::Disconnected) => Notice::Close,
                // Alarms of the stream that is already gone.
                Ok(Notice::Broken) => continue,
                Err(RecvTimeoutError::Timeout) => {
                    stream = open(alarm.clone()).ok();
                    continue;
                }
            },
        };
        match notice {
            Notice::Close => return,
            Notice::Broken => {
                tracing::info!("a sound device went away, looking for another");
                stream = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_stream_is_opened_again_and_the_thread_ends_with_its_handle() {
        let (seen, opened) = channel();
        let keeper = keep("test", move |alarm| {
            seen.send(alarm).unwrap();
            Ok(())
        })
        .unwrap();
        let alarm = opened.recv().unwrap();
        alarm.raise();
        let again = opened.recv().unwrap();
        drop((keeper, alarm, again));
        // The opener, and with it its sender, is gone: the thread has ended.
        assert!(opened.recv().is_err());
    }

    #[test]
    fn a_device_that_cannot_be_opened_at_first_says_why() {
        let result = keep("test", |_| Err::<(), _>(DeviceError::NoInput));
        assert_eq!(result.err(), Some(DeviceError::NoInput));
    }
}

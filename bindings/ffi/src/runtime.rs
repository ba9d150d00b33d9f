//! The one runtime of the process.
//!
//! The foreign side polls an exported `async fn` on a thread of its own, often the one that draws. So
//! whatever is to be *done* runs here ([`run`]), and completes even if whoever asked goes away; only *waits*
//! (`next`) are polled where they are awaited, and may be dropped at any time.

use std::future::Future;
use std::io;
use std::sync::OnceLock;

use tandem_engine::EngineError;
use tandem_engine::app::AppError;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

/// A phone's core waits for packets; two threads keep a slow one from holding up the rest.
const WORKERS: usize = 2;

static RUNTIME: OnceLock<Result<Runtime, io::ErrorKind>> = OnceLock::new();

/// The runtime, built when it is first asked for; it lives as long as the process.
pub(crate) fn handle() -> Result<Handle, AppError> {
    let built = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .thread_name("tandem")
            .worker_threads(WORKERS)
            .enable_all()
            .build()
            .map_err(|error| error.kind())
    });
    match built {
        Ok(runtime) => Ok(runtime.handle().clone()),
        Err(_) => Err(EngineError::Stopped.into()),
    }
}

/// Does `work` to its end on the runtime. That it panicked is an error, and the process goes on.
pub(crate) async fn run<T, E, F>(work: F) -> Result<T, E>
where
    F: Future<Output = Result<T, AppError>> + Send + 'static,
    T: Send + 'static,
    E: From<AppError>,
{
    let done = handle()?.spawn(work).await;
    Ok(done.map_err(|_| AppError::from(EngineError::Stopped))??)
}

/// Like [`run`], for what somebody has to own afterwards: if whoever asked has gone, `undo` gets it.
pub(crate) async fn run_for<T, E, F, U>(
    work: F,
    undo: impl FnOnce(T) -> U + Send + 'static,
) -> Result<T, E>
where
    F: Future<Output = Result<T, AppError>> + Send + 'static,
    U: Future<Output = ()> + Send + 'static,
    T: Send + 'static,
    E: From<AppError>,
{
    let runtime = handle()?;
    let undoing = runtime.clone();
    let undo = move |orphan| drop(undoing.spawn(undo(orphan)));
    let (owner, owned) = oneshot::channel();
    runtime.spawn(async move {
        let made = work.await.map(|made| Handover(Some((made, undo))));
        // Whether it is refused here or never fetched over there, the handover undoes what it holds.
        let _ = owner.send(made);
    });
    let handed = owned.await.map_err(|_| EngineError::Stopped.into());
    let made = handed
        .flatten()?
        .take()
        .ok_or_else(|| AppError::from(EngineError::Stopped))?;
    Ok(made)
}

/// What was made, on its way to whoever asked for it, and how to undo it if it does not get there.
///
/// That it was sent does not mean that it arrives: whoever asked may go away after they were woken and before
/// they look.
struct Handover<T, F: FnOnce(T)>(Option<(T, F)>);

impl<T, F: FnOnce(T)> Handover<T, F> {
    /// It has arrived.
    fn take(mut self) -> Option<T> {
        self.0.take().map(|(made, _)| made)
    }
}

impl<T, F: FnOnce(T)> Drop for Handover<T, F> {
    fn drop(&mut self) {
        if let Some((orphan, undo)) = self.0.take() {
            undo(orphan);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Wake};
    use std::time::Duration;

    use tokio::sync::Notify;

    use super::*;
    use crate::error::CallError;

    #[tokio::test]
    async fn work_runs_on_a_worker_and_a_panic_in_it_is_an_error() {
        let name = async { Ok(std::thread::current().name().map(str::to_owned)) };
        let name: Result<_, CallError> = run(name).await;
        assert_eq!(name.unwrap().as_deref(), Some("tandem"));
        let fault: Result<(), CallError> = run(async { panic!("on purpose") }).await;
        assert_eq!(fault, Err(CallError::Internal));
        let after: Result<u8, CallError> = run(async { Ok(7) }).await;
        assert_eq!(after, Ok(7));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_done_and_undone() {
        let (release, released) = oneshot::channel::<()>();
        let (undone, was_undone) = oneshot::channel();
        let work = async move {
            let _ = released.await;
            Ok(7)
        };
        let asked = run_for::<u8, CallError, _, _>(work, |made| async move {
            let _ = undone.send(made);
        });
        assert!(tokio::time::timeout(Duration::ZERO, asked).await.is_err());
        release.send(()).unwrap();
        assert_eq!(was_undone.await, Ok(7));
    }
    /// Keeps that it was woken, and polls nothing: as a dispatcher's queue does.
    #[derive(Default)]
    struct Queue(Notify);

    impl Wake for Queue {
        fn wake(self: Arc<Self>) {
            self.0.notify_one();
        }
    }

    #[tokio::test]
    async fn who_goes_away_between_being_woken_and_looking_leaves_nothing_behind() {
        let (release, released) = oneshot::channel::<()>();
        let (undone, was_undone) = oneshot::channel();
        let work = async move {
            let _ = released.await;
            Ok(7)
        };
        let undo = |made| async move {
            let _ = undone.send(made);
        };
        let queue = Arc::new(Queue::default());
        {
            let mut asked = pin!(run_for::<u8, CallError, _, _>(work, undo));
            let waker = Arc::clone(&queue).into();
            assert!(
                asked
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
            release.send(()).unwrap();
            queue.0.notified().await;
        }
        assert_eq!(was_undone.await, Ok(7));
    }

    #[tokio::test]
    async fn what_was_fetched_is_not_undone() {
        let (undone, was_undone) = oneshot::channel();
        let made: Result<u8, CallError> = run_for(async { Ok(7) }, |made| async move {
            let _ = undone.send(made);
        })
        .await;
        assert_eq!(made, Ok(7));
        assert!(was_undone.await.is_err());
    }
}

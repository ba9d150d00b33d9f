//! One writer to the store, and the order it keeps: a row is committed before anybody hears of it.
//!
//! A thread of its own, because a commit waits for the disk and the engine's task moves sound.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use tandem_store::{CallRecord, Cursor, Page, Store, StoreError, UnixMillis};
use tandem_types::{AccountId, Address};
use tokio::sync::oneshot;

use super::hub::Hub;
use super::unwritten::Unwritten;
use crate::Event;
use crate::phone::LogEntry;

/// What the ledger does, in the order it is asked.
pub(super) enum Job {
    Log(LogEntry),
    Tell(Event),
    Account(Address, oneshot::Sender<Result<AccountId, StoreError>>),
    History {
        before: Option<Cursor>,
        limit: usize,
        reply: oneshot::Sender<Result<Page<CallRecord>, StoreError>>,
    },
    /// Everything before this is done.
    Barrier(oneshot::Sender<()>),
    /// Nothing comes after this.
    Close,
}

/// Jobs beyond which the disk is too slow for what goes on: hundreds of calls' worth.
const BEHIND: usize = 2_048;

/// The way to the ledger's thread. It ends, and closes the store, when the last one is dropped.
///
/// The queue has no bound, because sound must not wait for a disk; whoever fills it asks
/// [`Ledger::is_behind`] before taking on more.
#[derive(Clone)]
pub(super) struct Ledger {
    jobs: mpsc::Sender<Job>,
    waiting: Arc<AtomicUsize>,
}

impl Ledger {
    /// Starts the thread. `on_close` is told when the store is closed.
    pub(super) fn start(store: Store, hub: Hub) -> std::io::Result<(Self, thread::JoinHandle<()>)> {
        let (jobs, queue) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let done = waiting.clone();
        let thread = thread::Builder::new()
            .name("tandem-store".into())
            .spawn(move || run(store, &hub, &queue, &done))?;
        Ok((Self { jobs, waiting }, thread))
    }

    /// Hands over a job. After the thread has gone there is nobody left to tell.
    pub(super) fn send(&self, job: Job) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _ = self.jobs.send(job);
    }

    /// Whether so much waits for the disk that nothing new should be begun.
    pub(super) fn is_behind(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > BEHIND
    }
}

fn run(mut store: Store, hub: &Hub, queue: &mpsc::Receiver<Job>, waiting: &AtomicUsize) {
    let mut unwritten = Unwritten::default();
    while let Ok(job) = queue.recv() {
        waiting.fetch_sub(1, Ordering::Relaxed);
        match job {
            Job::Log(entry) => {
                unwritten.write(entry, |entry| {
                    write(&mut store, entry).map(|()| hub_hears(hub, entry))
                });
            }
            Job::Tell(event) => hub.tell(event),
            Job::Account(address, reply) => {
                let _ = reply.send(store.account_for(&address));
            }
            Job::History {
                before,
                limit,
                reply,
            } => {
                let _ = reply.send(store.calls(before, limit));
            }
            Job::Barrier(reply) => {
                let _ = reply.send(());
            }
            Job::Close => break,
        }
    }
    unwritten.retry(|entry| write(&mut store, entry).map(|()| hub_hears(hub, entry)));
    if let Err(error) = store.checkpoint() {
        tracing::debug!(%error, "the store's log is emptied another time");
    }
}

fn write(store: &mut Store, entry: &LogEntry) -> Result<(), StoreError> {
    match entry {
        LogEntry::Begin(call) => store.begin_call(call),
        LogEntry::Ringing(call, at) => store.mark_ringing(call, *at),
        LogEntry::Accepted(call, at) => store.mark_accepted(call, *at),
        LogEntry::Alive(call, at, quality) => store.update_quality(call, *at, quality),
        LogEntry::Finish(call, end) => store.finish_call(call, end),
    }
}

/// A list on the screen is read anew when a row looks different; the five-second refresh of a call that is
/// up is no such change.
fn hub_hears(hub: &Hub, entry: &LogEntry) {
    let call = match entry {
        LogEntry::Begin(row) => &row.id,
        LogEntry::Ringing(call, _) | LogEntry::Accepted(call, _) | LogEntry::Finish(call, _) => {
            call
        }
        LogEntry::Alive(..) => return,
    };
    hub.tell(Event::History { call: call.clone() });
}

/// The wall clock, for the store.
pub(super) fn wall_now() -> UnixMillis {
    std::time::SystemTime::now().into()
}

//! One writer to the store, and the order it keeps: a row is committed before anybody hears of it.
//!
//! A thread of its own, because a commit waits for the disk and the engine's task moves sound.

use std::sync::mpsc;
use std::thread;

use tandem_store::{CallRecord, Cursor, Page, Store, StoreError, UnixMillis};
use tandem_types::{AccountId, Address};
use tokio::sync::oneshot;

use super::hub::Hub;
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
    Flush(oneshot::Sender<()>),
}

/// The way to the ledger's thread. It ends, and closes the store, when the last one is dropped.
#[derive(Clone)]
pub(super) struct Ledger(mpsc::Sender<Job>);

impl Ledger {
    /// Starts the thread. `on_close` is told when the store is closed.
    pub(super) fn start(store: Store, hub: Hub) -> std::io::Result<(Self, thread::JoinHandle<()>)> {
        let (jobs, queue) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("tandem-store".into())
            .spawn(move || run(store, &hub, &queue))?;
        Ok((Self(jobs), thread))
    }

    /// Hands over a job. After the thread has gone there is nobody left to tell.
    pub(super) fn send(&self, job: Job) {
        let _ = self.0.send(job);
    }
}

fn run(mut store: Store, hub: &Hub, queue: &mpsc::Receiver<Job>) {
    while let Ok(job) = queue.recv() {
        match job {
            Job::Log(entry) => {
                if let Err(error) = write(&mut store, &entry) {
                    // The call goes on: a person talking matters more than its row. The log says what is
                    // missing.
                    tracing::error!(%error, "the call log was not written");
                }
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
            Job::Flush(reply) => {
                let _ = reply.send(());
            }
        }
    }
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

/// The wall clock, for the store.
pub(super) fn wall_now() -> UnixMillis {
    std::time::SystemTime::now().into()
}

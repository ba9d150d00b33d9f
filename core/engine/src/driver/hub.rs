//! Events, pulled: each reader has a stream of its own that begins with everything there is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tandem_types::{AccountId, CallId};
use tokio::sync::{broadcast, watch};

use crate::{AccountSnapshot, CallSnapshot, Event, Snapshot};

/// Events a reader may be behind before it has lost some, unless the app says otherwise.
pub const DEFAULT_BACKLOG: usize = 1_024;

/// Ended calls whose last picture is kept, for a reader that comes late or fell behind.
const REMEMBERED: usize = 64;

/// Where the engine tells, and readers begin.
#[derive(Clone)]
pub(crate) struct Hub(Arc<Mutex<Inner>>);

struct Inner {
    accounts: BTreeMap<AccountId, AccountSnapshot>,
    calls: BTreeMap<CallId, CallSnapshot>,
    ended: VecDeque<CallSnapshot>,
    /// `None` once nothing will be told any more.
    readers: Option<broadcast::Sender<Event>>,
}

impl Hub {
    /// A hub whose readers may be `backlog` events behind.
    pub(crate) fn new(backlog: usize) -> Self {
        // What a broadcast channel can hold; it panics outside.
        let (readers, _) = broadcast::channel(backlog.clamp(1, 1 << 16));
        Self(Arc::new(Mutex::new(Inner {
            accounts: BTreeMap::new(),
            calls: BTreeMap::new(),
            ended: VecDeque::new(),
            readers: Some(readers),
        })))
    }

    pub(crate) fn tell(&self, event: Event) {
        let mut inner = self.lock();
        match &event {
            Event::Call(call) if call.end_reason().is_some() => inner.remember(call.clone()),
            // Nobody is left to be shown anything.
            _ if inner.readers.is_none() => return,
            Event::Account(account) => {
                inner.accounts.insert(account.id, account.clone());
            }
            Event::AccountRemoved { account } => {
                inner.accounts.remove(account);
            }
            Event::Call(call) => {
                inner.calls.insert(call.id.clone(), call.clone());
            }
            _ => {}
        }
        if let Some(readers) = &inner.readers {
            // Nobody listening is no fault.
            let _ = readers.send(event);
        }
    }

    /// Everything there is now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.lock().snapshot()
    }

    /// A call's last picture: as long as it is up, and a while after.
    pub(crate) fn call(&self, id: &CallId) -> Option<CallSnapshot> {
        self.lock().call(id)
    }

    /// A stream whose first event is what there is now; nothing after it is missed. Once the hub is closed, a
    /// stream that ends at once.
    pub(crate) fn subscribe(&self) -> EventStream {
        let (end, ended) = watch::channel(false);
        let inner = self.lock();
        EventStream {
            hub: Arc::downgrade(&self.0),
            // Nothing will be told any more: there is nothing to begin with either.
            first: inner.readers.is_some().then(|| inner.snapshot()),
            events: inner.receiver(),
            end: Arc::new(end),
            ended,
        }
    }

    /// Nothing more will be told, and nothing is there any more: every stream ends when its reader has read
    /// what there was. How the last calls ended is still known.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.readers = None;
        inner.accounts.clear();
        inner.calls.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn snapshot(&self) -> Snapshot {
        Snapshot {
            accounts: self.accounts.values().cloned().collect(),
            calls: self.calls.values().cloned().collect(),
        }
    }

    fn call(&self, id: &CallId) -> Option<CallSnapshot> {
        let ended = || self.ended.iter().find(|call| call.id == *id);
        self.calls.get(id).or_else(ended).cloned()
    }

    /// Reads what is told from now on; nothing, once the hub is closed.
    fn receiver(&self) -> broadcast::Receiver<Event> {
        match &self.readers {
            Some(readers) => readers.subscribe(),
            None => broadcast::channel(1).1,
        }
    }

    fn remember(&mut self, call: CallSnapshot) {
        self.calls.remove(&call.id);
        self.ended.push_back(call);
        if self.ended.len() > REMEMBERED {
            self.ended.pop_front();
        }
    }
}

/// Events of an engine, one at a time.
///
/// A reader that falls behind is told so with [`Event::Lagged`], and begins anew: the next event is an
/// [`Event::Snapshot`] of that moment, and no event older than it follows.
pub struct EventStream {
    hub: Weak<Mutex<Inner>>,
    /// What comes before the events.
    first: Option<Snapshot>,
    events: broadcast::Receiver<Event>,
    end: Arc<watch::Sender<bool>>,
    ended: watch::Receiver<bool>,
}

/// Ends an [`EventStream`] from somewhere else, also while somebody waits for its next event.
#[derive(Clone)]
pub struct StreamEnd(Arc<watch::Sender<bool>>);

impl StreamEnd {
    /// Ends the stream: its `next` gives `None` from now on.
    pub fn end(&self) {
        self.0.send_replace(true);
    }
}

impl EventStream {
    /// The next event; `None` when the stream or the engine has ended. Cancel-safe: a `next` that was given
    /// up loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        if *self.ended.borrow() {
            return None;
        }
        if let Some(snapshot) = self.first.take() {
            return Some(Event::Snapshot(snapshot));
        }
        let event = tokio::select! {
            biased;
            _ = self.ended.wait_for(|ended| *ended) => return None,
            event = self.events.recv() => event,
        };
        match event {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(self.begin_anew(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// A handle that ends this stream.
    pub fn end_handle(&self) -> StreamEnd {
        StreamEnd(self.end.clone())
    }

    /// Gives up what is left of the past: a snapshot says more than half of the events that led to it.
    fn begin_anew(&mut self, missed: u64) -> Event {
        let Some(hub) = self.hub.upgrade() else {
            return Event::Lagged { missed };
        };
        let inner = hub.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = u64::try_from(self.events.len()).unwrap_or(u64::MAX);
        self.first = Some(inner.snapshot());
        self.events = inner.receiver();
        Event::Lagged {
            missed: missed.saturating_add(skipped),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tandem_types::Pii;

    use super::*;
    use crate::AccountState;

    const BACKLOG: usize = 16;

    fn account(id: u64) -> Event {
        let state = AccountState::Online {
            expires: Duration::from_secs(id),
        };
        Event::Account(AccountSnapshot {
            id: AccountId(id),
            address: Pii::new(format!("sip:{id}@example.org")),
            state,
        })
    }

    #[tokio::test]
    async fn a_stream_begins_with_all_there_is() {
        let hub = Hub::new(BACKLOG);
        hub.tell(account(1));
        let mut stream = hub.subscribe();
        hub.tell(account(2));
        let Some(Event::Snapshot(snapshot)) = stream.next().await else {
            panic!("no snapshot");
        };
        assert_eq!(snapshot.accounts.len(), 1);
        assert_eq!(stream.next().await, Some(account(2)));
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_how_much_it_missed_and_begins_anew() {
        let hub = Hub::new(BACKLOG);
        let mut stream = hub.subscribe();
        stream.next().await;
        let told = BACKLOG as u64 + 7;
        for id in 0..told {
            hub.tell(account(id));
        }
        assert_eq!(stream.next().await, Some(Event::Lagged { missed: told }));
        let Some(Event::Snapshot(snapshot)) = stream.next().await else {
            panic!("no snapshot");
        };
        assert_eq!(snapshot.accounts.len() as u64, told);
        hub.tell(account(99));
        assert_eq!(stream.next().await, Some(account(99)), "no old event first");
    }

    #[tokio::test]
    async fn an_ended_stream_wakes_its_reader() {
        let hub = Hub::new(BACKLOG);
        let mut stream = hub.subscribe();
        let end = stream.end_handle();
        stream.next().await;
        let reader = tokio::spawn(async move { stream.next().await });
        tokio::task::yield_now().await;
        end.end();
        assert_eq!(reader.await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_stream_ends_with_its_engine() {
        let hub = Hub::new(BACKLOG);
        let mut stream = hub.subscribe();
        stream.next().await;
        drop(hub);
        assert_eq!(stream.next().await, None);
    }

    #[tokio::test]
    async fn a_closed_hub_lets_its_readers_finish_and_go() {
        let hub = Hub::new(BACKLOG);
        let mut early = hub.subscribe();
        early.next().await;
        hub.tell(account(1));
        hub.close();
        hub.tell(account(2));
        assert_eq!(early.next().await, Some(account(1)));
        assert_eq!(early.next().await, None);
        assert_eq!(
            hub.subscribe().next().await,
            None,
            "a late one ends at once"
        );
        assert_eq!(hub.snapshot(), Snapshot::default());
    }
}

//! Events, pulled: each reader has a stream of its own that begins with everything there is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tandem_types::{AccountId, CallId};
use tokio::sync::{broadcast, watch};

use crate::{AccountSnapshot, CallSnapshot, Event, Snapshot};

/// Events a reader may be behind before it has lost some.
const BACKLOG: usize = 1_024;

/// Where the engine tells, and readers begin.
#[derive(Clone)]
pub(super) struct Hub(Arc<Mutex<Inner>>);

struct Inner {
    accounts: BTreeMap<AccountId, AccountSnapshot>,
    calls: BTreeMap<CallId, CallSnapshot>,
    readers: broadcast::Sender<Event>,
}

impl Hub {
    pub(super) fn new() -> Self {
        let (readers, _) = broadcast::channel(BACKLOG);
        Self(Arc::new(Mutex::new(Inner {
            accounts: BTreeMap::new(),
            calls: BTreeMap::new(),
            readers,
        })))
    }

    pub(super) fn tell(&self, event: Event) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &event {
            Event::Account(account) => {
                inner.accounts.insert(account.id, account.clone());
            }
            Event::Call(call) if call.end_reason().is_some() => {
                inner.calls.remove(&call.id);
            }
            Event::Call(call) => {
                inner.calls.insert(call.id.clone(), call.clone());
            }
            _ => {}
        }
        // Nobody listening is no fault.
        let _ = inner.readers.send(event);
    }

    /// A stream whose first event is what there is now; nothing after it is missed.
    pub(super) fn subscribe(&self) -> EventStream {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = Snapshot {
            accounts: inner.accounts.values().cloned().collect(),
            calls: inner.calls.values().cloned().collect(),
        };
        let (end, ended) = watch::channel(false);
        EventStream {
            first: Some(snapshot),
            events: inner.readers.subscribe(),
            end: Arc::new(end),
            ended,
        }
    }
}

/// Events of an engine, one at a time.
pub struct EventStream {
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
        tokio::select! {
            biased;
            _ = self.ended.wait_for(|ended| *ended) => None,
            event = self.events.recv() => match event {
                Ok(event) => Some(event),
                Err(broadcast::error::RecvError::Lagged(missed)) => Some(Event::Lagged { missed }),
                Err(broadcast::error::RecvError::Closed) => None,
            },
        }
    }

    /// A handle that ends this stream.
    pub fn end_handle(&self) -> StreamEnd {
        StreamEnd(self.end.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::AccountState;

    fn account(id: u64) -> Event {
        let state = AccountState::Online {
            expires: Duration::from_secs(id),
        };
        Event::Account(AccountSnapshot {
            id: AccountId(id),
            state,
        })
    }

    #[tokio::test]
    async fn a_stream_begins_with_all_there_is() {
        let hub = Hub::new();
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
    async fn a_slow_reader_is_told_how_much_it_missed() {
        let hub = Hub::new();
        let mut stream = hub.subscribe();
        stream.next().await;
        for id in 0..BACKLOG as u64 + 7 {
            hub.tell(account(id));
        }
        assert_eq!(stream.next().await, Some(Event::Lagged { missed: 7 }));
        assert_eq!(stream.next().await, Some(account(7)));
    }

    #[tokio::test]
    async fn an_ended_stream_wakes_its_reader() {
        let hub = Hub::new();
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
        let hub = Hub::new();
        let mut stream = hub.subscribe();
        stream.next().await;
        drop(hub);
        assert_eq!(stream.next().await, None);
    }
}

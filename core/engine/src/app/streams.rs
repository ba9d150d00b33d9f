//! What a screen subscribes to: one stream for each thing it draws.
//!
//! Each begins with everything there is, is cancel-safe (a `next` that was given up loses nothing), and
//! tells a reader that fell behind how much it missed, then begins anew. One that is begun after the app was
//! shut down ends at once.

use std::collections::BTreeSet;
use std::time::Duration;

use tandem_call::{CallState, HoldWish};
use tandem_types::{AccountId, CallId};

use super::App;
use crate::driver::Hub;
use crate::{AccountSnapshot, CallSnapshot, CallStats, Event, EventStream, Snapshot, StreamEnd};

/// What a stream gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Update<T> {
    /// What is, or what happened.
    Next(T),
    /// The reader was too slow, and so many of the engine's events are gone; the stream begins anew.
    Lagged {
        /// How many.
        missed: u64,
    },
}

/// Something that happened in a call and is over already.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum News {
    /// The first sound arrived; so long after the accept, zero when it came before.
    FirstAudio(Duration),
    /// The far end pressed a key.
    Key(char),
    /// A key of this side was played to its end.
    KeySent(char),
    /// The far end would not be held, or would not go on.
    HoldRefused(HoldWish),
    /// The file was sent to its end.
    Played,
    /// How it sounds; once a second.
    Stats(CallStats),
}

/// What may look different in the call history.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LogChange {
    /// Everything: read the pages that are shown.
    Everything,
    /// One call's row.
    Call(CallId),
}

/// One stream: what it looks for in the engine's events.
trait View {
    type Item;

    /// Begins anew with everything there is.
    fn begin(&mut self, all: Snapshot);

    /// Looks at one event.
    fn take(&mut self, event: Event);

    /// The next thing to give.
    fn pop(&mut self) -> Option<Self::Item>;

    /// Whether nothing more can come.
    fn is_over(&self) -> bool {
        false
    }
}

/// The engine's events, through a view.
struct Through<V> {
    events: EventStream,
    view: V,
}

impl<V: View> Through<V> {
    async fn next(&mut self) -> Option<Update<V::Item>> {
        loop {
            if let Some(item) = self.view.pop() {
                return Some(Update::Next(item));
            }
            if self.view.is_over() {
                return None;
            }
            match self.events.next().await? {
                Event::Snapshot(all) => self.view.begin(all),
                Event::Lagged { missed } => return Some(Update::Lagged { missed }),
                event => self.view.take(event),
            }
        }
    }
}

/// A public stream over a private view.
macro_rules! streams {
    ($($(#[$doc:meta])* $name:ident: $view:ty => $item:ty;)+) => {$(
        $(#[$doc])*
        pub struct $name(Through<$view>);

        impl $name {
            /// The next one; `None` when the stream or the app has ended. Cancel-safe.
            pub async fn next(&mut self) -> Option<Update<$item>> {
                self.0.next().await
            }

            /// A handle that ends this stream.
            pub fn end_handle(&self) -> StreamEnd {
                self.0.events.end_handle()
            }
        }
    )+};
}

streams! {
    /// Every account, anew whenever one changes.
    AccountList: AccountsView => Vec<AccountSnapshot>;
    /// One account, whenever it changes; ends when it is removed.
    AccountStates: AccountView => AccountSnapshot;
    /// Every call that rings here, once.
    IncomingCalls: IncomingView => CallSnapshot;
    /// One call, whenever it changes; its end comes last.
    CallStates: CallView => CallSnapshot;
    /// What happens in one call; ends with it.
    CallNews: NewsView => News;
    /// What changes in the call history.
    LogChanges: LogView => LogChange;
}

impl App {
    /// Every account, anew whenever one changes.
    pub fn account_list(&self) -> AccountList {
        AccountList(self.through(AccountsView::default()))
    }

    /// One account, whenever it changes; ends when it is removed.
    pub fn account_states(&self, account: AccountId) -> AccountStates {
        AccountStates(self.through(AccountView {
            account,
            next: None,
            over: false,
        }))
    }

    /// Every call that rings here, once.
    pub fn incoming_calls(&self) -> IncomingCalls {
        IncomingCalls(self.through(IncomingView::default()))
    }

    /// One call, whenever it changes; its end comes last.
    pub fn call_states(&self, call: CallId) -> CallStates {
        let mut view = CallView {
            call,
            hub: self.hub.clone(),
            next: None,
            over: false,
        };
        // How it ended is told also when there is nothing else to tell any more.
        if let Some(ended) = self.call(&view.call).filter(|it| it.end_reason().is_some()) {
            view.show(ended);
        }
        CallStates(self.through(view))
    }

    /// What happens in one call; ends with it.
    pub fn call_news(&self, call: CallId) -> CallNews {
        CallNews(self.through(NewsView {
            call,
            next: None,
            over: false,
        }))
    }

    /// What changes in the call history.
    pub fn log_changes(&self) -> LogChanges {
        LogChanges(self.through(LogView { next: None }))
    }

    fn through<V: View>(&self, view: V) -> Through<V> {
        Through {
            events: self.hub.subscribe(),
            view,
        }
    }
}

#[derive(Default)]
struct AccountsView {
    accounts: Vec<AccountSnapshot>,
    changed: bool,
}

impl View for AccountsView {
    type Item = Vec<AccountSnapshot>;

    fn begin(&mut self, all: Snapshot) {
        self.accounts = all.accounts;
        self.changed = true;
    }

    fn take(&mut self, event: Event) {
        let (id, account) = match event {
            Event::Account(account) => (account.id, Some(account)),
            Event::AccountRemoved { account } => (account, None),
            _ => return,
        };
        self.accounts.retain(|other| other.id != id);
        self.accounts.extend(account);
        self.accounts.sort_by_key(|account| account.id);
        self.changed = true;
    }

    fn pop(&mut self) -> Option<Self::Item> {
        std::mem::take(&mut self.changed).then(|| self.accounts.clone())
    }
}

struct AccountView {
    account: AccountId,
    next: Option<AccountSnapshot>,
    over: bool,
}

impl View for AccountView {
    type Item = AccountSnapshot;

    fn begin(&mut self, all: Snapshot) {
        let mut accounts = all.accounts.into_iter();
        self.next = accounts.find(|account| account.id == self.account);
        self.over = self.next.is_none();
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Account(account) if account.id == self.account => self.next = Some(account),
            Event::AccountRemoved { account } if account == self.account => self.over = true,
            _ => {}
        }
    }

    fn pop(&mut self) -> Option<Self::Item> {
        self.next.take()
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

#[derive(Default)]
struct IncomingView {
    /// Those that were given and have not ended.
    known: BTreeSet<CallId>,
    waiting: Vec<CallSnapshot>,
}

impl IncomingView {
    fn consider(&mut self, call: CallSnapshot) {
        if call.state == CallState::Incoming && self.known.insert(call.id.clone()) {
            self.waiting.push(call);
        } else if call.end_reason().is_some() {
            self.known.remove(&call.id);
        }
    }
}

impl View for IncomingView {
    type Item = CallSnapshot;

    fn begin(&mut self, all: Snapshot) {
        self.known
            .retain(|known| all.calls.iter().any(|call| call.id == *known));
        for call in all.calls {
            self.consider(call);
        }
        // The last is given first.
        self.waiting
            .sort_by_key(|call| std::cmp::Reverse(call.started));
    }

    fn take(&mut self, event: Event) {
        if let Event::Call(call) = event {
            self.consider(call);
        }
    }

    fn pop(&mut self) -> Option<Self::Item> {
        self.waiting.pop()
    }
}

struct CallView {
    call: CallId,
    /// Where a call that ended in between is remembered.
    hub: Hub,
    next: Option<CallSnapshot>,
    over: bool,
}

impl CallView {
    fn show(&mut self, call: CallSnapshot) {
        self.over = call.end_reason().is_some();
        self.next = Some(call);
    }
}

impl View for CallView {
    type Item = CallSnapshot;

    fn begin(&mut self, all: Snapshot) {
        let live = all.calls.into_iter().find(|call| call.id == self.call);
        match live.or_else(|| self.hub.call(&self.call)) {
            Some(call) => self.show(call),
            None => self.over = true,
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Call(call) if call.id == self.call && !self.over => self.show(call),
            _ => {}
        }
    }

    fn pop(&mut self) -> Option<Self::Item> {
        self.next.take()
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

struct NewsView {
    call: CallId,
    next: Option<News>,
    over: bool,
}

impl View for NewsView {
    type Item = News;

    fn begin(&mut self, all: Snapshot) {
        self.over = !all.calls.iter().any(|call| call.id == self.call);
    }

    fn take(&mut self, event: Event) {
        let (of, news) = match event {
            Event::Call(call) => {
                self.over |= call.id == self.call && call.end_reason().is_some();
                return;
            }
            Event::FirstAudio { call, after_accept } => (call, News::FirstAudio(after_accept)),
            Event::Dtmf { call, digit } => (call, News::Key(digit)),
            Event::DtmfSent { call, digit } => (call, News::KeySent(digit)),
            Event::HoldRefused { call, wish } => (call, News::HoldRefused(wish)),
            Event::Played { call } => (call, News::Played),
            Event::Stats { call, stats } => (call, News::Stats(stats)),
            Event::Snapshot(_)
            | Event::Account(_)
            | Event::AccountRemoved { .. }
            | Event::History { .. }
            | Event::Lagged { .. } => return,
        };
        if of == self.call {
            self.next = Some(news);
        }
    }

    fn pop(&mut self) -> Option<Self::Item> {
        self.next.take()
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

struct LogView {
    next: Option<LogChange>,
}

impl View for LogView {
    type Item = LogChange;

    fn begin(&mut self, _all: Snapshot) {
        self.next = Some(LogChange::Everything);
    }

    fn take(&mut self, event: Event) {
        if let Event::History { call } = event {
            self.next = Some(LogChange::Call(call));
        }
    }

    fn pop(&mut self) -> Option<Self::Item> {
        self.next.take()
    }
}

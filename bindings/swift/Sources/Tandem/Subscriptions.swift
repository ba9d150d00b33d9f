// The core's subscription objects as readers.
//
// Where every element is everything there is (the accounts, a call's state), having missed some says
// nothing that the next one does not, so `Lagged` is left out there. Where elements are happenings
// (keys, history rows), the reader is told.

import TandemFFI

/// The next element `wanted` keeps; nil when `next` is at its end.
private func first<Update, Element>(
    _ next: () async -> Update?, _ wanted: (Update) -> Element?
) async -> Element? {
    while let update = await next() {
        if let element = wanted(update) { return element }
    }
    return nil
}

extension TandemFFI.AccountListUpdates {
    var reader: Reader<[AccountInfo]> {
        Reader(
            pull: {
                await first(self.next) { update in
                    if case .accounts(let accounts) = update { accounts } else { nil }
                }
            }, end: { self.end() })
    }
}

extension TandemFFI.AccountUpdates {
    var reader: Reader<AccountInfo> {
        Reader(
            pull: {
                await first(self.next) { update in
                    if case .state(let account) = update { account } else { nil }
                }
            }, end: { self.end() })
    }
}

extension TandemFFI.IncomingCalls {
    /// Each ringing call comes once, also after the reader was too slow.
    var reader: Reader<Call> {
        Reader(
            pull: {
                await first(self.next) { update in
                    if case .call(let call) = update { Call(call) } else { nil }
                }
            }, end: { self.end() })
    }
}

extension TandemFFI.CallUpdates {
    var states: Reader<CallState> {
        Reader(
            pull: {
                await first(self.next) { update in
                    if case .state(let call) = update { call.state } else { nil }
                }
            }, end: { self.end() })
    }

    var phrases: Reader<SafetyPhrase?> {
        Reader(
            pull: {
                await first(self.next) { update -> SafetyPhrase?? in
                    if case .state(let call) = update { .some(call.safetyPhrase) } else { nil }
                }
            }, end: { self.end() })
    }

    var reader: Reader<CallUpdate> {
        Reader(pull: { await self.next() }, end: { self.end() })
    }
}

extension TandemFFI.CallEvents {
    var reader: Reader<CallEventUpdate> {
        Reader(pull: { await self.next() }, end: { self.end() })
    }
}

extension TandemFFI.HistoryUpdates {
    var reader: Reader<HistoryUpdate> {
        Reader(pull: { await self.next() }, end: { self.end() })
    }
}

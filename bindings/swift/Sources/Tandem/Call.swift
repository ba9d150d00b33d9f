import TandemFFI

/// One call, from the first ring to its end.
///
/// Commands throw `CallError`, are done even if the task that asked is cancelled, and are refused with
/// `Unknown` once the call is over.
public final class Call: Sendable, Identifiable {
    private let inner: TandemFFI.Call

    init(_ inner: TandemFFI.Call) { self.inner = inner }

    /// The same on every screen and in the history.
    public var id: String { inner.id() }

    /// As it is now; nil a while after its end.
    public var info: CallInfo? { inner.info() }

    /// What it is doing, beginning with now. `ended` is the last.
    public var states: Updates<CallState> {
        Updates(repeats: { $0 == $1 }) { [inner] in inner.updates().states }
    }

    /// What the two can read to each other to know that nobody sits between their phones; nil until it is there,
    /// a moment after the answer. What came of it is for `verify(matches:)`.
    public var safetyPhrases: Updates<SafetyPhrase?> {
        Updates(repeats: { $0 == $1 }) { [inner] in inner.updates().phrases }
    }

    /// Everything about it whenever something changes, and when a slow reader missed changes.
    public var updates: Updates<CallUpdate> {
        Updates { [inner] in inner.updates().reader }
    }

    /// What happens in it from now on: keys, figures, first sound.
    public var events: Updates<CallEventUpdate> {
        Updates { [inner] in inner.events().reader }
    }

    public func answer(audio: AudioPath = .device) async throws {
        try await inner.answer(audio: audio)
    }

    public func reject(_ reason: RejectReason = .declined) async throws {
        try await inner.reject(reason: reason)
    }

    public func hangUp() async throws { try await inner.hangUp() }

    /// Puts the far end on hold: the sound stops at once; returns when the far end agreed.
    ///
    /// - Throws: `CallError.Refused` if the far end would not; `NotNow` if the call is not in a state for it,
    ///   or ended meanwhile.
    public func hold() async throws { try await inner.hold() }

    /// Takes the call back from `hold()`; returns when the far end agreed.
    ///
    /// - Throws: As `hold()`.
    public func resume() async throws { try await inner.resume() }

    public func mute(_ muted: Bool) async throws { try await inner.mute(muted: muted) }

    /// The two have read the safety phrase to each other: `matches` says whether the words were the same.
    ///
    /// The history keeps it; it may be said again.
    ///
    /// - Throws: `CallError.NotNow` if there is no phrase.
    public func verify(matches: Bool) async throws { try await inner.verify(matches: matches) }

    /// Plays keys to the far end: digits, `*`, `#` and `A` to `D`; returns when the last one was played.
    ///
    /// They are heard also while this side holds or is muted. If the far end begins to hold, they wait.
    ///
    /// - Throws: `CallError.InvalidKeys`; `NotNow` if the far end holds or takes no keys, or if the call ended
    ///   before the last.
    public func sendDTMF(_ keys: String) async throws { try await inner.sendDtmf(keys: keys) }
}

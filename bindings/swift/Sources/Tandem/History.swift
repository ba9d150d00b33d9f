import TandemFFI

/// The calls there were.
public struct History: Sendable {
    private let core: TandemFFI.TandemCore

    init(_ core: TandemFFI.TandemCore) { self.core = core }

    /// Calls from the newest down.
    ///
    /// - Parameters:
    ///   - before: `HistoryPage.next` of the page before; nil for the newest page.
    ///   - limit: How many at most.
    /// - Throws: `HistoryError`
    public func page(before: String? = nil, limit: UInt32 = 50) async throws -> HistoryPage {
        try await core.historyPage(before: before, limit: limit)
    }

    /// What to read again; the first is everything.
    public var changes: Updates<HistoryUpdate> {
        Updates { [core] in core.historyUpdates().reader }
    }
}

/// What changes over time, read with `for await`.
///
/// Every loop is a reader of its own and begins with everything there is. It asks the core for one
/// element at a time, so nothing piles up here: a reader that is too slow is told so by the core.
/// Leaving the loop, or cancelling its task, ends the subscription in the core. The loop also ends
/// when what it is about ends, or the core does.
public struct Updates<Element: Sendable>: AsyncSequence, Sendable {
    let open: @Sendable () -> Reader<Element>
    /// Whether an element says nothing after the one before it, and is left out.
    let repeats: @Sendable (Element, Element) -> Bool

    init(
        repeats: @escaping @Sendable (Element, Element) -> Bool = { _, _ in false },
        open: @escaping @Sendable () -> Reader<Element>
    ) {
        self.open = open
        self.repeats = repeats
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(reader: open(), repeats: repeats)
    }

    public struct Iterator: AsyncIteratorProtocol {
        let reader: Reader<Element>
        let repeats: @Sendable (Element, Element) -> Bool
        var last: Element?

        public mutating func next() async -> Element? {
            while let element = await reader.next() {
                if let last, repeats(last, element) { continue }
                last = element
                return element
            }
            return nil
        }
    }
}

/// One subscription in the core, for as long as somebody reads it.
///
/// Cancelling a Swift task does not reach a Rust future by itself; `end()` does, and makes a `next()`
/// that waits return.
final class Reader<Element: Sendable>: Sendable {
    private let pull: @Sendable () async -> Element?
    private let end: @Sendable () -> Void

    init(pull: @escaping @Sendable () async -> Element?, end: @escaping @Sendable () -> Void) {
        self.pull = pull
        self.end = end
    }

    deinit { end() }

    func next() async -> Element? {
        await withTaskCancellationHandler(operation: pull, onCancel: end)
    }
}

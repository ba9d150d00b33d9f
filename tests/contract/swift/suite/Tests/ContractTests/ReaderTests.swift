import Foundation
import Tandem
import XCTest

final class ReaderTests: XCTestCase {
    func test_slow_reader_lagged() async throws {
        let (alice, bob) = (try await Phone("alice", backlog: 4), try await Phone("bob"))
        let (call, _) = try await talk(alice, bob)
        var reader = call.updates.makeAsyncIterator()
        guard case .state = await reader.next() else { return XCTFail("no snapshot first") }
        for round in 0..<20 { try await call.mute(round % 2 == 0) }
        try await call.mute(true)
        guard case .lagged(let missed) = await reader.next() else { return XCTFail("not told") }
        XCTAssertGreaterThan(missed, 0)
        guard case .state(let present) = await reader.next() else { return XCTFail("no state") }
        XCTAssertTrue(present.muted)
        await alice.tandem.shutdown()
        await bob.tandem.shutdown()
    }
}

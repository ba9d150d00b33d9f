import Foundation
import Tandem
import XCTest

/// The library is built with `--features fault`: these keys make the call that plays them panic.
final class FaultTests: XCTestCase {
    func test_panic_ends_one_call() async throws {
        let alice = try await Phone("alice")
        let (bob, carol) = (try await Phone("bob"), try await Phone("carol"))
        let (broken, _) = try await talk(alice, bob)
        let (other, far) = try await talk(carol, alice)
        let sink = Lines()
        Tandem.forwardLog(to: sink, level: .error)
        let over = try await thrown(CallError.self) { try await broken.sendDTMF("ABCDABCD") }
        XCTAssertEqual(over, .NotNow(obstacle: .over))
        try await eventually("what the panic said is in the log") {
            sink.lines.contains { $0.message.contains("a fault on demand") }
        }
        let reason = try await ends(broken)
        XCTAssertEqual(reason, .internalError)

        try await far.hold()
        try await until(other) { if case .held(_, .remote) = $0 { true } else { false } }
        try await other.hangUp()
        let end = try await ends(far)
        XCTAssertEqual(end, .remoteHangUp)
        let (next, _) = try await talk(alice, carol)
        try await next.hangUp()
        for phone in [alice, bob, carol] { await phone.tandem.shutdown() }
    }
}

import Foundation
import Tandem
import XCTest

final class AnswererTests: XCTestCase {
    /// The Swift half of a call between languages, in a process of its own as another language calls it.
    func test_another_process_calls_swift() async throws {
        let far = try Program(
            variable("TANDEM_ANSWERER"), [try freshFolder("answerer").path])
        defer { far.end() }
        let address = try far.value(of: "address")
        let phone = try await Phone("alice")
        let call = try await phone.tandem.calls.place(to: address, audio: .silent)
        try await isActive(call)
        let state = try far.value(of: "state")
        XCTAssertTrue(["connecting", "active"].contains(state), state)
        try await call.hangUp()
        let reason = try far.value(of: "ended")
        XCTAssertEqual(reason, "remoteHangUp")
        XCTAssertEqual(far.exitCode, 0)
        await phone.tandem.shutdown()
    }
}

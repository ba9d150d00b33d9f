import Foundation
import Tandem
import XCTest

final class ErrorTests: XCTestCase {
    func test_error_wrong_password() async throws {
        let registrar = try Registrar(users: "alice:wonderland")
        defer { registrar.end() }
        let tandem = try Phone.core(in: freshFolder("alice"))
        try await tandem.start()
        let error = try await thrown(AccountError.self) {
            try await tandem.accounts.addSIP("sip:alice@\(registrar.address)", password: "guess")
        }
        XCTAssertEqual(error, .NotAuthorised)
        XCTAssertEqual("\(error)", error.description)
        XCTAssertEqual(error.localizedDescription, error.description)
        XCTAssertTrue(error.description.contains("password"), error.description)
        XCTAssertFalse(error.description.contains("NotAuthorised"), error.description)
        XCTAssertEqual(tandem.accounts.list, [])
        await tandem.shutdown()
    }

    func test_error_fields() async throws {
        let folder = try freshFolder("alice")
        let tandem = try Phone.core(in: folder)
        let early = try await thrown(AccountError.self) {
            try await tandem.accounts.addDirect(localAddress: "127.0.0.1")
        }
        XCTAssertEqual(early, .NotRunning(stage: .new))
        try await tandem.start()
        try await tandem.accounts.addDirect(localAddress: "127.0.0.1")


        let closed = try SilentServer()
        let refusing = Thread { closed.refuse(with: 403) }
        refusing.start()
        let refused = try await thrown(AccountError.self) {
            try await tandem.accounts.addSIP("sip:alice@example.org", server: closed.address)
        }
        XCTAssertEqual(refused, .Refused(status: 403))

        let second = try Phone.core(in: folder)
        let locked = try await thrown(LifecycleError.self) { try await second.start() }
        XCTAssertEqual(locked, .Storage(problem: .inUse))

        let bob = try await Phone("bob")
        let call = try await tandem.calls.place(to: bob.address, audio: .silent)
        let held = try await thrown(CallError.self) { try await call.hold() }
        XCTAssertEqual(held, .NotNow(obstacle: .notAnswered))
        XCTAssertEqual(held.localizedDescription, "the call was not answered yet")
        let keys = try await thrown(CallError.self) { try await call.sendDTMF("hello") }
        guard case .InvalidKeys(let limit) = keys else { return XCTFail("\(keys)") }
        XCTAssertGreaterThan(limit, 0)
        try await call.hangUp()
        _ = try await ends(call)
        let over = try await thrown(CallError.self) { try await call.hangUp() }
        XCTAssertEqual(over, .Unknown)
        let nowhere = try await thrown(HistoryError.self) {
            try await tandem.history.page(before: "page 2")
        }
        XCTAssertEqual(nowhere, .InvalidPlace)
        await tandem.shutdown()
        await bob.tandem.shutdown()
    }
}

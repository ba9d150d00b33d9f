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

    /// Every case of every error says something a person can read, wherever Swift turns it into text.
    func test_error_texts() {
        let account: [AccountError] = [
            .InvalidAddress, .InvalidServer, .InvalidLocalAddress, .Exists, .Unknown, .NotAuthorised,
            .Refused(status: 603), .Unreachable, .ServerFailed(status: 503), .Cancelled,
            .NotRunning(stage: .suspended), .Storage(problem: .diskFull), .Internal,
            .InvalidIceServer(index: 0, problem: .host), .Insecure(problem: .expired),
            .ConnectionRefused,
        ]
        let call: [CallError] = [
            .InvalidTarget, .InvalidKeys(limit: 64), .NoAccount, .TooManyCalls, .Unknown,
            .NotNow(obstacle: .onHold), .Refused, .Cancelled, .NoSound(problem: .noMicrophone),
            .NotRunning(stage: .new), .Internal,
        ]
        let history: [HistoryError] = [
            .InvalidPlace, .NotRunning(stage: .ended), .Storage(problem: .damaged), .Internal,
        ]
        let lifecycle: [LifecycleError] = [
            .NotRunning(stage: .ended), .CallUp, .Storage(problem: .inUse), .Secrets(reason: "locked"),
            .Internal,
        ]
        let platform: [PlatformError] = [.Failed(reason: "locked")]
        let certificate: [CertificateError] = [.Expired, .WrongName, .Untrusted, .Failed]
        let all: [[any Error]] = [account, call, history, lifecycle, platform, certificate]
        for error in all.joined() {
            let text = "\(error)"
            XCTAssertEqual(error.localizedDescription, text)
            XCTAssertTrue(text.contains(" "), text)
            XCTAssertTrue(text.first?.isLowercase == true || text.hasPrefix("STUN"), text)
            // Not the case and its fields, as Swift prints what says nothing of itself.
            XCTAssertFalse(text.contains(": \"") || text.contains("Error."), text)
        }
        XCTAssertEqual("\(AccountError.Refused(status: 603))", "the server refused the account (603)")
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


        for nobody in ["no address", "nobody", ""] {
            for server in [nil, "127.0.0.1"] {
                let invalid = try await thrown(AccountError.self) {
                    try await tandem.accounts.addSIP(nobody, settings: SIPSettings(server: server))
                }
                XCTAssertEqual(invalid, .InvalidAddress, nobody)
            }
        }
        let nowhere = try await thrown(AccountError.self) {
            try await tandem.accounts.addSIP("a@example.org", settings: SIPSettings(server: "not a host"))
        }
        XCTAssertEqual(nowhere, .InvalidServer)

        let closed = try SilentServer()
        let refusing = Thread { closed.refuse(with: 403) }
        refusing.start()
        let refused = try await thrown(AccountError.self) {
            try await tandem.accounts.addSIP("sip:alice@example.org", settings: SIPSettings(server: closed.address))
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
        let lost = try await thrown(HistoryError.self) {
            try await tandem.history.page(before: "page 2")
        }
        XCTAssertEqual(lost, .InvalidPlace)
        await tandem.shutdown()
        await bob.tandem.shutdown()
    }
}

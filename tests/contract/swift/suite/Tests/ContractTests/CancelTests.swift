import Foundation
import TandemFFI
import XCTest

@testable import Tandem

final class CancelTests: XCTestCase {
    func test_cancel_sign_in() async throws {
        // A server that takes everything and says nothing.
        let silent = try SilentServer()
        let tandem = try Phone.core(in: freshFolder("alice"))
        try await tandem.start()
        let signingIn = Task {
            try await tandem.accounts.addSIP(
                "sip:alice@example.org", settings: SIPSettings(server: silent.address))
        }
        try await eventually("the account is there") { tandem.accounts.list.count == 1 }
        let asked = ContinuousClock.now
        signingIn.cancel()
        let result = try await soon { await signingIn.result }
        // A server that says nothing is waited for a moment, so that the account is gone when it is told.
        XCTAssertLessThan(ContinuousClock.now - asked, .seconds(5))
        XCTAssertThrowsError(try result.get()) { XCTAssertTrue($0 is CancellationError, "\($0)") }
        XCTAssertEqual(tandem.accounts.list, [])
        await tandem.shutdown()
    }

    /// Cancelled while the file it would play is opened: a pipe, so that the moment is ours to choose.
    func test_cancel_place() async throws {
        let (alice, bob) = (try await Phone("alice"), try await Phone("bob"))
        let pipe = try freshFolder("pipe").appendingPathComponent("said.wav").path
        XCTAssertEqual(mkfifo(pipe, 0o600), 0)
        let (tandem, address) = (alice.tandem, bob.address)
        let placing = Task {
            try await tandem.calls.place(to: address, audio: .file(play: pipe, record: nil))
        }
        try await Task.sleep(for: .milliseconds(300))
        let asked = ContinuousClock.now
        placing.cancel()
        let result = try await soon { await placing.result }
        XCTAssertLessThan(ContinuousClock.now - asked, .seconds(2))
        XCTAssertThrowsError(try result.get()) { XCTAssertTrue($0 is CancellationError, "\($0)") }
        XCTAssertEqual(tandem.calls.list, [])

        // Only now the core comes to the call: it is placed for nobody, and hung up.
        try Sound.silence.write(to: URL(fileURLWithPath: pipe), options: [])
        try await eventually("the call was hung up") {
            let calls = (try? await tandem.history.page().calls) ?? []
            return calls.count == 1 && calls.first?.endReason == .cancelled
        }
        XCTAssertEqual(tandem.calls.list, [])
        try await eventually("nothing rings any more") { bob.tandem.calls.list.isEmpty }

        // A task that is cancelled before it begins places nothing.
        let late = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await tandem.calls.place(to: address, audio: .silent)
        }
        late.cancel()
        let nothing = try await soon { await late.result }
        XCTAssertThrowsError(try nothing.get()) { XCTAssertTrue($0 is CancellationError, "\($0)") }
        try await eventually("no call is up") { tandem.calls.list.isEmpty }
        await tandem.shutdown()
        await bob.tandem.shutdown()
    }

    func test_cancel_collector() async throws {
        let core = try TandemCore(
            config: CoreConfig(directory: freshFolder("alice").path),
            secrets: FolderPlatform(folder: freshFolder("secrets")).secrets)
        try await core.start()

        // Leaving the loop.
        let left = core.accountUpdates()
        for await _ in Updates(open: { left.reader }) { break }
        let afterLeaving = try await soon(5) { await left.next() }
        XCTAssertNil(afterLeaving, "the subscription is still there")

        // Cancelling a task that waits in it.
        let cancelled = core.incomingCalls()
        let reading = Task { for await _ in Updates(open: { cancelled.reader }) {} }
        try await Task.sleep(for: .milliseconds(100))
        reading.cancel()
        try await soon(5) { await reading.value }
        let afterCancel = try await soon(5) { await cancelled.next() == nil }
        XCTAssertTrue(afterCancel, "the subscription is still there")

        // Others go on.
        let all = try await soon(5) { await core.accountUpdates().next() }
        XCTAssertEqual(all, .accounts(accounts: []))
        await core.shutdown()
    }
}

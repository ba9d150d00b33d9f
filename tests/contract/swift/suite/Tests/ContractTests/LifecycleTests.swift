import Foundation
import Tandem
import XCTest

final class LifecycleTests: XCTestCase {
    func test_lifecycle() async throws {
        let registrar = try Registrar(users: "alice:wonderland", "bob:builder")
        defer { registrar.end() }
        let tandem = try Phone.core(in: freshFolder("alice"))
        let early = tandem.accounts.all
        let seen = Task {
            for await accounts in early where !accounts.isEmpty { return accounts.count }
            return 0
        }
        let new = await tandem.stage
        XCTAssertEqual(new, .new)
        let unborn = try await thrown(AccountError.self) {
            try await tandem.accounts.addDirect(localAddress: "127.0.0.1")
        }
        XCTAssertEqual(unborn, .NotRunning(stage: .new))
        try await tandem.start()
        let running = await tandem.stage
        XCTAssertEqual(running, .running)
        try await tandem.start()
        let account = try await tandem.accounts.addSIP(
            "sip:alice@\(registrar.address)", password: "wonderland")
        let count = try await soon { await seen.value }
        XCTAssertEqual(count, 1, "a subscription made before the start")

        try await tandem.suspend()
        let suspended = await tandem.stage
        XCTAssertEqual(suspended, .suspended)
        let asleep = try await thrown(HistoryError.self) { try await tandem.history.page() }
        XCTAssertEqual(asleep, .NotRunning(stage: .suspended))
        let start = try await thrown(LifecycleError.self) { try await tandem.start() }
        XCTAssertEqual(start, .NotRunning(stage: .suspended))
        XCTAssertEqual(account.info?.state, .offline)
        try await tandem.resume()
        // It signs in again by itself, and can be called.
        try await until(account) { if case .online = $0 { true } else { false } }
        let bob = try await Phone("bob", user: "bob", password: "builder", at: registrar)
        let call = try await bob.tandem.calls.place(
            to: account.info?.address ?? "", audio: .silent)
        try await soon { for await _ in tandem.calls.incoming { break } }
        let busy = try await thrown(LifecycleError.self) { try await tandem.suspend() }
        XCTAssertEqual(busy, .CallUp)
        try await call.hangUp()
        await bob.tandem.shutdown()
        await tandem.shutdown()
    }

    /// What is under way when the core stops says so, and leaves nothing behind.
    func test_stop_while_signing_in() async throws {
        let silent = try SilentServer()
        let tandem = try Phone.core(in: freshFolder("alice"))
        try await tandem.start()
        for stage in [Stage.suspended, .ended] {
            let adding = Task {
                try await thrown(AccountError.self) {
                    try await tandem.accounts.addSIP("alice@example.org", settings: SIPSettings(server: silent.address))
                }
            }
            try await eventually("the account is there") { tandem.accounts.list.count == 1 }
            if stage == .suspended { try await tandem.suspend() } else { await tandem.shutdown() }
            let stopped = try await soon { try await adding.value }
            XCTAssertEqual(stopped, .NotRunning(stage: stage))
            XCTAssertEqual(tandem.accounts.list, [])
            if stage == .suspended { try await tandem.resume() }
        }
    }

    /// An account without a server can be called whenever the core is awake, and says so.
    func test_direct_account_listens() async throws {
        let alice = try await Phone("alice")
        XCTAssertEqual(alice.account.info?.state, .listening)
        try await alice.tandem.suspend()
        XCTAssertEqual(alice.account.info?.state, .offline)
        try await alice.tandem.resume()
        XCTAssertEqual(alice.account.info?.state, .listening)
        let bob = try await Phone("bob")
        let call = try await bob.calls(alice)
        _ = try await alice.rings()
        try await call.hangUp()
        await alice.tandem.shutdown()
        await bob.tandem.shutdown()
    }

    func test_use_after_close() async throws {
        let alice = try await Phone("alice")
        let bob = try await Phone("bob")
        let (call, there) = try await talk(alice, bob)
        let tandem = alice.tandem
        let incoming = tandem.calls.incoming
        let reading = Task { for await _ in incoming {} }
        try await Task.sleep(for: .milliseconds(100))
        await tandem.shutdown()
        await tandem.shutdown()
        try await soon { await reading.value }
        // A stream that is begun now ends at once; only a call still tells how it ended.
        for await accounts in tandem.accounts.all { XCTFail("\(accounts)") }
        for await change in tandem.history.changes { XCTFail("\(change)") }
        var states: [CallState] = []
        for await state in call.states { states.append(state) }
        XCTAssertEqual(states, [.ended(reason: .localHangUp)])
        XCTAssertEqual(tandem.accounts.list, [])
        XCTAssertEqual(tandem.calls.list, [])
        XCTAssertNil(alice.account.info)
        let reason = try await ends(there)
        XCTAssertEqual(reason, .remoteHangUp)

        let again = try await thrown(LifecycleError.self) { try await tandem.start() }
        XCTAssertEqual(again, .NotRunning(stage: .ended))
        XCTAssertEqual("\(again)", "the core has been shut down")
        let place = try await thrown(CallError.self) {
            try await tandem.calls.place(to: bob.address, audio: .silent)
        }
        XCTAssertEqual(place, .NotRunning(stage: .ended))
        let add = try await thrown(AccountError.self) {
            try await tandem.accounts.addDirect(localAddress: "127.0.0.1")
        }
        XCTAssertEqual(add, .NotRunning(stage: .ended))
        _ = try await thrown(CallError.self) { try await call.hold() }
        await bob.tandem.shutdown()
    }

    func test_foreign_throws() async throws {
        let tandem = try Tandem(directory: freshFolder("alice"), platform: LockedPlatform())
        let error = try await thrown(LifecycleError.self) { try await tandem.start() }
        guard case .Secrets(let reason) = error else { return XCTFail("\(error)") }
        XCTAssertEqual(reason, "the keystore is locked")
        let stage = await tandem.stage
        XCTAssertEqual(stage, .new)

        // A sink that throws at every line loses that line, and is asked again for the next.
        let sink = Lines(throwing: true)
        XCTAssertTrue(Tandem.forwardLog(to: sink, level: .trace))
        let (alice, bob) = (try await Phone("alice"), try await Phone("bob"))
        let (call, _) = try await talk(alice, bob)
        try await call.hangUp()
        for core in [alice.tandem, bob.tandem, tandem] { await core.shutdown() }
        try await eventually("more than one line, not \(sink.lines.count)") { sink.lines.count > 1 }
    }
}

/// A platform whose secrets cannot be read, with an error the core has never heard of.
struct LockedPlatform: Platform {
    struct Locked: Error, CustomStringConvertible {
        var description: String { "the keystore is locked" }
    }

    final class Secrets: SecretStore {
        func load(name: String) throws -> Data? { throw Locked() }
        func save(name: String, secret: Data) throws { throw Locked() }
    }

    let secrets: any SecretStore = Secrets()
}

func until(
    _ account: Account, _ wanted: @escaping @Sendable (AccountState) -> Bool
) async throws {
    try await soon {
        for await info in account.updates where wanted(info.state) { return }
        throw Unexpected("the account is gone")
    }
}

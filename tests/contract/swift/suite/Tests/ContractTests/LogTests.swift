import Foundation
import Tandem
import XCTest

final class LogTests: XCTestCase {
    func test_log_forwarded() async throws {
        let sink = Lines()
        XCTAssertTrue(Tandem.forwardLog(to: sink, level: .debug))
        let (alice, bob) = (try await Phone("alice"), try await Phone("bob"))
        let (call, _) = try await talk(alice, bob)
        try await call.hangUp()
        await alice.tandem.shutdown()
        await bob.tandem.shutdown()
        try await eventually("lines") { !sink.lines.isEmpty }
        for line in sink.lines {
            XCTAssertNotEqual(line.level, .trace, "finer than asked for: \(line)")
            XCTAssertTrue(line.target.contains("tandem"), "whose line: \(line)")
            XCTAssertFalse(line.message.isEmpty)
        }
    }

    func test_log_no_addresses() async throws {
        let sink = Lines()
        XCTAssertTrue(Tandem.forwardLog(to: sink, level: .trace))
        let registrar = try Registrar(users: "alicia:wonderland", "robert:builder")
        defer { registrar.end() }
        let alice = try await Phone(
            "a", user: "alicia", password: "wonderland", at: registrar, mediaSecurity: .required)
        let bob = try await Phone(
            "b", user: "robert", password: "builder", at: registrar, mediaSecurity: .required)
        let (call, _) = try await talk(alice, bob)
        let phrase = try await safetyPhrase(of: call)
        try await call.verify(matches: true)
        try await call.sendDTMF("9*8#A7")
        try await Task.sleep(for: .milliseconds(500))
        try await call.hangUp()
        _ = try await ends(call)
        let tandem = alice.tandem
        _ = try await thrown(AccountError.self) {
            try await tandem.accounts.addSIP(
                "sip:carol@\(registrar.address)", password: "swordfish",
                settings: SIPSettings(displayName: "Carol Singer"))
        }
        await alice.tandem.shutdown()
        await bob.tandem.shutdown()
        try await eventually("a log") { sink.lines.count > 5 }
        let secrets = [
            "127.0.0.1", "::1", "sip:", "tandem@", "alicia", "robert", "carol", "Singer", "wonderland",
            "builder", "swordfish", "9*8#A7", phrase.words.joined(separator: " "),
        ]
        for line in sink.lines {
            for word in secrets {
                XCTAssertFalse(line.message.contains(word), "\(word): \(line)")
            }
        }
    }
}

/// Keeps what is logged.
final class Lines: LogSink, @unchecked Sendable {
    private let lock = NSLock()
    private let throwing: Bool
    private var kept: [LogLine] = []

    init(throwing: Bool = false) { self.throwing = throwing }

    var lines: [LogLine] { lock.withLock { kept } }

    func log(line: LogLine) throws {
        lock.withLock { kept.append(line) }
        if throwing { throw Unexpected("the disk is full") }
    }
}

import Foundation
import Tandem
import XCTest

final class SecureTests: XCTestCase {
    private let alice = "alice@tandem.test"

    /// The one insists, the other does so by itself.
    func test_call_encrypted() async throws {
        let (alice, bob) = (try await Phone("alice"), try await Phone(secure: "bob"))
        let (call, there) = try await talk(alice, bob)
        let phrase = try await safetyPhrase(of: call)
        let same = try await safetyPhrase(of: there)
        XCTAssertEqual(phrase, same)
        XCTAssertEqual(phrase, call.info?.safetyPhrase)
        XCTAssertEqual(phrase.words.count, 6)
        XCTAssertTrue(phrase.numbers.count == 6 && phrase.numbers.allSatisfy { $0 < 256 })
        for info in [call.info, there.info] {
            XCTAssertEqual(info?.encryption, .dtlsSrtp)
            XCTAssertEqual(info?.trust, .unverified)
        }

        let reader = call.updates
        let told = Task {
            for await case .state(let info) in reader where info.trust == .verified { return info.safetyPhrase }
            return nil
        }
        try await call.verify(matches: true)
        XCTAssertEqual(call.info?.trust, .verified)
        let verified = try await soon { await told.value }
        XCTAssertEqual(verified, phrase)
        try await call.hangUp()
        _ = try await ends(there)
        for (phone, trust) in [(alice, Trust.verified), (bob, .unverified)] {
            let row = try await phone.tandem.history.page(limit: 1).calls.first
            XCTAssertEqual(row?.encryption, .dtlsSrtp)
            XCTAssertEqual(row?.trust, trust)
        }
        await alice.tandem.shutdown()
        await bob.tandem.shutdown()
    }

    func test_nothing_to_compare() async throws {
        let (alice, bob) = (try await Phone(plain: "alice"), try await Phone("bob"))
        let (call, there) = try await talk(alice, bob)
        XCTAssertEqual(call.info?.encryption, Encryption.none)
        XCTAssertNil(call.info?.safetyPhrase)
        let nothing = try await thrown(CallError.self) { try await call.verify(matches: true) }
        XCTAssertEqual(nothing, .NotNow(obstacle: .noPhrase))
        XCTAssertEqual("\(nothing)", "there is nothing to compare in the call")
        try await call.hangUp()
        _ = try await ends(there)
        let row = try await alice.tandem.history.page(limit: 1).calls.first
        XCTAssertEqual(row?.trust, .unverified)
        await alice.tandem.shutdown()
        await bob.tandem.shutdown()
    }

    /// Nobody falls back to a call that others can listen to.
    func test_encryption_required() async throws {
        let alice = try await Phone(secure: "alice")
        let server = try SilentServer()
        let refusing = Thread { while true { server.refuse(with: 488) } }
        refusing.start()
        let call = try await alice.tandem.calls.place(
            to: "sip:bob@\(server.address)", audio: .silent)
        let reason = try await ends(call)
        XCTAssertEqual(reason, .encryptionRequired)
        let row = try await alice.tandem.history.page(limit: 1).calls.first
        XCTAssertEqual(row?.endReason, .encryptionRequired)
        await alice.tandem.shutdown()
    }

    func test_sign_in_tls() async throws {
        let shown: [(named: String, until: Int, problem: TlsProblem?)] = [
            ("127.0.0.1", 2100, nil), ("127.0.0.1", 2002, .expired),
            ("other.example.org", 2100, .wrongName),
        ]
        for (named, until, problem) in shown {
            let registrar = try SecureRegistrar(user: "alice:wonderland", named: named, until: until)
            defer { registrar.end() }
            // Where the core looks for a computer's authorities, when it first needs them.
            setenv("SSL_CERT_FILE", registrar.authority.path, 1)
            defer { unsetenv("SSL_CERT_FILE") }
            let tandem = try Phone.core(in: freshFolder("alice"))
            try await tandem.start()
            let refused = try await refusal { [alice] in
                try await tandem.accounts.addSIP(
                    alice, password: "wonderland", settings: registrar.settings)
            }
            XCTAssertEqual(refused, problem.map { .Insecure(problem: $0) }, named)
            XCTAssertEqual(refused?.description.contains("certificate") ?? true, true)
            XCTAssertEqual(tandem.accounts.list.count, problem == nil ? 1 : 0)
            await tandem.shutdown()
        }
        // Whom this machine trusts does not know the authority.
        let registrar = try SecureRegistrar(user: "alice:wonderland")
        defer { registrar.end() }
        let tandem = try Phone.core(in: freshFolder("alice"))
        try await tandem.start()
        let stranger = try await thrown(AccountError.self) {
            try await tandem.accounts.addSIP(
                alice, password: "wonderland", settings: registrar.settings)
        }
        XCTAssertEqual(stranger, .Insecure(problem: .untrusted))
        let deserted = try SilentServer()
        let nobody = try await thrown(AccountError.self) {
            try await tandem.accounts.addSIP(
                "carol@example.org",
                settings: SIPSettings(server: deserted.address, transport: .tls))
        }
        XCTAssertEqual(nobody, .ConnectionRefused)
        await tandem.shutdown()
    }

    /// What `work` is refused with, if it is.
    private func refusal(_ work: () async throws -> Account) async throws -> AccountError? {
        do {
            _ = try await work()
            return nil
        } catch let error as AccountError {
            return error
        }
    }

    func test_foreign_verifier() async throws {
        let registrar = try SecureRegistrar(user: "alice:wonderland")
        defer { registrar.end() }
        let judgements: [(Judge, TlsProblem?)] = [
            (Judge { throw CertificateError.Untrusted }, .untrusted),
            (Judge { throw CertificateError.Expired }, .expired),
            (Judge { throw Unexpected("the trust service is down") }, .unchecked),
            (Judge {}, nil),
        ]
        for (judge, problem) in judgements {
            let tandem = try Phone.core(in: freshFolder("alice"), certificates: judge)
            try await tandem.start()
            let refused = try await refusal { [alice] in
                try await tandem.accounts.addSIP(
                    alice, password: "wonderland", settings: registrar.settings)
            }
            XCTAssertEqual(refused, problem.map { .Insecure(problem: $0) })
            XCTAssertEqual(judge.asked.first?.server, "127.0.0.1")
            XCTAssertEqual(judge.asked.first?.chain.count, 1)
            XCTAssertTrue(judge.asked.allSatisfy { !$0.mainThread })
            await tandem.shutdown()
        }
        XCTAssertEqual(
            "\(AccountError.Insecure(problem: .unchecked))",
            "the server's certificate could not be checked")

        // One that looks at nothing lets nobody in under another name all the same.
        let other = try SecureRegistrar(user: "alice:wonderland", named: "other.example.org")
        defer { other.end() }
        let careless = try Phone.core(in: freshFolder("alice"), certificates: Judge {})
        try await careless.start()
        let named = try await thrown(AccountError.self) {
            try await careless.accounts.addSIP(
                alice, password: "wonderland", settings: other.settings)
        }
        XCTAssertEqual(named, .Insecure(problem: .wrongName))
        await careless.shutdown()
    }

    func test_settings_refused() async throws {
        let tandem = try Phone.core(in: freshFolder("alice"))
        try await tandem.start()
        let wrong: [(ICEServer, IceServerProblem)] = [
            (ICEServer(url: "stun.example.org"), .scheme),
            (ICEServer(url: "stuns:stun.example.org"), .stunOverTls),
            (ICEServer(url: "turn:"), .host),
            (ICEServer(url: "turn:turn.example.org:0", username: "u", password: "p"), .port),
            (ICEServer(url: "turn:turn.example.org"), .credentials),
        ]
        for (server, problem) in wrong {
            let ice = ICEConfig(servers: [ICEServer(url: "stun:127.0.0.1"), server], relay: .always)
            let settings = SIPSettings(server: "127.0.0.1", ice: ice)
            let signing = try await thrown(AccountError.self) {
                try await tandem.accounts.addSIP("a@example.org", settings: settings)
            }
            let direct = try await thrown(AccountError.self) {
                try await tandem.accounts.addDirect(localAddress: "127.0.0.1", ice: ice)
            }
            for refused in [signing, direct] {
                XCTAssertEqual(refused, .InvalidIceServer(index: 1, problem: problem))
                XCTAssertTrue(refused.description.hasPrefix("STUN or TURN server 2: "))
                XCTAssertFalse(refused.description.contains("example"))
            }
        }
        var printed = ""
        dump(ICEServer(url: "turn:turn.example.org", username: "alice", password: "secret"), to: &printed)
        XCTAssertFalse(printed.contains("secret") || printed.contains("example"), printed)
        XCTAssertEqual(tandem.accounts.list, [])
        await tandem.shutdown()
    }
}

/// Judges every chain alike, and notes what it was asked.
private final class Judge: CertificateVerifier, @unchecked Sendable {
    private let lock = NSLock()
    private let judgement: @Sendable () throws -> Void
    private var questions: [(server: String, chain: [Data], mainThread: Bool)] = []

    init(_ judgement: @escaping @Sendable () throws -> Void) { self.judgement = judgement }

    var asked: [(server: String, chain: [Data], mainThread: Bool)] { lock.withLock { questions } }

    func verify(server: String, chain: [Data]) throws {
        lock.withLock { questions.append((server, chain, Thread.isMainThread)) }
        try judgement()
    }
}

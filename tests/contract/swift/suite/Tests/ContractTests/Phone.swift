import Foundation
import Tandem
import XCTest

/// A core on loopback with one account: what a test calls from and to.
final class Phone: Sendable {
    let tandem: Tandem
    let account: Account

    /// - Parameter name: Of its folder; each phone of a test run needs its own.
    init(_ name: String, backlog: UInt32? = nil) async throws {
        tandem = try Phone.core(in: freshFolder(name), backlog: backlog)
        try await tandem.start()
        account = try await tandem.accounts.addDirect(localAddress: "127.0.0.1")
    }

    /// A phone that takes no call that is not encrypted.
    convenience init(secure name: String) async throws {
        try await self.init(name, security: .required)
    }

    /// A phone that offers plain sound.
    convenience init(plain name: String) async throws {
        try await self.init(name, security: .plainAllowed)
    }

    private init(_ name: String, security: MediaSecurity) async throws {
        tandem = try Phone.core(in: freshFolder(name))
        try await tandem.start()
        account = try await tandem.accounts.addDirect(
            localAddress: "127.0.0.1", mediaSecurity: security)
    }

    /// A phone that signs in at a registrar instead.
    init(
        _ name: String, user: String, password: String, at registrar: Registrar,
        mediaSecurity: MediaSecurity = .preferred
    ) async throws {
        tandem = try Phone.core(in: freshFolder(name))
        try await tandem.start()
        account = try await tandem.accounts.addSIP(
            "sip:\(user)@\(registrar.address)", password: password,
            settings: SIPSettings(mediaSecurity: mediaSecurity))
    }

    static func core(
        in folder: URL, backlog: UInt32? = nil, certificates: (any CertificateVerifier)? = nil
    ) throws -> Tandem {
        let platform = FolderPlatform(
            folder: folder.appendingPathComponent("secrets"), certificates: certificates)
        let options = Tandem.Options(eventBacklog: backlog)
        return try Tandem(
            directory: folder.appendingPathComponent("data"), platform: platform, options: options)
    }

    var address: String { account.info?.address ?? "" }

    func calls(_ other: Phone, audio: AudioPath = .silent) async throws -> Call {
        try await tandem.calls.place(to: other.address, audio: audio)
    }

    /// The first call that rings here.
    func rings() async throws -> Call {
        try await soon { [tandem] in
            for await call in tandem.calls.incoming { return call }
            throw Unexpected("the core ended before a call came")
        }
    }
}

/// Two phones that talk, and their calls.
func talk(
    _ from: Phone, _ to: Phone, audio: AudioPath = .silent, far: AudioPath = .silent
) async throws -> (Call, Call) {
    let near = try await from.calls(to, audio: audio)
    let there = try await to.rings()
    try await there.answer(audio: far)
    try await isActive(near)
    try await isActive(there)
    return (near, there)
}

@discardableResult
func until(_ call: Call, _ wanted: @escaping @Sendable (CallState) -> Bool) async throws -> CallState {
    try await soon {
        var last: CallState?
        for await state in call.states {
            if wanted(state) { return state }
            last = state
        }
        throw Unexpected("the call's states ended after \(String(describing: last))")
    }
}

func isActive(_ call: Call) async throws {
    try await until(call) { if case .active = $0 { true } else { false } }
}

/// What the two have to compare; waits for it.
func safetyPhrase(of call: Call) async throws -> SafetyPhrase {
    try await soon {
        for await phrase in call.safetyPhrases {
            if let phrase { return phrase }
        }
        throw Unexpected("the call ended without a phrase")
    }
}

/// Why it ended; waits for the end.
func ends(_ call: Call) async throws -> EndReason {
    guard case .ended(let reason) = try await until(call, { if case .ended = $0 { true } else { false } })
    else { throw Unexpected("no end") }
    return reason
}

struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Nothing here takes long; a test that would hang fails instead.
func soon<Value: Sendable>(
    _ seconds: Double = 20, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        defer { group.cancelAll() }
        group.addTask(operation: work)
        group.addTask {
            try await Task.sleep(for: .seconds(seconds))
            throw Unexpected("not within \(seconds) s")
        }
        guard let value = try await group.next() else { throw Unexpected("nothing") }
        return value
    }
}

/// Waits until it is so.
func eventually(_ what: String, _ holds: @escaping @Sendable () async -> Bool) async throws {
    for _ in 0..<400 {
        if await holds() { return }
        try await Task.sleep(for: .milliseconds(50))
    }
    throw Unexpected("never: \(what)")
}

/// What `work` throws, if it is an `E`.
func thrown<E: Error, Value>(
    _: E.Type, _ work: () async throws -> Value, line: UInt = #line
) async throws -> E {
    do {
        _ = try await work()
    } catch let error as E {
        return error
    }
    throw Unexpected("line \(line): nothing was thrown")
}

func variable(_ name: String) throws -> String {
    guard let value = ProcessInfo.processInfo.environment[name] else {
        throw Unexpected("\(name) is not set; run-swift.sh sets it")
    }
    return value
}

/// A folder nobody has used.
func freshFolder(_ name: String) throws -> URL {
    let folder = URL(fileURLWithPath: try variable("TANDEM_RUN"), isDirectory: true)
        .appendingPathComponent("\(name)-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
}

import Foundation
import Tandem

/// A program beside the test, which prints one JSON object a line; ended with the test.
final class Program: @unchecked Sendable {
    private let process: pid_t
    private let output: FileHandle
    private var rest = Data()
    private var status: Int32?

    // Not by Foundation's `Process`: on Linux its own thread may spin and never see the exit.
    init(_ path: String, _ arguments: [String]) throws {
        let pipe = Pipe()
        output = pipe.fileHandleForReading
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(
            &actions, pipe.fileHandleForWriting.fileDescriptor, STDOUT_FILENO)
        let environment = ProcessInfo.processInfo.environment.map { "\($0)=\($1)" }
        var words = ([path] + arguments).map { strdup($0) } + [nil]
        var variables = environment.map { strdup($0) } + [nil]
        defer { (words + variables).forEach { free($0) } }
        var id = pid_t()
        let failed = posix_spawn(&id, path, &actions, nil, &words, &variables)
        guard failed == 0 else { throw Unexpected("\(path) does not start: \(failed)") }
        process = id
        try pipe.fileHandleForWriting.close()
    }

    deinit { end() }

    func end() {
        if status == nil { kill(process, SIGKILL) }
        _ = exitCode
    }

    /// The next line's value of `key`. Blocks; the program is trusted to print it or to leave.
    func value(of key: String) throws -> String {
        while true {
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Data(rest[..<end])
                rest = Data(rest[rest.index(after: end)...])
                let fields = try JSONSerialization.jsonObject(with: line) as? [String: Any]
                if let value = fields?[key] as? String { return value }
            }
            let more = output.availableData
            if more.isEmpty { throw Unexpected("the program ended without \(key)") }
            rest += more
        }
    }

    /// Waits for the program to leave; -1 if a signal ended it.
    var exitCode: Int32 {
        if let status { return status }
        var raw: Int32 = 0
        waitpid(process, &raw, 0)
        let code = raw & 0x7f == 0 ? (raw >> 8) & 0xff : -1
        status = code
        return code
    }
}

/// A SIP server on loopback.
final class Registrar: Sendable {
    let address: String
    private let program: Program

    /// - Parameter users: `NAME:PASSWORD`
    convenience init(users: String...) throws {
        try self.init(users.flatMap { ["--user", $0] })
    }

    init(_ arguments: [String]) throws {
        program = try Program(try variable("TANDEM_REGISTRAR"), arguments)
        address = try program.value(of: "address")
    }

    fileprivate func next(_ key: String) throws -> String { try program.value(of: key) }

    func end() { program.end() }
}

/// The same, reached over TLS as `127.0.0.1`, whatever its certificate says.
final class SecureRegistrar: Sendable {
    let settings: SIPSettings
    /// The certificate of the authority that signed the server's.
    let authority: URL
    private let registrar: Registrar

    /// - Parameters:
    ///   - user: `NAME:PASSWORD`
    ///   - named: Whom the certificate names.
    ///   - until: The year it ends in.
    init(user: String, named: String = "127.0.0.1", until: Int = 2100) throws {
        authority = try freshFolder("authority").appendingPathComponent("authority.pem")
        registrar = try Registrar([
            "--user", user, "--domain", "tandem.test", "--tls-name", named, "--tls-until", "\(until)",
            "--tls-authority", authority.path,
        ])
        let port = try registrar.next("tls").split(separator: ":").last.map(String.init) ?? ""
        settings = SIPSettings(server: "127.0.0.1:\(port)", transport: .tls)
    }

    func end() { registrar.end() }
}

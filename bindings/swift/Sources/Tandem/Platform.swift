import Foundation
import TandemFFI

/// A secret store, with what it throws as the plain words of whoever threw it, on one line.
final class PlainSecrets: SecretStore {
    private let whole: any SecretStore

    init(_ whole: any SecretStore) { self.whole = whole }

    func load(name: String) throws -> Data? { try plainly { try whole.load(name: name) } }

    func save(name: String, secret: Data) throws {
        try plainly { try whole.save(name: name, secret: secret) }
    }

    private func plainly<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as PlatformError {
            throw error
        } catch {
            let said = (error as? any LocalizedError)?.errorDescription ?? String(describing: error)
            let line = said.split(whereSeparator: \.isNewline).first.map(String.init)
            throw PlatformError.Failed(reason: line ?? "\(type(of: error))")
        }
    }
}

/// What only the operating system can do for the core.
public protocol Platform: Sendable {
    /// Where the keys of the data are kept.
    var secrets: any SecretStore { get }
    /// Whom to trust; nil: whom a computer's own list of authorities names, which is nobody on a phone.
    ///
    /// It is asked on a thread that may block, before anything is said to a server. Whom a certificate names the
    /// core sees for itself, by the rules of SIP (RFC 5922). Errors other than `CertificateError` mean that it
    /// could not be found out.
    var certificates: (any CertificateVerifier)? { get }
}

extension Platform {
    public var certificates: (any CertificateVerifier)? { nil }
}

/// Keeps secrets as files that only this user can read: for tests and tools on a computer.
///
/// A phone has a better place: its app brings a platform over the keychain.
public struct FolderPlatform: Platform {
    public let secrets: any SecretStore
    public let certificates: (any CertificateVerifier)?

    /// - Parameters:
    ///   - folder: Made if it is not there.
    ///   - certificates: Whom to trust; the authorities this computer knows if nil.
    public init(folder: URL, certificates: (any CertificateVerifier)? = nil) {
        secrets = FolderSecrets(folder: folder)
        self.certificates = certificates
    }
}

/// One file a secret.
private final class FolderSecrets: SecretStore {
    private let folder: URL

    init(folder: URL) { self.folder = folder }

    func load(name: String) throws -> Data? {
        let file = try file(for: name)
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        return try Data(contentsOf: file)
    }

    func save(name: String, secret: Data) throws {
        let files = FileManager.default
        try files.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let file = try file(for: name)
        try secret.write(to: file, options: .atomic)
        try files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
    }

    /// Names come from the core, but a name that leads elsewhere is still refused.
    private func file(for name: String) throws -> URL {
        let plain = name.unicodeScalars.allSatisfy {
            CharacterSet.alphanumerics.contains($0) || "-_.".unicodeScalars.contains($0)
        }
        guard plain, !name.isEmpty, !name.hasPrefix(".") else {
            throw PlatformError.Failed(reason: "a secret's name is no file name")
        }
        return folder.appendingPathComponent(name, isDirectory: false)
    }
}

#if canImport(Security)
    import Foundation
    import Security
    import TandemFFI

    /// iOS and macOS: secrets are in the keychain, on this device only, and whom the system trusts is trusted.
    ///
    /// They can be read from the first unlock after a start on, because calls come in while the screen is locked.
    public struct ApplePlatform: Platform {
        public let secrets: any SecretStore
        public let certificates: (any CertificateVerifier)? = SystemTrust()

        /// - Parameters:
        ///   - service: Under which the keychain files them; one for each data folder.
        ///   - accessGroup: A keychain access group shared with the app's extensions; the app's own if nil.
        public init(service: String = "org.tandem", accessGroup: String? = nil) {
            secrets = Keychain(service: service, accessGroup: accessGroup)
        }
    }

    /// Whom the system trusts, with the authorities that the person or a profile added.
    private final class SystemTrust: CertificateVerifier {
        func verify(server: String, chain: [Data]) throws {
            let certificates = chain.compactMap { SecCertificateCreateWithData(nil, $0 as CFData) }
            guard certificates.count == chain.count else { throw CertificateError.Untrusted }
            // Without a name: the core compares it, by the rules of SIP and not those of web pages.
            let policy = SecPolicyCreateSSL(true, nil)
            var made: SecTrust?
            let status = SecTrustCreateWithCertificates(certificates as CFArray, policy, &made)
            guard status == errSecSuccess, let trust = made else { throw CertificateError.Failed }
            var problem: CFError?
            if SecTrustEvaluateWithError(trust, &problem) { return }
            switch problem.map({ OSStatus(truncatingIfNeeded: CFErrorGetCode($0)) }) {
            case errSecCertificateExpired, errSecCertificateNotValidYet:
                throw CertificateError.Expired
            default:
                throw CertificateError.Untrusted
            }
        }
    }

    /// One generic password a secret.
    private final class Keychain: SecretStore {
        private let service: String
        private let accessGroup: String?

        init(service: String, accessGroup: String?) {
            self.service = service
            self.accessGroup = accessGroup
        }

        func load(name: String) throws -> Data? {
            var query = item(name)
            query[kSecReturnData as String] = true
            query[kSecMatchLimit as String] = kSecMatchLimitOne
            var found: CFTypeRef?
            let status = SecItemCopyMatching(query as CFDictionary, &found)
            if status == errSecItemNotFound { return nil }
            guard status == errSecSuccess, let secret = found as? Data else { throw failure(status) }
            return secret
        }

        func save(name: String, secret: Data) throws {
            let value: [String: Any] = [
                kSecValueData as String: secret,
                kSecAttrAccessible as String: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
            ]
            var status = SecItemUpdate(item(name) as CFDictionary, value as CFDictionary)
            if status == errSecItemNotFound {
                let whole = item(name).merging(value) { _, new in new }
                status = SecItemAdd(whole as CFDictionary, nil)
            }
            guard status == errSecSuccess else { throw failure(status) }
        }

        private func item(_ name: String) -> [String: Any] {
            var item: [String: Any] = [
                kSecClass as String: kSecClassGenericPassword,
                kSecAttrService as String: service,
                kSecAttrAccount as String: name,
                kSecUseDataProtectionKeychain as String: true,
            ]
            if let accessGroup { item[kSecAttrAccessGroup as String] = accessGroup }
            return item
        }

        private func failure(_ status: OSStatus) -> PlatformError {
            let text = SecCopyErrorMessageString(status, nil) as String?
            return .Failed(reason: text ?? "the keychain refused (\(status))")
        }
    }
#endif

import TandemFFI

/// The accounts of this device. They live as long as the core: add them at each start.
public struct Accounts: Sendable {
    private let core: TandemFFI.TandemCore

    init(_ core: TandemFFI.TandemCore) { self.core = core }

    /// All accounts, anew whenever one of them changes.
    public var all: Updates<[AccountInfo]> {
        Updates(repeats: { $0 == $1 }) { [core] in core.accountUpdates().reader }
    }

    /// All accounts as they are now.
    public var list: [AccountInfo] { core.accounts() }

    /// The account with this id, if there is one.
    public subscript(id: UInt64) -> Account? { core.account(id: id).map(Account.init) }

    /// Signs in at a SIP server; returns when the server has accepted.
    ///
    /// Cancelling the task takes the account back.
    ///
    /// - Parameters:
    ///   - address: `sip:alice@example.org`, with or without `sip:`.
    ///   - password: Without one, a server that asks for it refuses.
    ///   - settings: What else there is to say.
    /// - Throws: `AccountError`, or `CancellationError`.
    @discardableResult
    public func addSIP(
        _ address: String, password: String? = nil, settings: SIPSettings = SIPSettings()
    ) async throws -> Account {
        let settings = settings.core(address, password)
        let token = CancelToken()
        return try await withTaskCancellationHandler {
            do {
                return Account(try await core.addSip(settings: settings, cancel: token))
            } catch AccountError.Cancelled {
                throw CancellationError()
            }
        } onCancel: {
            token.cancel()
        }
    }

    /// An account without a server: it can be called at its own address by whoever reaches this device.
    ///
    /// - Parameters:
    ///   - localAddress: `IP` or `IP:PORT` of this device.
    ///   - transport: How to call others.
    ///   - mediaSecurity: What to ask of the protection of its calls' sound.
    ///   - ice: STUN and TURN servers.
    /// - Throws: `AccountError`
    @discardableResult
    public func addDirect(
        localAddress: String, transport: Transport = .automatic,
        mediaSecurity: MediaSecurity = .preferred, ice: ICEConfig = ICEConfig()
    ) async throws -> Account {
        let settings = DirectSettings(
            localAddress: localAddress, transport: transport, mediaSecurity: mediaSecurity,
            ice: ice.core)
        return Account(try await core.addDirect(settings: settings))
    }
}

/// One account.
public final class Account: Sendable, Identifiable {
    let inner: TandemFFI.Account

    init(_ inner: TandemFFI.Account) { self.inner = inner }

    /// The same for the life of the data folder.
    public var id: UInt64 { inner.id() }

    /// As it is now; nil once it is removed.
    public var info: AccountInfo? { inner.info() }

    /// How it goes on; ends when it is removed.
    public var updates: Updates<AccountInfo> {
        Updates(repeats: { $0 == $1 }) { [inner] in inner.updates().reader }
    }

    /// Hangs up its calls, signs it out and forgets it.
    ///
    /// - Throws: `AccountError`
    public func remove() async throws { try await inner.remove() }
}

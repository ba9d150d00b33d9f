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
    ///   - server: `HOST` or `HOST:PORT`; that of the address if nil.
    ///   - user: Name to sign in with; that of the address if nil.
    ///   - displayName: Name shown to whom is called.
    ///   - transport: How to reach the server; UDP if nil.
    ///   - localAddress: `IP` or `IP:PORT` of this device; the one that leads to the server if nil.
    /// - Throws: `AccountError`, or `CancellationError`.
    @discardableResult
    public func addSIP(
        _ address: String, password: String? = nil, server: String? = nil, user: String? = nil,
        displayName: String? = nil, transport: Transport? = nil, localAddress: String? = nil
    ) async throws -> Account {
        let settings = SipSettings(
            address: address, password: password, server: server, user: user,
            displayName: displayName, transport: transport, localAddress: localAddress)
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
    /// - Parameter localAddress: `IP` or `IP:PORT` of this device.
    /// - Throws: `AccountError`
    @discardableResult
    public func addDirect(
        localAddress: String, transport: Transport = .udp
    ) async throws -> Account {
        Account(try await core.addDirect(localAddress: localAddress, transport: transport))
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

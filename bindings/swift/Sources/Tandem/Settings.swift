import TandemFFI

/// What a SIP account needs besides its address and its password. Without any of it, it does what most servers
/// want.
public struct SIPSettings: Sendable, Equatable {
    /// `HOST` or `HOST:PORT` to sign in at; the server of the address if nil.
    public var server: String?
    /// Name to sign in with; the user part of the address if nil.
    public var user: String?
    /// Name shown to whom is called.
    public var displayName: String?
    /// How to reach the server; `.tls` is never left for anything in the clear.
    public var transport: Transport
    /// `IP` or `IP:PORT` of this device to use; the one that leads to the server if nil.
    public var localAddress: String?
    /// What to ask of the protection of its calls' sound.
    public var mediaSecurity: MediaSecurity
    /// Its STUN and TURN servers.
    public var ice: ICEConfig

    public init(
        server: String? = nil, user: String? = nil, displayName: String? = nil,
        transport: Transport = .automatic, localAddress: String? = nil,
        mediaSecurity: MediaSecurity = .preferred, ice: ICEConfig = ICEConfig()
    ) {
        self.server = server
        self.user = user
        self.displayName = displayName
        self.transport = transport
        self.localAddress = localAddress
        self.mediaSecurity = mediaSecurity
        self.ice = ice
    }

    func core(_ address: String, _ password: String?) -> SipSettings {
        SipSettings(
            address: address, password: password, server: server, user: user,
            displayName: displayName, transport: transport, localAddress: localAddress,
            mediaSecurity: mediaSecurity, ice: ice.core)
    }
}

/// STUN and TURN servers of an account's calls, and what a far end may learn of this device's addresses.
public struct ICEConfig: Sendable, Equatable {
    /// Best first.
    public var servers: [ICEServer]
    /// When calls go through a TURN server.
    public var relay: RelayUse

    public init(servers: [ICEServer] = [], relay: RelayUse = .whenNeeded) {
        self.servers = servers
        self.relay = relay
    }

    var core: IceConfig {
        let servers = servers.map {
            IceServer(url: $0.url, username: $0.username, password: $0.password)
        }
        return IceConfig(servers: servers, relay: relay)
    }
}

/// A STUN or TURN server.
public struct ICEServer: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// `stun:HOST[:PORT]`, `turn:HOST[:PORT][?transport=udp|tcp]` or `turns:HOST[:PORT]`.
    public var url: String
    /// Who to be to a TURN server.
    public var username: String?
    /// The password that goes with it.
    public var password: String?

    public init(url: String, username: String? = nil, password: String? = nil) {
        self.url = url
        self.username = username
        self.password = password
    }

    /// Not for a log: it would name the server and give its password away.
    public var description: String { "ICEServer" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

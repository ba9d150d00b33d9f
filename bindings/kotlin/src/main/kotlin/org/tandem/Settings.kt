package org.tandem

import org.tandem.ffi.DirectSettings as FfiDirectSettings
import org.tandem.ffi.IceConfig as FfiIceConfig
import org.tandem.ffi.IceServer as FfiIceServer
import org.tandem.ffi.SipSettings as FfiSipSettings

/** What a SIP account needs besides its address and its password. Without any of it, it does what most servers want. */
data class SipSettings(
    /** `HOST` or `HOST:PORT` to sign in at, if it is not the server of the address. */
    val server: String? = null,
    /** Name to sign in with, if it is not the user part of the address. */
    val user: String? = null,
    /** Name shown to whom is called. */
    val displayName: String? = null,
    val transport: Transport = Transport.AUTOMATIC,
    /** `IP` or `IP:PORT` of this device to use, if it is not the one that leads to the server. */
    val localAddress: String? = null,
    val mediaSecurity: MediaSecurity = MediaSecurity.PREFERRED,
    val ice: IceConfig = IceConfig(),
)

/** STUN and TURN servers of an account's calls, best first, and what a far end may learn of this device's addresses. */
data class IceConfig(val servers: List<IceServer> = emptyList(), val relay: RelayUse = RelayUse.WHEN_NEEDED)

/**
 * A STUN or TURN server. [url] is `stun:HOST[:PORT]`, `turn:HOST[:PORT][?transport=udp|tcp]` or `turns:HOST[:PORT]`;
 * a TURN server wants [username] and [password].
 */
data class IceServer(val url: String, val username: String? = null, val password: String? = null) {
    /** Not for a log: it would name the server and give its password away. */
    override fun toString() = "IceServer"
}

/** How to reach a server; [TLS][org.tandem.ffi.Transport.TLS] is never left for anything in the clear. */
typealias Transport = org.tandem.ffi.Transport

/** What an account asks of the protection of its calls' sound. */
typealias MediaSecurity = org.tandem.ffi.MediaSecurity

/** When calls go through a TURN server. */
typealias RelayUse = org.tandem.ffi.RelayUse

internal fun SipSettings.ffi(address: String, password: String?) = FfiSipSettings(
    address, password, server, user, displayName, transport, localAddress, mediaSecurity, ice.ffi(),
)

internal fun directSettings(at: String, transport: Transport, security: MediaSecurity, ice: IceConfig) =
    FfiDirectSettings(at, transport, security, ice.ffi())

private fun IceConfig.ffi() = FfiIceConfig(servers.map { FfiIceServer(it.url, it.username, it.password) }, relay)

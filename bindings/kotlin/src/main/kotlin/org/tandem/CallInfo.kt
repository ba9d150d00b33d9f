package org.tandem

import java.time.Instant
import org.tandem.ffi.CallInfo as FfiCallInfo

/** A call as a screen shows it. */
data class CallInfo(
    val id: String,
    /** [Account.id] of the account it runs over. */
    val account: Long,
    /** The far end's address. */
    val peer: String,
    /** The name the far end gave itself. */
    val peerName: String?,
    val direction: CallDirection,
    val state: CallState,
    val started: Instant,
    /** When it was answered. */
    val accepted: Instant?,
    val encryption: Encryption,
    /** Once there is sound. */
    val codec: String?,
    val muted: Boolean,
    val quality: CallQuality,
)

typealias CallDirection = org.tandem.ffi.CallDirection
typealias CallQuality = org.tandem.ffi.CallQuality
typealias Encryption = org.tandem.ffi.Encryption

internal fun FfiCallInfo.idiomatic() = CallInfo(
    id, account.toLong(), peer, peerName, direction, state.idiomatic(), started, accepted, encryption, codec, muted,
    quality,
)

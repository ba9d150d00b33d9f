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
    /** A moment after the answer; `null` as well where it could prove nothing. */
    val safetyPhrase: SafetyPhrase?,
    /** What came of comparing it: [Call.verify]. */
    val trust: Trust,
    /** Once there is sound. */
    val codec: String?,
    val muted: Boolean,
    val quality: CallQuality,
)

/**
 * What two people read to each other to know that nobody sits between their phones: both show the same words, unless
 * somebody does.
 */
data class SafetyPhrase(
    /** Six English words, in the order to be read. */
    val words: List<String>,
    /** What stands behind each, 0–255: for an app that brings 256 words of another language. */
    val numbers: List<Int>,
) {
    override fun toString() = words.joinToString(" ")
}

typealias CallDirection = org.tandem.ffi.CallDirection
typealias CallQuality = org.tandem.ffi.CallQuality
typealias Encryption = org.tandem.ffi.Encryption

/** What came of comparing a call's [SafetyPhrase]. */
typealias Trust = org.tandem.ffi.Trust

internal fun FfiCallInfo.idiomatic() = CallInfo(
    id, account.toLong(), peer, peerName, direction, state.idiomatic(), started, accepted, encryption,
    safetyPhrase?.let { phrase -> SafetyPhrase(phrase.words, phrase.numbers.map { it.toInt() }) }, trust, codec, muted,
    quality,
)

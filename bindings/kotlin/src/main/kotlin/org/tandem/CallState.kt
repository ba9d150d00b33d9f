package org.tandem

import java.time.Instant
import org.tandem.ffi.CallState as FfiCallState

/** What a call is doing, as a screen shows it. */
sealed interface CallState {
    data object Dialing : CallState
    data object Ringing : CallState

    /** The far end's network speaks before anybody answers. */
    data object EarlyMedia : CallState
    data object Incoming : CallState

    /** Answered; sound is on its way. */
    data object Connecting : CallState
    data class Active(val since: Instant) : CallState
    data class Held(val since: Instant, val by: HoldState) : CallState
    data class Reconnecting(val since: Instant) : CallState
    data object Ending : CallState
    data class Ended(val reason: EndReason) : CallState
}

typealias EndReason = org.tandem.ffi.EndReason
typealias HoldState = org.tandem.ffi.HoldState
typealias RejectReason = org.tandem.ffi.RejectReason

internal fun FfiCallState.idiomatic(): CallState = when (this) {
    is FfiCallState.Dialing -> CallState.Dialing
    is FfiCallState.Ringing -> CallState.Ringing
    is FfiCallState.EarlyMedia -> CallState.EarlyMedia
    is FfiCallState.Incoming -> CallState.Incoming
    is FfiCallState.Connecting -> CallState.Connecting
    is FfiCallState.Active -> CallState.Active(since)
    is FfiCallState.Held -> CallState.Held(since, by)
    is FfiCallState.Reconnecting -> CallState.Reconnecting(since)
    is FfiCallState.Ending -> CallState.Ending
    is FfiCallState.Ended -> CallState.Ended(reason)
}

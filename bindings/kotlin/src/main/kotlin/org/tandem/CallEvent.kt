package org.tandem

import java.time.Duration
import org.tandem.ffi.CallEvent as FfiCallEvent

/** Something that happened in a call and is over already. */
sealed interface CallEvent {
    /** The first sound arrived, so long after the answer. */
    data class FirstAudio(val afterAccept: Duration) : CallEvent

    /** The far end pressed a key. */
    data class KeyReceived(val key: Char) : CallEvent

    /** A key of this side was played to its end. */
    data class KeySent(val key: Char) : CallEvent
    data object HoldRefused : CallEvent
    data object ResumeRefused : CallEvent

    /** The file of [AudioPath.File] was sent to its end. */
    data object Played : CallEvent

    /** Once a second; levels in dBov, 0 is loudest and −127 silence. */
    data class Stats(val quality: CallQuality, val levelIn: Float, val levelOut: Float) : CallEvent

    /** The reader was too slow: this many events are gone. */
    data class Lagged(val missed: Long) : CallEvent
}

internal fun FfiCallEvent.idiomatic(): CallEvent? = when (this) {
    is FfiCallEvent.FirstAudio -> CallEvent.FirstAudio(afterAccept)
    is FfiCallEvent.KeyReceived -> key.firstOrNull()?.let(CallEvent::KeyReceived)
    is FfiCallEvent.KeySent -> key.firstOrNull()?.let(CallEvent::KeySent)
    is FfiCallEvent.HoldRefused -> CallEvent.HoldRefused
    is FfiCallEvent.ResumeRefused -> CallEvent.ResumeRefused
    is FfiCallEvent.Played -> CallEvent.Played
    is FfiCallEvent.Stats -> CallEvent.Stats(quality, levelIn, levelOut)
}

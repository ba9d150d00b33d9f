package org.tandem

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.mapNotNull
import kotlinx.coroutines.flow.onEmpty
import org.tandem.ffi.CallEventUpdate
import org.tandem.ffi.CallUpdate
import org.tandem.ffi.Call as FfiCall

/** A call. Letting go of it does not end it: [hangUp] does. What is asked is done even if the caller is cancelled. */
class Call internal constructor(private val core: Core, private val platform: Platform, first: CallInfo) {
    @Volatile private var last = first

    /** The same on every screen and in the history. */
    val id: String = first.id

    /** As it is now, or was when the core forgot it. */
    val info: CallInfo
        get() {
            core.look { it.call(id)?.use { call -> call.info() } }?.let { last = it.idiomatic() }
            return last
        }

    /** [info], whenever anything in it changes; ends with the call. */
    val infos: LiveFlow<CallInfo> = LiveFlow(
        core.updates({ it.call(id)?.use { call -> call.updates() } }, { it.next() }).mapNotNull { update ->
            when (update) {
                is CallUpdate.State -> update.call.idiomatic().also { last = it }
                is CallUpdate.Lagged -> null // the next one is the present state
            }
        }.onEmpty { emit(last) }, // the core has forgotten it
        { info },
    )

    /** What it is doing; [CallState.Ended] comes last. */
    val state: LiveFlow<CallState> = LiveFlow(infos.mapNotNull { it.state }, { info.state })

    /** What the two can read to each other; `null` until it is there. The next step is [verify]. */
    val safetyPhrase: LiveFlow<SafetyPhrase?> = LiveFlow(infos.map { it.safetyPhrase }, { info.safetyPhrase })

    /** What happens in it from now on; ends with it. */
    val events: Flow<CallEvent> =
        core.updates({ it.call(id)?.use { call -> call.events() } }, { it.next() }).mapNotNull { update ->
            when (update) {
                is CallEventUpdate.Event -> update.event.idiomatic()
                is CallEventUpdate.Lagged -> CallEvent.Lagged(update.missed.toLong())
            }
        }

    /** Takes an incoming call. */
    suspend fun answer(audio: AudioPath = platform.audio) = ask { it.answer(audio.ffi()) }

    /** Refuses an incoming call. */
    suspend fun reject(reason: RejectReason = RejectReason.DECLINED) = ask { it.reject(reason) }

    /** Ends it, whatever it is doing. */
    suspend fun hangUp() = ask { it.hangUp() }

    /**
     * Puts the far end on hold: the sound stops at once; back when the far end agreed.
     *
     * @throws CallException.Refused the far end would not
     * @throws CallException.NotNow it was not answered, is on hold already, or ended meanwhile
     */
    suspend fun hold() = ask { it.hold() }

    /**
     * Ends this side's hold; back when the far end agreed.
     *
     * @throws CallException.Refused the far end would not
     * @throws CallException.NotNow this side does not hold it, or it ended meanwhile
     */
    suspend fun resume() = ask { it.resume() }

    /** Turns the microphone off, or on again. */
    suspend fun mute(muted: Boolean) = ask { it.mute(muted) }

    /**
     * The two have read the [safetyPhrase] to each other: [matches] says whether the words were the same. The history
     * keeps it; it may be said again.
     *
     * @throws CallException.NotNow there is no phrase
     */
    suspend fun verify(matches: Boolean) = ask { it.verify(matches) }

    /**
     * Plays keys to the far end: `0`–`9`, `*`, `#`, `A`–`D`; back when the last one was played. They are heard also while
     * this side holds, or is muted; if the far end begins to hold, they wait.
     *
     * @throws CallException.InvalidKeys no telephone has such keys
     * @throws CallException.NotNow the far end holds or takes no keys, or the call ended before the last
     */
    suspend fun sendDtmf(keys: String) = ask { it.sendDtmf(keys) }

    private suspend fun ask(command: suspend (FfiCall) -> Unit) = core.ask(Area.CALL) { core ->
        (core.call(id) ?: throw CallException.Unknown()).use { command(it) }
    }
}

package org.tandem

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.mapNotNull
import org.tandem.ffi.IncomingCall
import org.tandem.ffi.Call as FfiCall

/** Calls, whatever carries them. */
class Calls internal constructor(private val core: Core, private val platform: Platform) {
    /** Every call that rings here, once, beginning with those that ring now. */
    val incoming: Flow<Call> = core.updates({ it.incomingCalls() }, { it.next() }).mapNotNull { update ->
        when (update) {
            is IncomingCall.Call -> update.call.known()
            is IncomingCall.Lagged -> null // those that ring come again
        }
    }

    /** Every call that has not ended, oldest first. */
    val now: List<CallInfo> get() = core.look { it.calls() }.orEmpty().map { it.idiomatic() }

    /**
     * Calls [target]: an address, or a user at the account's server. Without [from] it takes the account that
     * can. If the caller is cancelled before it has the call, the call is hung up.
     *
     * @throws CallException no account, no sound, no such address
     */
    suspend fun place(target: String, from: Account? = null, audio: AudioPath = platform.audio): Call =
        core.ask(Area.CALL) { core ->
            val account = from?.let { core.account(it.id.toULong()) ?: throw CallException.NoAccount("there is no such account") }
            account.use { core.placeCall(target, audio.ffi(), it, null) }.known() ?: throw CallException.Unknown()
        }

    /** The call with this id: while it is up, and some time after. */
    operator fun get(id: String): Call? = core.look { it.call(id)?.known() }

    private fun FfiCall.known(): Call? = use { it.info() }?.let { Call(core, platform, it.idiomatic()) }
}

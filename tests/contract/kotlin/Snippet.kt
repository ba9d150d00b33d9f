package org.tandem.contract

import java.io.File
import org.tandem.Call
import org.tandem.CallState
import org.tandem.DesktopPlatform
import org.tandem.EndReason
import org.tandem.Platform
import org.tandem.Tandem
import java.time.Instant

/**
 * The Kotlin snippet of the design (§6), as far as accounts, calls and history go: its lines as written, less
 * XMPP, contacts, conversations and video. Only what stands around them is ours.
 */
abstract class Snippet {
    abstract val filesDir: File
    abstract val context: File
    abstract val bob: String
    abstract val password: String
    abstract fun ring(call: Call)
    abstract fun showRinging()
    abstract fun showTimer(since: Instant)
    abstract fun showWhy(reason: EndReason)
    abstract fun showProgress(state: CallState)

    fun opens(): Tandem {
        val tandem = Tandem.open(filesDir, AndroidPlatform(context))             // cheap; nothing runs yet
        return tandem
    }

    suspend fun starts(tandem: Tandem) {
        tandem.start()
    }

    suspend fun signsIn(tandem: Tandem) {
        tandem.accounts.addSip("sip:1001@pbx.example.org", password)
    }

    suspend fun rings(tandem: Tandem) {
        tandem.calls.incoming.collect { call -> ring(call) }                     // Flow<Call>
    }

    suspend fun calls(tandem: Tandem, meanwhile: suspend (Call) -> Unit) {
        val call = tandem.calls.place(bob)                                       // picks the path; one call whatever carries it
        meanwhile(call)
        call.state.collect { state -> when (state) {
            is CallState.Ringing -> showRinging()
            is CallState.Active  -> showTimer(state.since)
            is CallState.Ended   -> showWhy(state.reason)                        // Busy, Declined, NoAnswer, AnsweredElsewhere, NetworkLost …
            else -> showProgress(state) } }
    }

    suspend fun controls(call: Call) {
        call.mute(true); call.hold(); call.sendDtmf("42#"); call.hangUp()
    }
}

/** Android's comes with the app; here a folder stands for its context. */
class AndroidPlatform(context: File) : Platform by DesktopPlatform(context, org.tandem.AudioPath.Silent)

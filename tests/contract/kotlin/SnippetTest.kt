package org.tandem.contract

import java.io.File
import java.time.Instant
import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.Call
import org.tandem.CallEvent
import org.tandem.CallState
import org.tandem.EndReason

class SnippetTest {
    private class Screen(override val bob: String) : Snippet() {
        override val filesDir: File = newFolder("snippet")
        override val context = File(filesDir, "secrets")
        override val password = "password"
        val shown = CopyOnWriteArrayList<String>()
        override fun ring(call: Call) { shown += "ring" }
        override fun showRinging() { shown += "ringing" }
        override fun showTimer(since: Instant) { shown += "timer" }
        override fun showWhy(reason: EndReason) { shown += "why $reason" }
        override fun showProgress(state: CallState) { shown += "progress" }
    }

    /** It compiles, or this file would not; and it does what its reader expects. */
    @Test
    fun snippet_compiles() = contract {
        val bob = directPhone()
        val screen = Screen(bob.address)
        val tandem = screen.opens()
        phones += Phone(tandem, screen.filesDir)
        screen.starts(tandem)
        val here = tandem.accounts.addDirect("127.0.0.1")
        val ringing = launch(start = CoroutineStart.UNDISPATCHED) { screen.rings(tandem) }

        val answering = launch {
            bob.tandem.calls.incoming.collect { call ->
                call.answer()
                call.active()
                eventually("the timer is shown") { "timer" in screen.shown }
                call.hangUp()
            }
        }
        screen.calls(tandem) {}
        assertEquals("why REMOTE_HANG_UP", screen.shown.last())
        assertTrue("timer" in screen.shown, "${screen.shown}")
        answering.cancelAndJoin()

        val called = bob.tandem.calls.place(here.info?.address.orEmpty())
        eventually("it rings") { "ring" in screen.shown }
        called.hangUp()
        called.endReason()
        ringing.cancelAndJoin()

        val talk = talk(Phone(tandem, screen.filesDir), bob)
        val keys = async {
            talk.to.events.filterIsInstance<CallEvent.KeyReceived>().take(3).toList().map { it.key }.joinToString("")
        }
        delay(100)
        screen.controls(talk.from)
        assertEquals("42#", keys.await())
        assertEquals(EndReason.LOCAL_HANG_UP, talk.from.endReason())
    }
}

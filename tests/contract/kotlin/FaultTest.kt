package org.tandem.contract

import java.util.concurrent.CopyOnWriteArrayList
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.CallException
import org.tandem.CallState
import org.tandem.EndReason
import org.tandem.LogLevel
import org.tandem.Obstacle
import org.tandem.Stage
import org.tandem.Tandem

class FaultTest {
    @Test
    fun panic_ends_one_call() = contract {
        val talk = talking()
        val other = talk(directPhone(), talk.alice)
        val lines = CopyOnWriteArrayList<String>()
        Tandem.forwardLog(LogLevel.ERROR) { lines += it.message }
        // What a library built with --features fault takes for the wish to panic.
        val over = thrown<CallException.NotNow> { talk.from.sendDtmf("ABCDABCD") }
        assertEquals(Obstacle.OVER, over.obstacle)
        eventually("what the panic said is in the log") { lines.any { "a fault on demand" in it } }
        Tandem.forwardLog(LogLevel.ERROR) {}
        assertEquals(EndReason.INTERNAL_ERROR, talk.from.endReason())
        assertEquals(EndReason.REMOTE_HANG_UP, talk.to.endReason())
        assertEquals(Stage.RUNNING, talk.alice.tandem.stage())
        assertTrue(other.to.state.value is CallState.Active, "${other.to.state.value}")
        other.to.mute(true)
        assertTrue(other.to.info.muted)
        talk(talk.alice, talk.bob).from.hangUp()
    }
}

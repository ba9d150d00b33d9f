package org.tandem.contract

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.CallState
import org.tandem.EndReason
import org.tandem.Stage

class FaultTest {
    @Test
    fun panic_ends_one_call() = contract {
        val talk = talking()
        val other = talk(directPhone(), talk.alice)
        // What a library built with --features fault takes for the wish to panic.
        talk.from.sendDtmf("ABCDABCD")
        assertEquals(EndReason.INTERNAL_ERROR, talk.from.endReason())
        assertEquals(EndReason.REMOTE_HANG_UP, talk.to.endReason())
        assertEquals(Stage.RUNNING, talk.alice.tandem.stage())
        assertTrue(other.to.state.value is CallState.Active, "${other.to.state.value}")
        other.to.mute(true)
        assertTrue(other.to.info.muted)
        talk(talk.alice, talk.bob).from.hangUp()
    }
}

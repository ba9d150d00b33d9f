package org.tandem.contract

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.onEach
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.CallEvent
import org.tandem.Options

class SlowReaderTest {
    @Test
    fun slow_reader_lagged() = contract {
        val talk = talking(Options(eventBacklog = 8))
        val (busy, goOn) = CompletableDeferred<Unit>() to CompletableDeferred<Unit>()
        // Each is held up at its first item while more happens than it may be behind.
        val told = async {
            talk.from.events.onEach { busy.complete(Unit); goOn.await() }.first { it is CallEvent.Lagged }
        }
        val (begun, last) = CompletableDeferred<Unit>() to CompletableDeferred<Unit>()
        val present = async {
            talk.from.infos.onEach { begun.complete(Unit); last.await() }.first { it.muted }
        }
        busy.await() // the first sound, or the first second's statistics
        begun.await()
        repeat(20) { talk.from.mute(it % 2 == 0) }
        talk.from.mute(true)
        goOn.complete(Unit)
        last.complete(Unit)
        val lagged = told.await() as CallEvent.Lagged
        assertTrue(lagged.missed > 0, "$lagged")
        assertTrue(present.await().muted && talk.from.info.muted)
    }
}

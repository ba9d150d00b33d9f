package org.tandem.contract

import java.io.File
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.AudioPath
import org.tandem.DesktopPlatform
import org.tandem.EndReason
import org.tandem.Stage
import org.tandem.Tandem
import org.tandem.TandemException

class LifecycleTest {
    @Test
    fun lifecycle() = contract {
        val bob = directPhone()
        val folder = newFolder("phone")
        val tandem = Tandem.open(folder, DesktopPlatform(File(folder, "secrets"), AudioPath.Silent))
        phones += Phone(tandem, folder)
        assertEquals(Stage.NEW, tandem.stage())
        val early = async { tandem.calls.incoming.first() }
        assertEquals(Stage.NEW, thrown<TandemException.NotRunning> { tandem.accounts.addDirect("127.0.0.1") }.stage)
        assertEquals(Stage.NEW, thrown<TandemException.NotRunning> { tandem.suspend() }.stage)
        tandem.start()
        tandem.start()
        assertEquals(Stage.RUNNING, tandem.stage())
        val account = tandem.accounts.addDirect("127.0.0.1")

        tandem.suspend()
        assertEquals(Stage.SUSPENDED, tandem.stage())
        assertEquals(Stage.SUSPENDED, thrown<TandemException.NotRunning> { tandem.calls.place(bob.address) }.stage)
        tandem.resume()
        assertEquals(listOf(account.id), tandem.accounts.all.value.map { it.id })

        val call = bob.tandem.calls.place(account.info?.address.orEmpty())
        assertEquals(call.info.peer, account.info?.address)
        val ringing = early.await() // the flow from before the start
        call.hangUp()
        assertEquals(EndReason.CANCELLED, ringing.endReason())
    }

    @Test
    fun use_after_close() = contract {
        val talk = talking()
        val tandem = talk.alice.tandem
        val account = checkNotNull(talk.alice.account)
        val states = async { talk.from.state.toList() }
        val incoming = async { tandem.calls.incoming.toList() }
        val changes = async { tandem.history.changes.toList() }
        talk.from.active()
        tandem.shutdown()
        tandem.shutdown()
        tandem.close()

        withTimeout(5.seconds) {
            states.await()
            incoming.await()
            assertTrue(changes.await().isNotEmpty())
        }
        assertEquals(EndReason.REMOTE_HANG_UP, talk.to.endReason())
        val problems = listOf(
            thrown<TandemException.NotRunning> { tandem.start() },
            thrown<TandemException.NotRunning> { tandem.suspend() },
            thrown<TandemException.NotRunning> { tandem.calls.place(talk.bob.address) },
            thrown<TandemException.NotRunning> { tandem.accounts.addSip("alice@example.org") },
            thrown<TandemException.NotRunning> { tandem.history.page() },
            thrown<TandemException.NotRunning> { talk.from.hangUp() },
            thrown<TandemException.NotRunning> { account.remove() },
        )
        assertTrue(problems.all { it.stage == Stage.ENDED && it.message == "the core has been shut down" }, "$problems")
        assertEquals(Stage.ENDED, tandem.stage())
        assertNull(account.info)
        assertEquals(talk.from.id, talk.from.info.id)
        assertEquals(1, talk.from.state.toList().size)
        assertEquals(emptyList<Any>(), tandem.accounts.all.value)
        assertEquals(emptyList<Any>(), tandem.calls.now)
        assertEquals(emptyList<Any>(), tandem.calls.incoming.toList())
    }
}

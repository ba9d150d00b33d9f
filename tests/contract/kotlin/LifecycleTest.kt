package org.tandem.contract

import java.io.File
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.AccountException
import org.tandem.AccountState
import org.tandem.AudioPath
import org.tandem.CallException
import org.tandem.CallState
import org.tandem.DesktopPlatform
import org.tandem.EndReason
import org.tandem.HistoryException
import org.tandem.LifecycleException
import org.tandem.SipSettings
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
        assertEquals(Stage.NEW, thrown<AccountException.NotRunning> { tandem.accounts.addDirect("127.0.0.1") }.stage)
        assertEquals(Stage.NEW, thrown<LifecycleException.NotRunning> { tandem.suspend() }.stage)
        tandem.start()
        tandem.start()
        assertEquals(Stage.RUNNING, tandem.stage())
        val account = tandem.accounts.addDirect("127.0.0.1")
        assertEquals(AccountState.Listening, account.state.value)

        tandem.suspend()
        assertEquals(Stage.SUSPENDED, tandem.stage())
        assertEquals(AccountState.Offline, account.state.value)
        assertEquals(Stage.SUSPENDED, thrown<LifecycleException.NotRunning> { tandem.start() }.stage)
        assertEquals(Stage.SUSPENDED, thrown<CallException.NotRunning> { tandem.calls.place(bob.address) }.stage)
        tandem.resume()
        assertEquals(listOf(account.id), tandem.accounts.all.value.map { it.id })
        assertEquals(AccountState.Listening, account.state.value)

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
        val problems = listOf<TandemException>(
            thrown<LifecycleException.NotRunning> { tandem.start() },
            thrown<LifecycleException.NotRunning> { tandem.suspend() },
            thrown<CallException.NotRunning> { tandem.calls.place(talk.bob.address) },
            thrown<AccountException.NotRunning> { tandem.accounts.addSip("alice@example.org") },
            thrown<HistoryException.NotRunning> { tandem.history.page() },
            thrown<CallException.NotRunning> { talk.from.hangUp() },
            thrown<AccountException.NotRunning> { account.remove() },
        )
        assertTrue(problems.all { it.message == "the core has been shut down" }, "$problems")
        assertEquals(Stage.ENDED, thrown<LifecycleException.NotRunning> { tandem.start() }.stage)
        assertEquals(Stage.ENDED, tandem.stage())
        assertNull(account.info)
        assertEquals(talk.from.id, talk.from.info.id)
        // Only a call still has something to tell: how it ended.
        assertEquals(listOf(CallState.Ended(EndReason.LOCAL_HANG_UP)), talk.from.state.toList())
        assertEquals(emptyList<Any>(), tandem.history.changes.toList())
        assertEquals(emptyList<Any>(), tandem.accounts.all.value)
        assertEquals(emptyList<Any>(), tandem.calls.now)
        assertEquals(emptyList<Any>(), tandem.calls.incoming.toList())
    }

    /** An account without a server can be called whenever the core is awake, and says so. */
    @Test
    fun direct_account_listens() = contract {
        val (alice, bob) = directPhone() to directPhone()
        assertEquals(AccountState.Listening, alice.account?.info?.state)
        alice.tandem.suspend()
        assertEquals(AccountState.Offline, alice.account?.info?.state)
        alice.tandem.resume()
        assertEquals(AccountState.Listening, alice.account?.info?.state)
        val call = bob.tandem.calls.place(alice.address)
        alice.tandem.calls.incoming.first()
        call.hangUp()
    }

    /** What is under way when the core stops says so, and leaves nothing behind. */
    @Test
    fun stop_while_signing_in() = contract {
        val alice = newPhone()
        StatusServer(status = null).use { silent ->
            for (stage in listOf(Stage.SUSPENDED, Stage.ENDED)) {
                val adding = async(Dispatchers.Default) {
                    thrown<AccountException.NotRunning> {
                        alice.tandem.accounts.addSip("alice@example.org", "password", SipSettings(server = silent.address))
                    }
                }
                eventually("it tries") { alice.tandem.accounts.all.value.isNotEmpty() }
                if (stage == Stage.SUSPENDED) alice.tandem.suspend() else alice.tandem.shutdown()
                assertEquals(stage, withTimeout(10.seconds) { adding.await() }.stage)
                assertEquals(emptyList<Any>(), alice.tandem.accounts.all.value)
                if (stage == Stage.SUSPENDED) alice.tandem.resume()
            }
        }
    }
}

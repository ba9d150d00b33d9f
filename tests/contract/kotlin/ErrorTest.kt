package org.tandem.contract

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assertions.fail
import org.junit.jupiter.api.Test
import org.tandem.AccountException
import org.tandem.AudioPath
import org.tandem.CallException
import org.tandem.DesktopPlatform
import org.tandem.HistoryException
import org.tandem.Obstacle
import org.tandem.SoundProblem
import org.tandem.Stage
import org.tandem.StorageProblem
import org.tandem.Tandem
import org.tandem.TandemException

/** What [body] throws, which is an [E]. */
inline fun <reified E : Throwable> thrown(body: () -> Unit): E {
    try {
        body()
    } catch (problem: Throwable) {
        return problem as? E ?: throw problem
    }
    return fail("nothing was thrown, not ${E::class.java.simpleName}")
}

class ErrorTest {
    @Test
    fun error_wrong_password() = contract {
        val registrar = registrar("alice" to "apple pie")
        val alice = newPhone()
        val problem = thrown<AccountException.NotAuthorised> {
            alice.tandem.accounts.addSip("alice@${Registrar.DOMAIN}", "cherry cake", server = registrar.address)
        }
        assertEquals("the name or password was not accepted", problem.message)
        assertTrue("cherry" !in problem.stackTraceToString() && "alice" !in problem.stackTraceToString())
        assertEquals(emptyList<Any>(), alice.tandem.accounts.all.value)
        alice.tandem.accounts.addSip("alice@${Registrar.DOMAIN}", "apple pie", server = registrar.address)
    }

    @Test
    fun error_fields() = contract {
        val (alice, bob) = directPhone() to directPhone()
        val tandem = alice.tandem

        StatusServer(603).use { server ->
            val refused = thrown<AccountException.Refused> {
                tandem.accounts.addSip("a@example.org", server = server.address)
            }
            assertEquals(603, refused.status)
            assertTrue("603" in refused.message.orEmpty(), refused.message)
        }
        thrown<AccountException.InvalidAddress> { tandem.accounts.addSip("no address", server = "127.0.0.1") }
        thrown<AccountException.InvalidLocalAddress> { tandem.accounts.addDirect("here") }
        thrown<AccountException.Exists> { tandem.accounts.addDirect("127.0.0.1") }

        thrown<CallException.InvalidTarget> { tandem.calls.place("not an address") }
        val unplayable = thrown<CallException.NoSound> {
            tandem.calls.place(bob.address, audio = AudioPath.File(play = File("/nowhere.wav")))
        }
        assertEquals(SoundProblem.FILE_NOT_PLAYABLE, unplayable.problem)
        val call = tandem.calls.place(bob.address)
        val early = thrown<CallException.NotNow> { call.hold() }
        assertEquals(Obstacle.NOT_ANSWERED, early.obstacle)
        assertEquals("the call was not answered yet", early.message)
        assertEquals(64, thrown<CallException.InvalidKeys> { call.sendDtmf("hello") }.limit)
        assertEquals("a call is up", thrown<TandemException.CallUp> { tandem.suspend() }.message)
        call.hangUp()
        call.endReason()
        thrown<CallException.Unknown> { call.hangUp() }

        thrown<HistoryException.InvalidPlace> { tandem.history.page(before = "page 2") }
        val second = Tandem.open(alice.folder, DesktopPlatform(File(alice.folder, "secrets")))
        assertEquals(StorageProblem.IN_USE, thrown<TandemException.Storage> { second.start() }.problem)
        assertEquals(Stage.NEW, thrown<TandemException.NotRunning> { second.history.page() }.stage)
        second.shutdown()
    }
}

package org.tandem.contract

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assertions.fail
import org.junit.jupiter.api.Test
import org.tandem.AccountException
import org.tandem.Area
import org.tandem.AudioPath
import org.tandem.CallException
import org.tandem.DesktopPlatform
import org.tandem.HistoryException
import org.tandem.IceServerProblem
import org.tandem.LifecycleException
import org.tandem.Obstacle
import org.tandem.SipSettings
import org.tandem.SoundProblem
import org.tandem.Stage
import org.tandem.StorageProblem
import org.tandem.Tandem
import org.tandem.TlsProblem
import org.tandem.ffi.InternalException
import org.tandem.translated
import org.tandem.ffi.AccountException as FfiAccount
import org.tandem.ffi.CallException as FfiCall
import org.tandem.ffi.HistoryException as FfiHistory
import org.tandem.ffi.LifecycleException as FfiLifecycle

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
            alice.tandem.accounts.addSip("alice@${Registrar.DOMAIN}", "cherry cake", SipSettings(server = registrar.address))
        }
        assertEquals("the name or password was not accepted", problem.message)
        assertTrue("cherry" !in problem.stackTraceToString() && "alice" !in problem.stackTraceToString())
        assertEquals(emptyList<Any>(), alice.tandem.accounts.all.value)
        alice.tandem.accounts.addSip("alice@${Registrar.DOMAIN}", "apple pie", SipSettings(server = registrar.address))
    }

    /** Every case of every error says something a person can read, and is of its area's class. */
    @Test
    fun error_texts() {
        val account = listOf(
            FfiAccount.InvalidAddress(), FfiAccount.InvalidServer(), FfiAccount.InvalidLocalAddress(), FfiAccount.Exists(),
            FfiAccount.InvalidIceServer(0u, IceServerProblem.HOST), FfiAccount.Insecure(TlsProblem.EXPIRED),
            FfiAccount.Unknown(), FfiAccount.NotAuthorised(), FfiAccount.Refused(603u), FfiAccount.Unreachable(),
            FfiAccount.ConnectionRefused(),
            FfiAccount.ServerFailed(503u), FfiAccount.Cancelled(), FfiAccount.NotRunning(Stage.SUSPENDED),
            FfiAccount.Storage(StorageProblem.DISK_FULL), FfiAccount.Internal(),
        )
        val call = listOf(
            FfiCall.InvalidTarget(), FfiCall.InvalidKeys(64u), FfiCall.NoAccount(), FfiCall.TooManyCalls(),
            FfiCall.Unknown(), FfiCall.NotNow(Obstacle.ON_HOLD), FfiCall.Refused(), FfiCall.Cancelled(),
            FfiCall.NoSound(SoundProblem.NO_MICROPHONE), FfiCall.NotRunning(Stage.NEW), FfiCall.Internal(),
        )
        val history = listOf(
            FfiHistory.InvalidPlace(), FfiHistory.NotRunning(Stage.ENDED), FfiHistory.Storage(StorageProblem.DAMAGED),
            FfiHistory.Internal(),
        )
        val lifecycle = listOf(
            FfiLifecycle.NotRunning(Stage.ENDED), FfiLifecycle.CallUp(), FfiLifecycle.Storage(StorageProblem.IN_USE),
            FfiLifecycle.Secrets("locked"), FfiLifecycle.Internal(),
        )
        for (error in account + call + history + lifecycle) {
            val told = error.translated(Area.CALL)
            assertEquals(error.javaClass.simpleName, told.javaClass.simpleName)
            assertEquals(error.javaClass.enclosingClass.simpleName, told.javaClass.enclosingClass.simpleName)
            val text = told.message.orEmpty()
            assertTrue(" " in text && (text.first().isLowerCase() || text.startsWith("STUN")) && "=" !in text && "Exception" !in text, text)
        }
        assertEquals("the server refused the account (603)", FfiAccount.Refused(603u).translated(Area.CALL).message)
        assertTrue(InternalException("anything").translated(Area.HISTORY) is HistoryException.Internal)
        assertTrue(IllegalStateException("closed").translated(Area.ACCOUNT) is AccountException.NotRunning)
    }

    @Test
    fun error_fields() = contract {
        val (alice, bob) = directPhone() to directPhone()
        val tandem = alice.tandem

        StatusServer(603).use { server ->
            val refused = thrown<AccountException.Refused> {
                tandem.accounts.addSip("a@example.org", settings = SipSettings(server = server.address))
            }
            assertEquals(603, refused.status)
            assertTrue("603" in refused.message.orEmpty(), refused.message)
        }
        for (nobody in listOf("no address", "nobody", "")) {
            thrown<AccountException.InvalidAddress> { tandem.accounts.addSip(nobody, settings = SipSettings(server = "127.0.0.1")) }
            thrown<AccountException.InvalidAddress> { tandem.accounts.addSip(nobody) }
        }
        thrown<AccountException.InvalidServer> { tandem.accounts.addSip("a@example.org", settings = SipSettings(server = "not a host")) }
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
        assertEquals("a call is up", thrown<LifecycleException.CallUp> { tandem.suspend() }.message)
        call.hangUp()
        call.endReason()
        thrown<CallException.Unknown> { call.hangUp() }

        thrown<HistoryException.InvalidPlace> { tandem.history.page(before = "page 2") }
        val second = Tandem.open(alice.folder, DesktopPlatform(File(alice.folder, "secrets")))
        assertEquals(StorageProblem.IN_USE, thrown<LifecycleException.Storage> { second.start() }.problem)
        assertEquals(Stage.NEW, thrown<HistoryException.NotRunning> { second.history.page() }.stage)
        second.shutdown()
    }
}

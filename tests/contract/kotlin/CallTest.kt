package org.tandem.contract

import java.time.Duration
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.delay
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.AccountState
import org.tandem.Call
import org.tandem.CallDirection
import org.tandem.CallEvent
import org.tandem.CallException
import org.tandem.CallState
import org.tandem.EndReason
import org.tandem.HoldState
import org.tandem.Obstacle
import org.tandem.RejectReason
import org.tandem.SipSettings

class CallTest {
    @Test
    fun call_direct() = contract {
        val (alice, bob) = directPhone() to directPhone()
        val from = alice.tandem.calls.place(bob.address)
        val states = async { from.state.toList() }
        val to = bob.tandem.calls.incoming.first()
        assertEquals(CallState.Incoming, to.state.value)
        assertEquals(alice.address, to.info.peer)
        assertEquals(CallDirection.INCOMING, to.info.direction)
        from.state.first { it is CallState.Ringing }
        to.answer()
        from.active()
        to.active()
        assertEquals(listOf(from.id), alice.tandem.calls.now.map { it.id })
        from.hangUp()
        assertEquals(EndReason.REMOTE_HANG_UP, to.endReason())
        // The flow ends by itself, and its last state is the end.
        val seen = states.await()
        assertEquals(CallState.Ended(EndReason.LOCAL_HANG_UP), seen.last())
        assertTrue(seen.any { it is CallState.Ringing } && seen.any { it is CallState.Active }, "$seen")
        assertEquals(listOf(seen.last()), from.state.toList())
        eventually("no call is left") { alice.tandem.calls.now.isEmpty() && bob.tandem.calls.now.isEmpty() }
    }

    @Test
    fun call_registrar() = contract {
        val registrar = registrar("alice" to "apple pie", "bob" to "blueberry")
        val (alice, bob) = newPhone() to newPhone()
        val domain = Registrar.DOMAIN
        alice.account = alice.tandem.accounts.addSip("sip:alice@$domain", "apple pie", SipSettings(server = registrar.address))
        bob.account = bob.tandem.accounts.addSip("sip:bob@$domain", "blueberry", SipSettings(server = registrar.address))
        val online = bob.account?.state?.value
        assertTrue(online is AccountState.Online && online.expires > Duration.ZERO, "$online")
        assertEquals(listOf(bob.account?.info), bob.tandem.accounts.all.value)
        val from = alice.tandem.calls.place("bob@$domain", from = alice.account)
        val to = bob.tandem.calls.incoming.first()
        assertTrue("alice@$domain" in to.info.peer, to.info.peer)
        assertEquals(bob.account?.id, to.info.account)
        to.answer()
        from.active()
        to.active()
        to.hangUp()
        assertEquals(EndReason.REMOTE_HANG_UP, from.endReason())
        bob.account?.remove()
        assertEquals(emptyList<Any>(), bob.tandem.accounts.all.value)
    }

    @Test
    fun call_controls() = contract {
        val talk = talking()
        talk.from.mute(true)
        assertTrue(talk.from.info.muted)
        talk.from.mute(false)
        talk.from.hold()
        assertEquals(HoldState.LOCAL, (talk.from.state.value as CallState.Held).by)
        val heldThere = talk.to.state.first { it is CallState.Held } as CallState.Held
        assertEquals(HoldState.REMOTE, heldThere.by)
        talk.from.resume()
        assertTrue(talk.from.state.value is CallState.Active, "${talk.from.state.value}")
        talk.to.active()
        val keys = async { talk.to.heard(3) }
        delay(100)
        talk.from.sendDtmf("42#")
        assertEquals("42#", keys.await())
    }

    /** `call.mute(true); call.hold(); call.sendDtmf("42#")`, at once: the hold is agreed, and the keys are heard. */
    @Test
    fun hold_then_keys() = contract {
        val talk = talking()
        val keys = async { talk.to.heard(3) }
        delay(100)
        talk.from.mute(true)
        talk.from.hold()
        assertEquals(HoldState.LOCAL, (talk.from.state.value as CallState.Held).by)
        assertEquals(Obstacle.ALREADY_HELD, thrown<CallException.NotNow> { talk.from.hold() }.obstacle)
        talk.from.sendDtmf("42#")
        assertEquals("42#", keys.await())
        // Whoever is held cannot be heard, and hears that it is so.
        talk.to.state.first { it is CallState.Held }
        assertEquals(Obstacle.ON_HOLD, thrown<CallException.NotNow> { talk.to.sendDtmf("1") }.obstacle)
        talk.to.hold()
        assertEquals(HoldState.BOTH, (talk.to.state.value as CallState.Held).by)
        talk.from.hangUp()
        assertEquals(EndReason.LOCAL_HANG_UP, talk.from.endReason())
    }

    private suspend fun Call.heard(count: Int): String =
        events.filterIsInstance<CallEvent.KeyReceived>().take(count).toList().map { it.key }.joinToString("")

    @Test
    fun call_rejected() = contract {
        val (alice, bob) = directPhone() to directPhone()
        val wanted = listOf(RejectReason.BUSY to EndReason.BUSY, RejectReason.DECLINED to EndReason.DECLINED)
        for ((reason, end) in wanted) {
            val call = alice.tandem.calls.place(bob.address)
            bob.tandem.calls.incoming.first().reject(reason)
            assertEquals(end, call.endReason())
            eventually("it stops ringing") { bob.tandem.calls.now.isEmpty() }
        }
    }
}

package org.tandem.contract

import java.io.File
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.toList
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import org.tandem.DesktopPlatform
import org.tandem.EndReason
import org.tandem.RejectReason
import org.tandem.Tandem

class HistoryTest {
    @Test
    fun history_kept() = contract {
        val (alice, bob) = directPhone() to directPhone()
        val three = async {
            alice.tandem.history.newest().first { it.size == 3 && it.all { call -> call.ended != null } }
        }
        val placed = List(3) {
            val call = alice.tandem.calls.place(bob.address)
            val there = bob.tandem.calls.incoming.first()
            there.reject(RejectReason.BUSY)
            assertEquals(EndReason.BUSY, call.endReason())
            there.endReason()
            call.id
        }.reversed()
        assertEquals(placed, three.await().map { it.id })

        val first = alice.tandem.history.page(limit = 2)
        val second = alice.tandem.history.page(first.next, limit = 2)
        assertEquals(placed, (first.calls + second.calls).map { it.id })
        assertNull(second.next)
        val record = first.calls.first()
        assertEquals(EndReason.BUSY, record.endReason)
        assertNull(record.accepted)
        assertEquals(3, bob.tandem.history.page().calls.size)

        alice.tandem.shutdown()
        val again = Tandem.open(alice.folder, DesktopPlatform(File(alice.folder, "secrets")))
        again.start()
        try {
            assertEquals(placed, again.history.calls.map { it.id }.toList())
            assertNotNull(again.history.page().calls.last().ended)
        } finally {
            again.shutdown()
        }
    }
}

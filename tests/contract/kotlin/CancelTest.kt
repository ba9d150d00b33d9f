package org.tandem.contract

import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.AccountException
import org.tandem.Core
import org.tandem.DesktopPlatform
import org.tandem.ffi.AccountListUpdates
import org.tandem.ffi.CoreConfig
import org.tandem.ffi.TandemCore

class CancelTest {
    @Test
    fun cancel_sign_in() = contract {
        val alice = newPhone()
        StatusServer(status = null).use { silent ->
            val job = launch(Dispatchers.Default) {
                alice.tandem.accounts.addSip("alice@example.org", "password", server = silent.address)
            }
            eventually("it tries") { silent.requests > 0 }
            assertEquals(1, alice.tandem.accounts.all.value.size)
            withTimeout(2.seconds) { job.cancelAndJoin() }
            eventually("the account is taken back") { alice.tandem.accounts.all.value.isEmpty() }
        }
        // Nothing of it is left: the same address can be added at once.
        StatusServer(404).use { server ->
            thrown<AccountException> { alice.tandem.accounts.addSip("alice@example.org", server = server.address) }
        }
    }

    /** Looks below the layer, where a subscription is a handle. */
    @Test
    fun cancel_collector() = contract {
        val secrets = DesktopPlatform(newFolder("secrets")).secrets
        val ffi = TandemCore(CoreConfig(newFolder("phone").path), secrets)
        val core = Core(ffi)
        val made = mutableListOf<AccountListUpdates>()
        val updates = core.updates({ it.accountUpdates().also(made::add) }, { it.next() })

        updates.first()
        val collecting = launch(start = CoroutineStart.UNDISPATCHED) { updates.collect {} }
        delay(100)
        assertTrue(collecting.isActive, "it waits for the next")
        withTimeout(2.seconds) { collecting.cancelAndJoin() }
        thrown<IllegalArgumentException> { updates.collect { throw IllegalArgumentException("of the collector") } }
        assertEquals(3, made.size)
        for (subscription in made) thrown<IllegalStateException> { subscription.next() }

        // And one that nobody leaves ends with the core.
        val toItsEnd = launch(start = CoroutineStart.UNDISPATCHED) { updates.collect {} }
        ffi.shutdown()
        withTimeout(2.seconds) { toItsEnd.join() }
        assertTrue(!toItsEnd.isCancelled)
        core.close()
    }
}

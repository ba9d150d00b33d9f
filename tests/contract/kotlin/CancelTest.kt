package org.tandem.contract

import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.File
import javax.sound.sampled.AudioFileFormat
import javax.sound.sampled.AudioFormat
import javax.sound.sampled.AudioInputStream
import javax.sound.sampled.AudioSystem
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.AccountException
import org.tandem.AudioPath
import org.tandem.Core
import org.tandem.DesktopPlatform
import org.tandem.EndReason
import org.tandem.SipSettings
import org.tandem.ffi.AccountListUpdates
import org.tandem.ffi.CoreConfig
import org.tandem.ffi.TandemCore

class CancelTest {
    @Test
    fun cancel_sign_in() = contract {
        val alice = newPhone()
        StatusServer(status = null).use { silent ->
            val job = launch(Dispatchers.Default) {
                alice.tandem.accounts.addSip("alice@example.org", "password", SipSettings(server = silent.address))
            }
            eventually("it tries") { silent.requests > 0 }
            assertEquals(1, alice.tandem.accounts.all.value.size)
            withTimeout(2.seconds) { job.cancelAndJoin() }
            eventually("the account is taken back") { alice.tandem.accounts.all.value.isEmpty() }
        }
        // Nothing of it is left: the same address can be added at once.
        StatusServer(404).use { server ->
            thrown<AccountException> { alice.tandem.accounts.addSip("alice@example.org", settings = SipSettings(server = server.address)) }
        }
    }

    /** Cancelled while the file it would play is opened: a pipe, so that the moment is ours to choose. */
    @Test
    fun cancel_place() = contract {
        val (alice, bob) = directPhone() to directPhone()
        val pipe = File(newFolder("pipe"), "said.wav")
        assertEquals(0, ProcessBuilder("mkfifo", pipe.path).start().waitFor())
        val placing = launch(Dispatchers.Default) {
            alice.tandem.calls.place(bob.address, audio = AudioPath.File(play = pipe))
        }
        delay(300)
        withTimeout(2.seconds) { placing.cancelAndJoin() }
        assertEquals(emptyList<Any>(), alice.tandem.calls.now)
        // Only now the core comes to the call: it is placed for nobody, and hung up.
        withContext(Dispatchers.IO) { pipe.outputStream().use { it.write(silence()) } }
        eventually("the call was hung up") {
            runBlocking { alice.tandem.history.page().calls }.singleOrNull()?.ended != null
        }
        assertEquals(EndReason.CANCELLED, alice.tandem.history.page().calls.single().endReason)
        assertEquals(emptyList<Any>(), alice.tandem.calls.now)
        eventually("nothing rings any more") { bob.tandem.calls.now.isEmpty() }
        talk(alice, bob).from.hangUp()
    }

    /** A second of silence as a WAV file. */
    private fun silence(): ByteArray = ByteArrayOutputStream().also { out ->
        val format = AudioFormat(8_000f, 16, 1, true, false)
        val sound = AudioInputStream(ByteArrayInputStream(ByteArray(16_000)), format, 8_000)
        AudioSystem.write(sound, AudioFileFormat.Type.WAVE, out)
    }.toByteArray()

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

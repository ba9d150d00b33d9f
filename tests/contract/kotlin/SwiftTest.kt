package org.tandem.contract

import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assertions.fail
import org.junit.jupiter.api.Tag
import org.junit.jupiter.api.Test
import org.tandem.AudioPath
import org.tandem.CallEvent
import org.tandem.EndReason

class SwiftTest {
    /** With `swift/suite`'s `answerer`: one JSON object a line, `address` first, `ended` last. */
    @Test
    @Tag("swift")
    fun kotlin_calls_swift() = contract {
        val command = System.getenv("TANDEM_ANSWERER") ?: fail("TANDEM_ANSWERER is not set")
        val words = command.split(if ('\n' in command) '\n' else ' ')
        val answerer = ProcessBuilder(words).redirectError(ProcessBuilder.Redirect.INHERIT).start()
        try {
            val lines = answerer.inputReader()
            val address = lines.readLine()?.value("address") ?: fail("the answerer said nothing")
            val alice = securePhone()
            val call = alice.tandem.calls.place(address, audio = AudioPath.Tone(1_000f))
            call.active()
            val phrase = call.safetyPhrase.filterNotNull().first()
            val stats = call.events.filterIsInstance<CallEvent.Stats>().first { it.levelIn > -60 }
            assertTrue(stats.quality.packetsReceived > 0u, "$stats")
            delay(500.milliseconds)
            call.hangUp()
            assertEquals(EndReason.LOCAL_HANG_UP, call.endReason())
            val said = lines.readLines()
            assertTrue(said.any { it.value("state") == "active" }, "$said")
            assertTrue(said.any { it.value("phrase") == "$phrase" }, "$phrase: $said")
            assertEquals("remoteHangUp", said.last().value("ended"))
            assertEquals(0, answerer.waitFor())
        } finally {
            answerer.destroy()
        }
    }

    private fun String.value(key: String): String? =
        Regex("\"$key\":\"([^\"]*)\"").find(this)?.groupValues?.get(1)?.replace("\\/", "/")
}

package org.tandem.contract

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import javax.sound.sampled.AudioSystem
import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.sin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.filterIsInstance
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.AudioPath
import org.tandem.CallEvent

class AudioTest {
    @Test
    fun audio_heard() = contract {
        val (alice, bob) = directPhone() to directPhone()
        val folder = newFolder("heard")
        val (byAlice, byBob) = File(folder, "alice.wav") to File(folder, "bob.wav")
        val talk = talk(alice, bob, AudioPath.Tone(440f, record = byAlice), AudioPath.Tone(1_000f, record = byBob))
        val stats = talk.from.events.filterIsInstance<CallEvent.Stats>()
        assertTrue(stats.first { it.levelIn > -60 }.levelOut > -60)
        delay(1_500)
        talk.from.hangUp()
        talk.to.endReason()
        eventually("both recordings are written") { byAlice.length() > 20_000 && byBob.length() > 20_000 }
        delay(300)
        assertEquals(440, pitch(byBob, listOf(300, 440, 600, 1_000)))
        assertEquals(1_000, pitch(byAlice, listOf(300, 440, 600, 1_000)))
        assertTrue(share(byBob, 440) > 0.8, "it is the tone and little else: ${share(byBob, 440)}")
    }

    /** Which of these is the loudest in the middle second of the recording. */
    private fun pitch(wav: File, candidates: List<Int>): Int = candidates.maxBy { share(wav, it) }

    /** The share of the power within 5 Hz of [hertz]. */
    private fun share(wav: File, hertz: Int): Double {
        val (rate, all) = samples(wav)
        assertTrue(all.size > rate, "only ${all.size} samples in $wav")
        val from = (all.size - rate) / 2
        // Steps of 50 ms: a frame concealed or dropped turns the phase, and nothing more.
        val block = rate / 20
        var (wanted, total) = 0.0 to 0.0
        for (start in from until from + rate step block) {
            val part = all.copyOfRange(start, start + block)
            val re = part.indices.sumOf { part[it] * cos(2 * PI * hertz * it / rate) }
            val im = part.indices.sumOf { part[it] * sin(2 * PI * hertz * it / rate) }
            wanted += 2 * (re * re + im * im) / block
            total += part.sumOf { it * it }
        }
        return if (total == 0.0) 0.0 else wanted / total
    }

    private fun samples(wav: File): Pair<Int, DoubleArray> = AudioSystem.getAudioInputStream(wav).use { stream ->
        val format = stream.format
        assertEquals(16 to 1, format.sampleSizeInBits to format.channels)
        val bytes = stream.readAllBytes()
        val words = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asShortBuffer()
        format.sampleRate.toInt() to DoubleArray(words.remaining()) { words[it].toDouble() }
    }
}

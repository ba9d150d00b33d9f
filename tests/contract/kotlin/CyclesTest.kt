package org.tandem.contract

import java.io.File
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.tandem.DesktopPlatform
import org.tandem.Tandem

class CyclesTest {
    @Test
    @Timeout(300)
    fun create_close_1000(): Unit = runBlocking {
        val folder = newFolder("phone")
        suspend fun cycle() {
            val tandem = Tandem.open(folder, DesktopPlatform(File(folder, "secrets")))
            tandem.start()
            val collecting = launch(start = CoroutineStart.UNDISPATCHED) { tandem.calls.incoming.collect {} }
            tandem.accounts.addDirect("127.0.0.1")
            collecting.cancelAndJoin()
            tandem.shutdown()
        }
        repeat(300) { cycle() } // the heap, the allocators' arenas and the compiled code find their size
        val before = Footprint.now()
        repeat(700) { cycle() }
        val after = Footprint.now()
        println("create_close_1000: after 300 $before, after 1,000 $after")
        assertTrue(after.threads <= before.threads + 2, "$before, then $after")
        assertTrue(after.files <= before.files + 2, "$before, then $after")
        // 700 cycles that leak 20 KB each would show.
        assertTrue(after.residentKb - before.residentKb < 14_000, "$before, then $after")
    }
}

/** What the process holds, as the kernel counts it. */
data class Footprint(val residentKb: Long, val threads: Int, val files: Int) {
    companion object {
        suspend fun now(): Footprint {
            repeat(3) {
                System.gc()
                delay(300)
            }
            val status = File("/proc/self/status").readLines()
                .associate { it.substringBefore(':') to it.substringAfter(':') }
            return Footprint(
                status.getValue("VmRSS").filter { it.isDigit() }.toLong(),
                status.getValue("Threads").trim().toInt(),
                File("/proc/self/fd").list().orEmpty().size,
            )
        }
    }
}

package org.tandem.contract

import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.CopyOnWriteArrayList
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.LifecycleException
import org.tandem.LogLevel
import org.tandem.Platform
import org.tandem.SecretStore
import org.tandem.Stage
import org.tandem.Tandem

class ForeignTest {
    private class Broken : SecretStore {
        @Volatile var mended = false
        val threads = CopyOnWriteArrayList<String>()
        private val kept = ConcurrentHashMap<String, ByteArray>()

        override fun load(name: String): ByteArray? {
            threads += Thread.currentThread().name
            check(mended) { "the keystore is locked\nand a second line" }
            return kept[name]
        }

        override fun save(name: String, secret: ByteArray) {
            kept[name] = secret
        }
    }

    @Test
    fun foreign_throws() = contract {
        val store = Broken()
        val folder = newFolder("phone")
        val tandem = Tandem.open(folder, object : Platform { override val secrets = store })
        phones += Phone(tandem, folder)
        val problem = thrown<LifecycleException.Secrets> { tandem.start() }
        assertEquals("the keystore is locked", problem.reason)
        assertEquals("the secret store failed", problem.message)
        assertEquals(Stage.NEW, tandem.stage())
        assertTrue(store.threads.none { it == Thread.currentThread().name }, "${store.threads}")
        store.mended = true
        tandem.start()
        assertEquals(Stage.RUNNING, tandem.stage())

        val lines = CopyOnWriteArrayList<String>()
        Tandem.forwardLog(LogLevel.TRACE) { line ->
            lines += line.message
            check(lines.size % 2 == 0) { "no room" }
        }
        try {
            talk(directPhone(), directPhone()).from.hangUp()
            eventually("lines after one that was lost") { lines.size > 2 }
        } finally {
            Tandem.forwardLog(LogLevel.ERROR) {}
        }
    }
}

package org.tandem.contract

import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.AccountException
import org.tandem.LogLevel
import org.tandem.LogLine
import org.tandem.MediaSecurity
import org.tandem.SafetyPhrase
import org.tandem.SipSettings
import org.tandem.Tandem

class LogTest {
    @Test
    fun log_forwarded() = contract {
        val lines = logged(LogLevel.DEBUG) { directPhone().tandem.suspend() }
        assertTrue(lines.all { it.level <= LogLevel.DEBUG }, "$lines")
        val ours = lines.filter { it.level == LogLevel.INFO && it.target.startsWith("tandem_") }
        assertTrue(ours.any { it.message.isNotBlank() }, "$lines")
        val few = logged(LogLevel.ERROR) { directPhone().tandem.suspend() }
        assertEquals(emptyList<LogLine>(), few)
    }

    @Test
    fun log_no_addresses() = contract {
        val registrar = registrar("wilhelmina" to "aardvark", "ferdinand" to "blueberry")
        val domain = Registrar.DOMAIN
        var phrase: SafetyPhrase? = null
        val lines = logged(LogLevel.TRACE) {
            val (caller, callee) = newPhone() to newPhone()
            val server = SipSettings(registrar.address, mediaSecurity = MediaSecurity.REQUIRED)
            caller.account =
                caller.tandem.accounts.addSip("wilhelmina@$domain", "aardvark", server.copy(displayName = "Minna"))
            callee.account = callee.tandem.accounts.addSip("ferdinand@$domain", "blueberry", server)
            val talk = talk(caller, callee)
            phrase = talk.from.safetyPhrase.filterNotNull().first()
            talk.from.verify(matches = true)
            talk.from.sendDtmf("97531")
            talk.from.hold()
            delay(1_200)
            talk.from.hangUp()
            talk.to.endReason()
            thrown<AccountException> { caller.tandem.accounts.addSip("nobody@$domain", "capybara", server) }
            caller.tandem.shutdown()
            callee.tandem.shutdown()
        }
        assertTrue(lines.size > 20, "the log is on: ${lines.size} lines")
        val secrets = listOf(
            "wilhelmina", "ferdinand", "Minna", "nobody", domain, "127.0.0.1", "aardvark", "blueberry", "capybara", "97531", "$phrase",
        )
        // As a number of its own: a longer one may hold it by chance.
        val port = Regex("\\b${registrar.address.substringAfter(':')}\\b")
        val leaks = lines.filter { line -> secrets.any { it in line.message || it in line.target } || port in line.message }
        assertTrue(leaks.isEmpty(), leaks.joinToString("\n") { "${it.target}: ${it.message}" })
    }

    /** The lines of [body], and what follows at once. */
    private suspend fun logged(level: LogLevel, body: suspend () -> Unit): List<LogLine> {
        val lines = CopyOnWriteArrayList<LogLine>()
        assertTrue(Tandem.forwardLog(level) { lines += it })
        try {
            body()
            delay(300)
        } finally {
            Tandem.forwardLog(LogLevel.ERROR) {}
        }
        return lines.toList()
    }
}

package org.tandem.contract

import org.junit.jupiter.api.Assertions.fail

/** The registrar of `tests/world`, a process of its own on loopback. */
class Registrar(users: Map<String, String>) : AutoCloseable {
    private val process: Process
    val address: String

    init {
        val program = System.getenv("TANDEM_REGISTRAR") ?: fail("TANDEM_REGISTRAR is not set")
        val arguments = users.flatMap { (name, password) -> listOf("--user", "$name:$password") }
        process = ProcessBuilder(listOf(program, "--domain", DOMAIN) + arguments)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start()
        val line = process.inputReader().readLine() ?: fail("the registrar said nothing")
        address = Regex("\"address\":\"([^\"]+)\"").find(line)?.groupValues?.get(1) ?: fail(line)
    }

    override fun close() {
        process.destroy()
        process.waitFor()
    }

    companion object {
        const val DOMAIN = "tandem.test"
    }
}

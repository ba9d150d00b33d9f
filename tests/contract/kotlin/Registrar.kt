package org.tandem.contract

import java.io.File
import java.security.KeyStore
import java.security.cert.CertificateFactory
import org.junit.jupiter.api.Assertions.fail
import org.tandem.CertificateVerifier
import org.tandem.SipSettings
import org.tandem.Transport
import org.tandem.TrustManagerVerifier

/** The registrar of `tests/world`, a process of its own on loopback. With [tls] it is reached over TLS as well. */
class Registrar(users: Map<String, String>, tls: Tls? = null) : AutoCloseable {
    /** What it shows over TLS: a certificate for [name] that ends with the year before [until]. */
    class Tls(val name: String = "localhost", val until: Int = 2100)

    private val process: Process
    private val authority = File(newFolder("authority"), "authority.pem")
    val address: String

    /** How to sign in over TLS, expecting to meet `localhost`. */
    val overTls: SipSettings

    init {
        val program = System.getenv("TANDEM_REGISTRAR") ?: fail("TANDEM_REGISTRAR is not set")
        val arguments = users.flatMap { (name, password) -> listOf("--user", "$name:$password") } + tls?.let {
            listOf("--tls-name", it.name, "--tls-until", "${it.until}", "--tls-authority", authority.path)
        }.orEmpty()
        process = ProcessBuilder(listOf(program, "--domain", DOMAIN) + arguments)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start()
        val lines = process.inputReader()
        fun value(key: String): String {
            val line = lines.readLine() ?: fail("the registrar said nothing")
            return Regex("\"$key\":\"([^\"]+)\"").find(line)?.groupValues?.get(1) ?: fail(line)
        }
        address = value("address")
        overTls = SipSettings(
            server = if (tls == null) null else "localhost:${value("tls").substringAfterLast(':')}",
            transport = Transport.TLS,
        )
    }

    /** Trusts the authority of its certificate, as the app of somebody with an authority of their own does. */
    fun trusted(): CertificateVerifier {
        val certificate = authority.inputStream().use { CertificateFactory.getInstance("X.509").generateCertificate(it) }
        val store = KeyStore.getInstance(KeyStore.getDefaultType()).apply { load(null) }
        store.setCertificateEntry("authority", certificate)
        return TrustManagerVerifier(TrustManagerVerifier.system(store))
    }

    override fun close() {
        process.destroy()
        process.waitFor()
    }

    companion object {
        const val DOMAIN = "tandem.test"
    }
}

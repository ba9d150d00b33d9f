package org.tandem

import java.security.KeyStore
import java.security.cert.CertificateException
import java.security.cert.CertificateExpiredException
import java.security.cert.CertificateFactory
import java.security.cert.CertificateNotYetValidException
import java.security.cert.X509Certificate
import javax.net.ssl.TrustManagerFactory
import javax.net.ssl.X509TrustManager
import org.tandem.ffi.CertificateException as FfiCertificateException
import org.tandem.ffi.CertificateVerifier as FfiCertificateVerifier

/**
 * Says whether somebody trusted vouches for a server. Called on a thread that may block, before anything is said to
 * the server.
 */
fun interface CertificateVerifier {
    /**
     * Judges [chain], the server's own certificate first. Whether that one is for [server], a host name or an IP
     * address, the core sees for itself, by the rules of SIP (RFC 5922): what is left is whom to trust.
     *
     * @throws CertificateException it is not to be trusted. Whatever else is thrown means that it could not be found out
     */
    fun verify(server: String, chain: List<X509Certificate>)
}

/** Trusts whom [trusts] trusts: of the JVM, or made of a key store with one's own authority. */
class TrustManagerVerifier(private val trusts: X509TrustManager = system()) : CertificateVerifier {
    override fun verify(server: String, chain: List<X509Certificate>) =
        trusts.checkServerTrusted(chain.toTypedArray(), KEY_EXCHANGE)

    companion object {
        /** What the key is used for: TLS 1.3 no longer says it with the certificate. */
        internal const val KEY_EXCHANGE = "UNKNOWN"

        /** Trusts the authorities in [store], or those of the system. */
        fun system(store: KeyStore? = null): X509TrustManager {
            val factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm())
            factory.init(store)
            return factory.trustManagers.filterIsInstance<X509TrustManager>().first()
        }
    }
}

/** This verifier as the core asks it: in certificates that are read, and with its refusals in the core's words. */
internal fun CertificateVerifier.plain(): FfiCertificateVerifier {
    val whole = this
    return object : FfiCertificateVerifier {
        override fun verify(server: String, chain: List<ByteArray>) = try {
            val factory = CertificateFactory.getInstance("X.509")
            whole.verify(server, chain.map { factory.generateCertificate(it.inputStream()) as X509Certificate })
        } catch (problem: CertificateException) {
            throw if (problem.isOfTime()) FfiCertificateException.Expired() else FfiCertificateException.Untrusted()
        } catch (problem: Exception) {
            throw FfiCertificateException.Failed()
        }
    }
}

/** What is wrong with one certificate of a chain is told as the cause of what is wrong with the chain. */
private fun Throwable.isOfTime(): Boolean = generateSequence(this) { it.cause }.take(MAX_CAUSES)
    .any { it is CertificateExpiredException || it is CertificateNotYetValidException }

private const val MAX_CAUSES = 16

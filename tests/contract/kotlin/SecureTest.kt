package org.tandem.contract

import java.net.InetAddress
import java.net.ServerSocket
import java.security.cert.CertificateException
import java.security.cert.X509Certificate
import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.AccountException
import org.tandem.AccountState
import org.tandem.CallException
import org.tandem.CertificateVerifier
import org.tandem.Encryption
import org.tandem.EndReason
import org.tandem.IceConfig
import org.tandem.IceServer
import org.tandem.IceServerProblem
import org.tandem.Obstacle
import org.tandem.RelayUse
import org.tandem.SipSettings
import org.tandem.TlsProblem
import org.tandem.Transport
import org.tandem.Trust

class SecureTest {
    @Test
    fun call_encrypted() = contract {
        // The one insists, the other does so by itself.
        val (alice, bob) = directPhone() to securePhone()
        val talk = talk(alice, bob)
        val (phrase, same) = listOf(talk.from, talk.to).map { it.safetyPhrase.filterNotNull().first() }
        assertEquals(phrase, same)
        assertEquals(phrase, talk.from.safetyPhrase.value)
        assertEquals(6, phrase.words.size)
        assertTrue(phrase.numbers.size == 6 && phrase.numbers.all { it in 0..255 }, "${phrase.numbers}")
        for (call in listOf(talk.from, talk.to)) {
            assertEquals(Encryption.DTLS_SRTP, call.info.encryption)
            assertEquals(Trust.UNVERIFIED, call.info.trust)
        }

        val told = async(start = CoroutineStart.UNDISPATCHED) { talk.from.infos.first { it.trust == Trust.VERIFIED } }
        talk.from.verify(matches = true)
        assertEquals(Trust.VERIFIED, talk.from.info.trust)
        assertEquals(phrase, told.await().safetyPhrase)
        talk.from.hangUp()
        talk.to.endReason()
        for ((phone, trust) in listOf(alice to Trust.VERIFIED, bob to Trust.UNVERIFIED)) {
            val row = phone.tandem.history.page(limit = 1).calls.single()
            assertEquals(Encryption.DTLS_SRTP to trust, row.encryption to row.trust)
        }
    }

    @Test
    fun nothing_to_compare() = contract {
        val talk = talk(plainPhone(), directPhone())
        assertEquals(Encryption.NONE, talk.from.info.encryption)
        assertNull(talk.from.safetyPhrase.value)
        val nothing = thrown<CallException.NotNow> { talk.from.verify(matches = true) }
        assertEquals(Obstacle.NO_PHRASE, nothing.obstacle)
        assertEquals("there is nothing to compare in the call", nothing.message)
        talk.from.hangUp()
        talk.to.endReason()
        assertEquals(Trust.UNVERIFIED, talk.alice.tandem.history.page(limit = 1).calls.single().trust)
    }

    /** Nobody falls back to a call that others can listen to. */
    @Test
    fun encryption_required() = contract {
        val alice = securePhone()
        StatusServer(488).use { server ->
            val call = alice.tandem.calls.place("sip:bob@${server.address}")
            assertEquals(EndReason.ENCRYPTION_REQUIRED, call.endReason())
        }
        assertEquals(EndReason.ENCRYPTION_REQUIRED, alice.tandem.history.page(limit = 1).calls.single().endReason)
    }

    @Test
    fun sign_in_tls() = contract {
        val registrar = registrar("alice" to "apple pie", tls = Registrar.Tls())
        val alice = newPhone(certificates = registrar.trusted())
        val account = alice.tandem.accounts.addSip(ALICE, "apple pie", registrar.overTls)
        assertTrue(account.info?.state is AccountState.Online, "${account.info}")

        val refused = listOf(
            Registrar.Tls(until = 2002) to TlsProblem.EXPIRED,
            Registrar.Tls(name = "other.example.org") to TlsProblem.WRONG_NAME,
        )
        for ((shown, problem) in refused) {
            val server = registrar("alice" to "apple pie", tls = shown)
            val phone = newPhone(certificates = server.trusted())
            val insecure = thrown<AccountException.Insecure> {
                phone.tandem.accounts.addSip(ALICE, "apple pie", server.overTls)
            }
            assertEquals(problem, insecure.problem)
            assertTrue("certificate" in insecure.message.orEmpty(), insecure.message)
        }
        // Whom this machine trusts does not know the authority.
        val stranger = thrown<AccountException.Insecure> {
            newPhone().tandem.accounts.addSip(ALICE, "apple pie", registrar.overTls)
        }
        assertEquals(TlsProblem.UNTRUSTED, stranger.problem)
        val deserted = ServerSocket(0, 1, InetAddress.getLoopbackAddress()).use { it.localPort }
        thrown<AccountException.ConnectionRefused> {
            alice.tandem.accounts.addSip("carol@example.org", settings = SipSettings("127.0.0.1:$deserted", transport = Transport.TLS))
        }
    }

    @Test
    fun foreign_verifier() = contract {
        val registrar = registrar("alice" to "apple pie", tls = Registrar.Tls())
        val asked = CopyOnWriteArrayList<Pair<String, Int>>()
        val threads = CopyOnWriteArrayList<Thread>()

        suspend fun signsIn(judge: (List<X509Certificate>) -> Unit) {
            val verifier = CertificateVerifier { server, chain ->
                asked += server to chain.size
                threads += Thread.currentThread()
                judge(chain)
            }
            newPhone(certificates = verifier).tandem.accounts.addSip(ALICE, "apple pie", registrar.overTls)
        }
        val refusal = thrown<AccountException.Insecure> { signsIn { throw CertificateException("not one of ours") } }
        assertEquals(TlsProblem.UNTRUSTED, refusal.problem)
        val fault = thrown<AccountException.Insecure> { signsIn { error("the trust service is down") } }
        assertEquals(TlsProblem.UNCHECKED, fault.problem)
        assertEquals("the server's certificate could not be checked", fault.message)
        signsIn { }
        assertTrue(asked.toSet() == setOf("localhost" to 1), "$asked")
        assertTrue(Thread.currentThread() !in threads, "$threads")

        // One that looks at nothing lets nobody in under another name all the same.
        val other = registrar("alice" to "apple pie", tls = Registrar.Tls(name = "other.example.org"))
        val careless = newPhone(certificates = { _, _ -> })
        val named = thrown<AccountException.Insecure> { careless.tandem.accounts.addSip(ALICE, "apple pie", other.overTls) }
        assertEquals(TlsProblem.WRONG_NAME, named.problem)
    }

    @Test
    fun settings_refused() = contract {
        val accounts = newPhone().tandem.accounts
        val wrong = listOf(
            IceServer("stun.example.org") to IceServerProblem.SCHEME,
            IceServer("stuns:stun.example.org") to IceServerProblem.STUN_OVER_TLS,
            IceServer("turn:") to IceServerProblem.HOST,
            IceServer("turn:turn.example.org:0", "u", "p") to IceServerProblem.PORT,
            IceServer("turn:turn.example.org") to IceServerProblem.CREDENTIALS,
        )
        for ((server, problem) in wrong) {
            val ice = IceConfig(listOf(IceServer("stun:127.0.0.1"), server), RelayUse.ALWAYS)
            val settings = SipSettings(server = "127.0.0.1", ice = ice)
            val attempts = listOf(
                thrown<AccountException.InvalidIceServer> { accounts.addSip("a@example.org", settings = settings) },
                thrown<AccountException.InvalidIceServer> { accounts.addDirect("127.0.0.1", ice = ice) },
            )
            for (refused in attempts) {
                assertEquals(1 to problem, refused.index to refused.problem)
                assertTrue(refused.message.orEmpty().startsWith("STUN or TURN server 2: "), refused.message)
                assertTrue("example" !in refused.message.orEmpty(), refused.message)
            }
        }
        assertEquals("IceServer", "${IceServer("turn:turn.example.org", "alice", "secret")}")
        assertTrue(accounts.all.value.isEmpty())
    }

    private companion object {
        const val ALICE = "alice@${Registrar.DOMAIN}"
    }
}

package org.tandem.contract

import java.io.File
import java.nio.file.Files
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.fail
import org.tandem.Account
import org.tandem.AudioPath
import org.tandem.Call
import org.tandem.CallState
import org.tandem.CertificateVerifier
import org.tandem.DesktopPlatform
import org.tandem.EndReason
import org.tandem.MediaSecurity
import org.tandem.Options
import org.tandem.Tandem
import org.tandem.TrustManagerVerifier

/** One contract test: it comes to its end soon, and leaves no phone running. */
fun contract(body: suspend Scene.() -> Unit): Unit = runBlocking {
    val scene = Scene(this)
    try {
        withTimeout(60.seconds) { scene.body() }
    } finally {
        scene.phones.forEach { it.tandem.shutdown() }
        scene.registrars.forEach { it.close() }
    }
}

class Scene(scope: CoroutineScope) : CoroutineScope by scope {
    val phones = mutableListOf<Phone>()
    val registrars = mutableListOf<Registrar>()

    /** A phone that is at work, without an account. */
    suspend fun newPhone(
        options: Options = Options(),
        certificates: CertificateVerifier = TrustManagerVerifier(),
    ): Phone {
        val folder = newFolder("phone")
        val platform = DesktopPlatform(File(folder, "secrets"), AudioPath.Silent, certificates)
        val phone = Phone(Tandem.open(folder, platform, options), folder)
        phones += phone
        phone.tandem.start()
        return phone
    }

    /** A phone that can be called directly. */
    suspend fun directPhone(options: Options = Options()): Phone =
        newPhone(options).also { it.account = it.tandem.accounts.addDirect("127.0.0.1") }

    /** A phone that can be called directly, and takes no call that is not encrypted. */
    suspend fun securePhone(): Phone = newPhone().also {
        it.account = it.tandem.accounts.addDirect("127.0.0.1", mediaSecurity = MediaSecurity.REQUIRED)
    }

    /** A phone that can be called directly, and offers plain sound. */
    suspend fun plainPhone(): Phone = newPhone().also {
        it.account = it.tandem.accounts.addDirect("127.0.0.1", mediaSecurity = MediaSecurity.PLAIN_ALLOWED)
    }

    fun registrar(vararg users: Pair<String, String>, tls: Registrar.Tls? = null) =
        Registrar(users.toMap(), tls).also { registrars += it }

    /** Two phones without a server between them, in a call. */
    suspend fun talking(options: Options = Options()): Talk {
        val alice = directPhone(options)
        return talk(alice, directPhone())
    }

    suspend fun talk(
        alice: Phone,
        bob: Phone,
        aliceAudio: AudioPath = AudioPath.Silent,
        bobAudio: AudioPath = AudioPath.Silent,
    ): Talk {
        val from = alice.tandem.calls.place(bob.address, audio = aliceAudio)
        val to = bob.tandem.calls.incoming.first()
        to.answer(bobAudio)
        from.active()
        to.active()
        return Talk(alice, bob, from, to)
    }
}

class Talk(val alice: Phone, val bob: Phone, val from: Call, val to: Call)

class Phone(val tandem: Tandem, val folder: File) {
    var account: Account? = null
    val address: String get() = account?.info?.address ?: fail("no account")
}

suspend fun Call.active(): CallState = state.first { it is CallState.Active }

suspend fun Call.endReason(): EndReason = (state.first { it is CallState.Ended } as CallState.Ended).reason

suspend fun eventually(what: String, holds: () -> Boolean) {
    repeat(500) {
        if (holds()) return
        delay(20.milliseconds)
    }
    fail<Unit>("never: $what")
}

fun newFolder(name: String): File {
    val run = File(System.getProperty("tandem.run") ?: System.getProperty("java.io.tmpdir"))
    return Files.createTempDirectory(run.toPath(), name).toFile()
}

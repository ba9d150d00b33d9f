package org.tandem

import org.tandem.ffi.PlatformException

/** What the operating system owns and the core borrows. */
interface Platform {
    /** Keeps the core's keys. Called on a thread that may block; may throw. */
    val secrets: SecretStore

    /** Whom to trust; `null`: whom a computer's own list of authorities names, which is nobody on a phone. */
    val certificates: CertificateVerifier? get() = null

    /** The sound of a call that says nothing else. */
    val audio: AudioPath get() = AudioPath.Device
}

/** Implemented by the app: where the core's keys are kept. */
typealias SecretStore = org.tandem.ffi.SecretStore

typealias LogLevel = org.tandem.ffi.LogLevel
typealias LogLine = org.tandem.ffi.LogLine

/** How far a [Tandem] has come. */
typealias Stage = org.tandem.ffi.Stage

/** This store, with what it throws as the plain words of whoever threw it: no class names, one line. */
internal fun SecretStore.plain(): SecretStore {
    val whole = this
    return object : SecretStore {
        override fun load(name: String): ByteArray? = plainly { whole.load(name) }
        override fun save(name: String, secret: ByteArray) = plainly { whole.save(name, secret) }
    }
}

private inline fun <T> plainly(body: () -> T): T = try {
    body()
} catch (problem: PlatformException) {
    throw problem
} catch (problem: Exception) {
    val said = problem.message?.lineSequence()?.firstOrNull()?.trim()
    throw PlatformException.Failed(said.orEmpty().ifEmpty { problem.javaClass.simpleName })
}

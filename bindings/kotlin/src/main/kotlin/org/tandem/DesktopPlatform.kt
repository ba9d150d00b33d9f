package org.tandem

import java.io.File
import java.nio.file.Files
import java.nio.file.StandardCopyOption.ATOMIC_MOVE
import java.nio.file.attribute.PosixFilePermissions

/** A plain JVM: secrets are files only this user can read, in [folder]; whom the JVM trusts is trusted. */
class DesktopPlatform(
    private val folder: File,
    override val audio: AudioPath = AudioPath.Device,
    override val certificates: CertificateVerifier = TrustManagerVerifier(),
) : Platform {
    override val secrets: SecretStore = object : SecretStore {
        override fun load(name: String): ByteArray? = file(name).takeIf { it.exists() }?.readBytes()

        override fun save(name: String, secret: ByteArray) {
            Files.createDirectories(folder.toPath())
            val owner = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))
            val draft = Files.createTempFile(folder.toPath(), "draft", null, owner)
            Files.write(draft, secret)
            // Whole or not at all: half a key is a lost history.
            Files.move(draft, file(name).toPath(), ATOMIC_MOVE)
        }
    }

    private fun file(name: String): File {
        require(name.isNotEmpty() && name.all { it.isLetterOrDigit() || it in "-_" }) { "not a name for a secret" }
        return File(folder, "$name.secret")
    }
}

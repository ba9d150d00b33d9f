package org.tandem

import java.io.File
import java.io.FileOutputStream
import java.security.GeneralSecurityException
import javax.crypto.Cipher
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec
import org.tandem.ffi.PlatformException

/**
 * Secrets as files in [folder], each sealed with a key that somebody keeps who gives it to nobody: AES in GCM, the
 * nonce in front, the name as associated data so that one file cannot stand for another.
 */
internal class SealedSecrets(private val folder: File, private val key: () -> SecretKey) : SecretStore {
    override fun load(name: String): ByteArray? {
        val sealed = file(name).takeIf { it.exists() }?.readBytes() ?: return null
        if (sealed.size < NONCE + TAG) throw PlatformException.Failed("a sealed secret is cut short")
        return try {
            val nonce = GCMParameterSpec(8 * TAG, sealed, 0, NONCE)
            val cipher = Cipher.getInstance(CIPHER).apply { init(Cipher.DECRYPT_MODE, key(), nonce) }
            cipher.updateAAD(name.toByteArray())
            cipher.doFinal(sealed, NONCE, sealed.size - NONCE)
        } catch (_: GeneralSecurityException) {
            throw PlatformException.Failed("a secret cannot be opened with the key of this device")
        }
    }

    override fun save(name: String, secret: ByteArray) {
        // The nonce is the key's own choice: a key store refuses any other.
        val cipher = Cipher.getInstance(CIPHER).apply { init(Cipher.ENCRYPT_MODE, key()) }
        cipher.updateAAD(name.toByteArray())
        val sealed = cipher.doFinal(secret)
        folder.mkdirs()
        val draft = File.createTempFile("draft", null, folder)
        FileOutputStream(draft).use { out ->
            out.write(cipher.iv)
            out.write(sealed)
            out.fd.sync()
        }
        // Whole or not at all: half a key is a lost history.
        if (!draft.renameTo(file(name))) throw PlatformException.Failed("a secret cannot be kept")
    }

    private fun file(name: String): File {
        require(name.isNotEmpty() && name.all { it.isLetterOrDigit() || it in "-_" }) { "not a name for a secret" }
        return File(folder, "$name.sealed")
    }

    private companion object {
        const val CIPHER = "AES/GCM/NoPadding"
        const val NONCE = 12
        const val TAG = 16
    }
}

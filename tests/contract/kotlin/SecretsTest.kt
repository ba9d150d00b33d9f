package org.tandem.contract

import java.io.File
import javax.crypto.KeyGenerator
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.tandem.SealedSecrets
import org.tandem.ffi.PlatformException

/** What Android's platform keeps its secrets with, with a key of the JVM in the place of the Android Keystore's. */
class SecretsTest {
    private fun newKey() = KeyGenerator.getInstance("AES").apply { init(256) }.generateKey()

    @Test
    fun kotlin_secrets_sealed() {
        val (folder, key) = newFolder("sealed") to newKey()
        val secrets = SealedSecrets(folder) { key }
        assertNull(secrets.load("store-key"))
        val secret = ByteArray(32) { it.toByte() }
        secrets.save("store-key", ByteArray(5))
        secrets.save("store-key", secret)
        assertArrayEquals(secret, SealedSecrets(folder) { key }.load("store-key"))
        val file = File(folder, "store-key.sealed")
        assertEquals(listOf(file.name), folder.list()?.toList())
        assertTrue(String(secret, Charsets.ISO_8859_1) !in file.readText(Charsets.ISO_8859_1), "it is sealed")

        // Another key, another name, a bit that fell over, a file cut short: an error, never a wrong secret.
        thrown<PlatformException> { SealedSecrets(folder) { newKey() }.load("store-key") }
        file.copyTo(File(folder, "instance.sealed"))
        thrown<PlatformException> { secrets.load("instance") }
        val sealed = file.readBytes()
        file.writeBytes(sealed.also { it[20] = (it[20] + 1).toByte() })
        thrown<PlatformException> { secrets.load("store-key") }
        file.writeBytes(sealed.copyOf(9))
        thrown<PlatformException> { secrets.load("store-key") }
        thrown<IllegalArgumentException> { secrets.save("../elsewhere", secret) }
    }
}

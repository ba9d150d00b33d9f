package org.tandem

import android.content.Context
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import java.io.File
import java.security.KeyStore
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey

/**
 * Android (API 26 and newer): secrets are sealed with a key that never leaves the Android Keystore, in a folder that
 * no backup takes along. A device that is set up from a backup begins anew.
 */
class AndroidPlatform(context: Context, override val audio: AudioPath = AudioPath.Device) : Platform {
    override val secrets: SecretStore = SealedSecrets(File(context.noBackupFilesDir, "tandem-keys"), ::key)

    private companion object {
        const val KEYSTORE = "AndroidKeyStore"
        const val ALIAS = "org.tandem.secrets"

        /** The key, made when it is first asked for. It needs no unlocked screen: calls come in at night. */
        @Synchronized
        fun key(): SecretKey {
            val keys = KeyStore.getInstance(KEYSTORE).apply { load(null) }
            (keys.getKey(ALIAS, null) as? SecretKey)?.let { return it }
            val purposes = KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
            val wanted = KeyGenParameterSpec.Builder(ALIAS, purposes)
                .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
                .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
                .setKeySize(256)
                .build()
            return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, KEYSTORE).apply { init(wanted) }.generateKey()
        }
    }
}

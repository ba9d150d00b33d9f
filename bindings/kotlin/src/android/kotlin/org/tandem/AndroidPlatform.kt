package org.tandem

import android.content.Context
import android.net.http.X509TrustManagerExtensions
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import java.io.File
import java.security.KeyStore
import java.security.cert.X509Certificate
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey

/**
 * Android (API 26 and newer): secrets are sealed with a key that never leaves the Android Keystore, in a folder that
 * no backup takes along. A device that is set up from a backup begins anew. Servers are trusted as the app's network
 * security configuration says.
 */
class AndroidPlatform(context: Context, override val audio: AudioPath = AudioPath.Device) : Platform {
    override val secrets: SecretStore = SealedSecrets(File(context.noBackupFilesDir, "tandem-keys"), ::key)

    override val certificates: CertificateVerifier = SystemTrust()

    /** Only with the server's name does Android find the rules that an app has for one domain. */
    private class SystemTrust : CertificateVerifier {
        private val trusts by lazy { X509TrustManagerExtensions(TrustManagerVerifier.system()) }

        override fun verify(server: String, chain: List<X509Certificate>) {
            trusts.checkServerTrusted(chain.toTypedArray(), TrustManagerVerifier.KEY_EXCHANGE, server)
        }
    }

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

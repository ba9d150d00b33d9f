package android.net.http;

import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.net.ssl.X509TrustManager;

/** What AndroidPlatform uses of Android's class, to type-check it on a machine without the SDK. Never shipped. */
public class X509TrustManagerExtensions {
    public X509TrustManagerExtensions(X509TrustManager trusts) {}

    public List<X509Certificate> checkServerTrusted(X509Certificate[] chain, String authType, String host)
        throws CertificateException {
        return null;
    }
}

package android.content;

/** What AndroidPlatform uses of Android's class, to type-check it on a machine without the SDK. Never shipped. */
public abstract class Context {
    public abstract java.io.File getNoBackupFilesDir();
}

package org.tandem

/** What the operating system owns and the core borrows. */
interface Platform {
    /** Keeps the core's keys. Called on a thread that may block; may throw. */
    val secrets: SecretStore

    /** The sound of a call that says nothing else. */
    val audio: AudioPath get() = AudioPath.Device
}

/** Implemented by the app: where the core's keys are kept. */
typealias SecretStore = org.tandem.ffi.SecretStore

typealias LogLevel = org.tandem.ffi.LogLevel
typealias LogLine = org.tandem.ffi.LogLine

/** How far a [Tandem] has come. */
typealias Stage = org.tandem.ffi.Stage

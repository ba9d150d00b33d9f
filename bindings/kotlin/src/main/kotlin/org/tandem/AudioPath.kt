package org.tandem

import org.tandem.ffi.AudioPath as FfiAudioPath

/** Where a call's sound comes from and goes to. */
sealed interface AudioPath {
    /** Microphone and loudspeaker. */
    data object Device : AudioPath

    /** Plays one WAV file to the far end, and records what it says in another. */
    data class File(val play: java.io.File? = null, val record: java.io.File? = null) : AudioPath

    /** A steady tone. */
    data class Tone(val hertz: Float, val record: java.io.File? = null) : AudioPath
    data object Silent : AudioPath
}

internal fun AudioPath.ffi(): FfiAudioPath = when (this) {
    is AudioPath.Device -> FfiAudioPath.Device
    is AudioPath.File -> FfiAudioPath.File(play?.path, record?.path)
    is AudioPath.Tone -> FfiAudioPath.Tone(hertz, record?.path)
    is AudioPath.Silent -> FfiAudioPath.Silent
}

package org.tandem

/**
 * What went wrong. [message] is a text for a person, which fits "failed: …"; the fields are for the program.
 * It never carries an address, a name or a password.
 */
sealed class TandemException(message: String, cause: Throwable? = null) : Exception(message, cause) {
    /** That cannot be asked at this [stage]. */
    class NotRunning(val stage: Stage, message: String, cause: Throwable? = null) : TandemException(message, cause)

    /** The data folder cannot be used. */
    class Storage(val problem: StorageProblem, message: String, cause: Throwable) : TandemException(message, cause)

    /** The platform's secret store failed; [reason] is the first line of what it threw. */
    class Secrets(val reason: String, message: String, cause: Throwable) : TandemException(message, cause)

    /** Not while a call is up. */
    class CallUp(message: String, cause: Throwable) : TandemException(message, cause)

    /** A fault of the core. */
    class Internal(message: String, cause: Throwable) : TandemException(message, cause)
}

/** Of accounts. */
sealed class AccountException(message: String, cause: Throwable? = null) : TandemException(message, cause) {
    class InvalidAddress(message: String, cause: Throwable) : AccountException(message, cause)
    class InvalidServer(message: String, cause: Throwable) : AccountException(message, cause)
    class InvalidLocalAddress(message: String, cause: Throwable) : AccountException(message, cause)
    class Exists(message: String, cause: Throwable) : AccountException(message, cause)
    class Unknown(message: String = "there is no such account", cause: Throwable? = null) :
        AccountException(message, cause)
    class NotAuthorised(message: String, cause: Throwable) : AccountException(message, cause)

    /** [status] is SIP's. */
    class Refused(val status: Int, message: String, cause: Throwable) : AccountException(message, cause)
    class Unreachable(message: String, cause: Throwable) : AccountException(message, cause)
    class ServerFailed(val status: Int, message: String, cause: Throwable) : AccountException(message, cause)
    class Cancelled(message: String, cause: Throwable) : AccountException(message, cause)
}

/** Of calls. */
sealed class CallException(message: String, cause: Throwable? = null) : TandemException(message, cause) {
    class InvalidTarget(message: String, cause: Throwable) : CallException(message, cause)

    /** At most [limit] keys at a time. */
    class InvalidKeys(val limit: Int, message: String, cause: Throwable) : CallException(message, cause)
    class NoAccount(message: String, cause: Throwable) : CallException(message, cause)
    class TooManyCalls(message: String, cause: Throwable) : CallException(message, cause)

    /** Also a call that is over. */
    class Unknown(message: String = "there is no such call", cause: Throwable? = null) : CallException(message, cause)
    class NotNow(val obstacle: Obstacle, message: String, cause: Throwable) : CallException(message, cause)
    class NoSound(val problem: SoundProblem, message: String, cause: Throwable) : CallException(message, cause)
}

/** Of the history. */
sealed class HistoryException(message: String, cause: Throwable) : TandemException(message, cause) {
    class InvalidPlace(message: String, cause: Throwable) : HistoryException(message, cause)
}

typealias Obstacle = org.tandem.ffi.Obstacle
typealias SoundProblem = org.tandem.ffi.SoundProblem
typealias StorageProblem = org.tandem.ffi.StorageProblem

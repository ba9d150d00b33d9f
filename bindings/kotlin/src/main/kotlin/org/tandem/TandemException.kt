package org.tandem

/**
 * What went wrong. [message] is a text for a person, which fits "failed: …"; the fields are for the program.
 * It never carries an address, a name or a password.
 *
 * One class an area, and in it the same words as in Swift: `AccountException.Refused` here is
 * `AccountError.Refused` there.
 */
sealed class TandemException(message: String, cause: Throwable?) : Exception(message, cause)

/** Of starting, sleeping and waking. */
sealed class LifecycleException(message: String, cause: Throwable?) : TandemException(message, cause) {
    /** The core is not at work, or not in the [stage] for it. */
    class NotRunning(val stage: Stage, message: String, cause: Throwable? = null) : LifecycleException(message, cause)

    /** Not while a call is up. */
    class CallUp(message: String, cause: Throwable) : LifecycleException(message, cause)

    /** The data folder cannot be used. */
    class Storage(val problem: StorageProblem, message: String, cause: Throwable) : LifecycleException(message, cause)

    /** The platform's secret store failed; [reason] is what it said: for the app's own log, not for a screen. */
    class Secrets(val reason: String, message: String, cause: Throwable) : LifecycleException(message, cause)

    /** A fault of the core; the log has more. */
    class Internal(message: String, cause: Throwable) : LifecycleException(message, cause)
}

/** Of accounts. */
sealed class AccountException(message: String, cause: Throwable?) : TandemException(message, cause) {
    class InvalidAddress(message: String, cause: Throwable) : AccountException(message, cause)
    class InvalidServer(message: String, cause: Throwable) : AccountException(message, cause)
    class InvalidLocalAddress(message: String, cause: Throwable) : AccountException(message, cause)

    /** The STUN or TURN server at [index] (from 0) cannot be used as it is given. */
    class InvalidIceServer(val index: Int, val problem: IceServerProblem, message: String, cause: Throwable) :
        AccountException(message, cause)
    class Exists(message: String, cause: Throwable) : AccountException(message, cause)
    class Unknown(message: String = "there is no such account", cause: Throwable? = null) :
        AccountException(message, cause)
    class NotAuthorised(message: String, cause: Throwable) : AccountException(message, cause)

    /** [status] is SIP's. */
    class Refused(val status: Int, message: String, cause: Throwable) : AccountException(message, cause)

    /** Nobody answers, or there is no way there. */
    class Unreachable(message: String, cause: Throwable) : AccountException(message, cause)

    /** Nobody listens at the server's address: a wrong port, or a server that is down. */
    class ConnectionRefused(message: String, cause: Throwable) : AccountException(message, cause)

    /** The server cannot be spoken with securely, and nothing was said in the clear instead. */
    class Insecure(val problem: TlsProblem, message: String, cause: Throwable) : AccountException(message, cause)
    class ServerFailed(val status: Int, message: String, cause: Throwable) : AccountException(message, cause)

    /** Nobody waits for the account any more. A cancelled coroutine throws Kotlin's own exception instead. */
    class Cancelled(message: String, cause: Throwable) : AccountException(message, cause)

    /** The core is not at work, or stopped meanwhile. */
    class NotRunning(val stage: Stage, message: String, cause: Throwable? = null) : AccountException(message, cause)
    class Storage(val problem: StorageProblem, message: String, cause: Throwable) : AccountException(message, cause)
    class Internal(message: String, cause: Throwable) : AccountException(message, cause)
}

/** Of calls. */
sealed class CallException(message: String, cause: Throwable?) : TandemException(message, cause) {
    class InvalidTarget(message: String, cause: Throwable) : CallException(message, cause)

    /** At most [limit] keys at a time. */
    class InvalidKeys(val limit: Int, message: String, cause: Throwable) : CallException(message, cause)
    class NoAccount(message: String, cause: Throwable? = null) : CallException(message, cause)
    class TooManyCalls(message: String, cause: Throwable) : CallException(message, cause)

    /** Also a call that is over. */
    class Unknown(message: String = "there is no such call", cause: Throwable? = null) : CallException(message, cause)

    /** The call is not in a state for it, or left it meanwhile. */
    class NotNow(val obstacle: Obstacle, message: String, cause: Throwable) : CallException(message, cause)

    /** The far end would not be held, or would not go on. */
    class Refused(message: String, cause: Throwable) : CallException(message, cause)

    /** Nobody waits for the call any more. A cancelled coroutine throws Kotlin's own exception instead. */
    class Cancelled(message: String, cause: Throwable) : CallException(message, cause)
    class NoSound(val problem: SoundProblem, message: String, cause: Throwable) : CallException(message, cause)

    /** The core is not at work, or stopped meanwhile. */
    class NotRunning(val stage: Stage, message: String, cause: Throwable? = null) : CallException(message, cause)
    class Internal(message: String, cause: Throwable) : CallException(message, cause)
}

/** Of the history. */
sealed class HistoryException(message: String, cause: Throwable?) : TandemException(message, cause) {
    class InvalidPlace(message: String, cause: Throwable) : HistoryException(message, cause)

    /** The core is not at work, or stopped meanwhile. */
    class NotRunning(val stage: Stage, message: String, cause: Throwable? = null) : HistoryException(message, cause)
    class Storage(val problem: StorageProblem, message: String, cause: Throwable) : HistoryException(message, cause)
    class Internal(message: String, cause: Throwable) : HistoryException(message, cause)
}

typealias IceServerProblem = org.tandem.ffi.IceServerProblem
typealias Obstacle = org.tandem.ffi.Obstacle
typealias SoundProblem = org.tandem.ffi.SoundProblem
typealias StorageProblem = org.tandem.ffi.StorageProblem
typealias TlsProblem = org.tandem.ffi.TlsProblem

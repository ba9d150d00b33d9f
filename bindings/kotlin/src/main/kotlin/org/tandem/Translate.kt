package org.tandem

import java.util.concurrent.CancellationException
import org.tandem.ffi.InternalException
import org.tandem.ffi.AccountException as FfiAccount
import org.tandem.ffi.CallException as FfiCall
import org.tandem.ffi.HistoryException as FfiHistory
import org.tandem.ffi.LifecycleException as FfiLifecycle

/** Whose errors a question may throw; the core has two that no area has made. */
internal enum class Area(
    val notRunning: (Stage, String, Throwable) -> TandemException,
    val internal: (String, Throwable) -> TandemException,
) {
    LIFECYCLE(LifecycleException::NotRunning, LifecycleException::Internal),
    ACCOUNT(AccountException::NotRunning, AccountException::Internal),
    CALL(CallException::NotRunning, CallException::Internal),
    HISTORY(HistoryException::NotRunning, HistoryException::Internal),
}

/** Runs [body] and says what it throws in the words of this layer. */
internal inline fun <T> translating(area: Area, body: () -> T): T = try {
    body()
} catch (problem: Exception) {
    throw problem.translated(area)
}

// The generated errors have their readable text in toString().
@PublishedApi
internal fun Exception.translated(area: Area): Exception = when (this) {
    is FfiAccount -> idiomatic(toString())
    is FfiCall -> idiomatic(toString())
    is FfiHistory -> idiomatic(toString())
    is FfiLifecycle -> idiomatic(toString())
    is InternalException -> area.internal("the core failed inside", this)
    is CancellationException -> this
    // UniFFI's word for a handle that was closed.
    is IllegalStateException -> area.notRunning(Stage.ENDED, "the core has been shut down", this)
    else -> this
}

private fun FfiAccount.idiomatic(text: String): TandemException = when (this) {
    is FfiAccount.InvalidAddress -> AccountException.InvalidAddress(text, this)
    is FfiAccount.InvalidServer -> AccountException.InvalidServer(text, this)
    is FfiAccount.InvalidLocalAddress -> AccountException.InvalidLocalAddress(text, this)
    is FfiAccount.InvalidIceServer -> AccountException.InvalidIceServer(index.toInt(), problem, text, this)
    is FfiAccount.Exists -> AccountException.Exists(text, this)
    is FfiAccount.Unknown -> AccountException.Unknown(text, this)
    is FfiAccount.NotAuthorised -> AccountException.NotAuthorised(text, this)
    is FfiAccount.Refused -> AccountException.Refused(status.toInt(), text, this)
    is FfiAccount.Unreachable -> AccountException.Unreachable(text, this)
    is FfiAccount.ConnectionRefused -> AccountException.ConnectionRefused(text, this)
    is FfiAccount.Insecure -> AccountException.Insecure(problem, text, this)
    is FfiAccount.ServerFailed -> AccountException.ServerFailed(status.toInt(), text, this)
    is FfiAccount.Cancelled -> AccountException.Cancelled(text, this)
    is FfiAccount.NotRunning -> AccountException.NotRunning(stage, text, this)
    is FfiAccount.Storage -> AccountException.Storage(problem, text, this)
    is FfiAccount.Internal -> AccountException.Internal(text, this)
}

private fun FfiCall.idiomatic(text: String): TandemException = when (this) {
    is FfiCall.InvalidTarget -> CallException.InvalidTarget(text, this)
    is FfiCall.InvalidKeys -> CallException.InvalidKeys(limit.toInt(), text, this)
    is FfiCall.NoAccount -> CallException.NoAccount(text, this)
    is FfiCall.TooManyCalls -> CallException.TooManyCalls(text, this)
    is FfiCall.Unknown -> CallException.Unknown(text, this)
    is FfiCall.NotNow -> CallException.NotNow(obstacle, text, this)
    is FfiCall.Refused -> CallException.Refused(text, this)
    is FfiCall.Cancelled -> CallException.Cancelled(text, this)
    is FfiCall.NoSound -> CallException.NoSound(problem, text, this)
    is FfiCall.NotRunning -> CallException.NotRunning(stage, text, this)
    is FfiCall.Internal -> CallException.Internal(text, this)
}

private fun FfiHistory.idiomatic(text: String): TandemException = when (this) {
    is FfiHistory.InvalidPlace -> HistoryException.InvalidPlace(text, this)
    is FfiHistory.NotRunning -> HistoryException.NotRunning(stage, text, this)
    is FfiHistory.Storage -> HistoryException.Storage(problem, text, this)
    is FfiHistory.Internal -> HistoryException.Internal(text, this)
}

private fun FfiLifecycle.idiomatic(text: String): TandemException = when (this) {
    is FfiLifecycle.NotRunning -> LifecycleException.NotRunning(stage, text, this)
    is FfiLifecycle.CallUp -> LifecycleException.CallUp(text, this)
    is FfiLifecycle.Storage -> LifecycleException.Storage(problem, text, this)
    is FfiLifecycle.Secrets -> LifecycleException.Secrets(reason, text, this)
    is FfiLifecycle.Internal -> LifecycleException.Internal(text, this)
}

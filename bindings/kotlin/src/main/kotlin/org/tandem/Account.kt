package org.tandem

import java.time.Duration
import kotlinx.coroutines.flow.mapNotNull
import org.tandem.ffi.AccountUpdate
import org.tandem.ffi.AccountInfo as FfiAccountInfo
import org.tandem.ffi.AccountState as FfiAccountState
import org.tandem.ffi.SignInProblem as FfiSignInProblem

/** An account of this device. */
class Account internal constructor(private val core: Core, private val ffiId: ULong) {
    val id: Long get() = ffiId.toLong()

    /** As it is now; `null` once it is removed. */
    val info: AccountInfo? get() = core.look { it.account(ffiId)?.use { account -> account.info() } }?.idiomatic()

    /** Whether it is signed in; ends when it is removed. */
    val state: LiveFlow<AccountState> = LiveFlow(
        core.updates({ it.account(ffiId)?.use { account -> account.updates() } }, { it.next() }).mapNotNull { update ->
            when (update) {
                is AccountUpdate.State -> update.account.state.idiomatic()
                is AccountUpdate.Lagged -> null // the next one is the present state
            }
        },
        { info?.state ?: AccountState.Offline },
    )

    /** Signs out and forgets it. */
    suspend fun remove() = core.ask(Area.ACCOUNT) { it.account(ffiId)?.use { account -> account.remove() } ?: Unit }
}

data class AccountInfo(val id: Long, val address: String, val state: AccountState)

sealed interface AccountState {
    /** Not asked to sign in, or signed out: nobody can call it. Every account while the core sleeps. */
    data object Offline : AccountState

    /** Without a server: it can be called at its address. */
    data object Listening : AccountState
    data object Connecting : AccountState

    /** Calls reach it; the server is asked again within [expires]. */
    data class Online(val expires: Duration) : AccountState

    /** [retryIn] is `null` when only the person can mend it. */
    data class Failed(val problem: SignInProblem, val retryIn: Duration?) : AccountState
}

sealed interface SignInProblem {
    data object NotAuthorised : SignInProblem
    data class Refused(val status: Int) : SignInProblem

    /** Nobody answers, or there is no way there. */
    data object Unreachable : SignInProblem

    /** Nobody listens at the server's address. */
    data object ConnectionRefused : SignInProblem

    /** The server cannot be spoken with securely, and nothing was said in the clear instead. */
    data class Insecure(val problem: TlsProblem) : SignInProblem
    data class ServerFailed(val status: Int) : SignInProblem
    data object InvalidServer : SignInProblem
}

internal fun FfiAccountInfo.idiomatic() = AccountInfo(id.toLong(), address, state.idiomatic())

internal fun FfiAccountState.idiomatic(): AccountState = when (this) {
    is FfiAccountState.Offline -> AccountState.Offline
    is FfiAccountState.Listening -> AccountState.Listening
    is FfiAccountState.Connecting -> AccountState.Connecting
    is FfiAccountState.Online -> AccountState.Online(expires)
    is FfiAccountState.Failed -> AccountState.Failed(problem.idiomatic(), retryIn)
}

private fun FfiSignInProblem.idiomatic(): SignInProblem = when (this) {
    is FfiSignInProblem.NotAuthorised -> SignInProblem.NotAuthorised
    is FfiSignInProblem.Refused -> SignInProblem.Refused(status.toInt())
    is FfiSignInProblem.Unreachable -> SignInProblem.Unreachable
    is FfiSignInProblem.ConnectionRefused -> SignInProblem.ConnectionRefused
    is FfiSignInProblem.Insecure -> SignInProblem.Insecure(problem)
    is FfiSignInProblem.ServerFailed -> SignInProblem.ServerFailed(status.toInt())
    is FfiSignInProblem.InvalidServer -> SignInProblem.InvalidServer
}

package org.tandem

import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.mapNotNull
import org.tandem.ffi.AccountListUpdate
import org.tandem.ffi.SipSettings

/** The accounts of this device. */
class Accounts internal constructor(private val core: Core) {
    /** Every account, anew whenever one changes. */
    val all: StateFlow<List<AccountInfo>> = AskedStateFlow(
        core.updates({ it.accountUpdates() }, { it.next() }).mapNotNull { update ->
            when (update) {
                is AccountListUpdate.Accounts -> update.accounts.map { it.idiomatic() }
                is AccountListUpdate.Lagged -> null // the next one is everything there is
            }
        },
        { core.look { it.accounts() }.orEmpty().map { it.idiomatic() } },
    )

    /**
     * Adds a SIP account and signs it in; back when the server has let it in. Cancelling takes it back.
     *
     * @throws AccountException what a person can act on; then there is no such account
     */
    suspend fun addSip(
        address: String,
        password: String? = null,
        server: String? = null,
        user: String? = null,
        displayName: String? = null,
        transport: Transport? = null,
        localAddress: String? = null,
    ): Account = core.ask(Area.ACCOUNT) { core ->
        val settings = SipSettings(address, password, server, user, displayName, transport, localAddress)
        core.addSip(settings, null).use { Account(this.core, it.id()) }
    }

    /** Adds an account without a server, called at `IP` or `IP:PORT` of this device. */
    suspend fun addDirect(localAddress: String, transport: Transport = Transport.UDP): Account =
        core.ask(Area.ACCOUNT) { core -> core.addDirect(localAddress, transport).use { Account(this.core, it.id()) } }

    /** The account with this id. */
    operator fun get(id: Long): Account? =
        core.look { core -> core.account(id.toULong())?.use { Account(this.core, it.id()) } }
}

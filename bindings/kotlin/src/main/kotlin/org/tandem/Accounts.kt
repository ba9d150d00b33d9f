package org.tandem

import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.mapNotNull
import org.tandem.ffi.AccountListUpdate

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
    suspend fun addSip(address: String, password: String? = null, settings: SipSettings = SipSettings()): Account =
        core.ask(Area.ACCOUNT) { core ->
            core.addSip(settings.ffi(address, password), null).use { Account(this.core, it.id()) }
        }

    /**
     * Adds an account without a server, called at `IP` or `IP:PORT` of this device.
     *
     * @throws AccountException the address, or a STUN or TURN server, cannot be used
     */
    suspend fun addDirect(
        localAddress: String,
        transport: Transport = Transport.AUTOMATIC,
        mediaSecurity: MediaSecurity = MediaSecurity.PREFERRED,
        ice: IceConfig = IceConfig(),
    ): Account = core.ask(Area.ACCOUNT) { core ->
        core.addDirect(directSettings(localAddress, transport, mediaSecurity, ice)).use { Account(this.core, it.id()) }
    }

    /** The account with this id. */
    operator fun get(id: Long): Account? =
        core.look { core -> core.account(id.toULong())?.use { Account(this.core, it.id()) } }
}

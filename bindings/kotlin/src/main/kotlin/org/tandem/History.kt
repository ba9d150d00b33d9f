package org.tandem

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.conflate
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.mapNotNull
import org.tandem.ffi.HistoryUpdate
import org.tandem.ffi.HistoryChange as FfiHistoryChange

/** The calls of the past. */
class History internal constructor(private val core: Core) {
    /** What changes; begins with [HistoryChange.Everything]. */
    val changes: Flow<HistoryChange> = core.updates({ it.historyUpdates() }, { it.next() }).mapNotNull { update ->
        when (update) {
            is HistoryUpdate.Changed -> update.change.idiomatic()
            is HistoryUpdate.Lagged -> null // Everything is next
        }
    }

    /** The newest calls, read anew whenever one changes. */
    fun newest(limit: Int = 50): Flow<List<CallRecord>> = changes.conflate().map { page(limit = limit).calls }

    /** Every call, newest first, read page by page as the collector goes on. */
    val calls: Flow<CallRecord> = flow {
        var next: String? = null
        do {
            val page = page(next)
            page.calls.forEach { emit(it) }
            next = page.next
        } while (next != null)
    }

    /**
     * A page, newest first: the first one, or the one at [before], which is [HistoryPage.next] of another. Rows that
     * cannot be read are left out, and counted in [HistoryPage.unreadable].
     *
     * @throws HistoryException not such a place
     */
    suspend fun page(before: String? = null, limit: Int = 50): HistoryPage =
        core.ask(Area.HISTORY) { it.historyPage(before, limit.coerceAtLeast(0).toUInt()) }
}

sealed interface HistoryChange {
    /** Read what is shown again. */
    data object Everything : HistoryChange

    /** This call came, or changed. */
    data class Call(val id: String) : HistoryChange
}

typealias CallRecord = org.tandem.ffi.CallRecord
typealias HistoryPage = org.tandem.ffi.HistoryPage

private fun FfiHistoryChange.idiomatic(): HistoryChange = when (this) {
    is FfiHistoryChange.Everything -> HistoryChange.Everything
    is FfiHistoryChange.Call -> HistoryChange.Call(id)
}

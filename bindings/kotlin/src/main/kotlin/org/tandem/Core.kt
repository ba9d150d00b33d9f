package org.tandem

import java.util.concurrent.CancellationException
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import org.tandem.ffi.TandemCore

/**
 * The one owner of the core's handle. Everything else here knows calls and accounts by id and borrows their
 * handles for one question, so that none is left to the garbage collector.
 */
internal class Core(private val ffi: TandemCore) : AutoCloseable {
    /** Asks for something that may fail, in the words of its [area]. */
    suspend fun <T> ask(area: Area, question: suspend (TandemCore) -> T): T = translating(area) { question(ffi) }

    /** Reads something; `null` once the core is gone. */
    fun <T> look(read: (TandemCore) -> T): T? = try {
        read(ffi)
    } catch (_: IllegalStateException) {
        null
    }

    /** [look] for what has to wait. */
    suspend fun <T> lookLater(read: suspend (TandemCore) -> T): T? = try {
        read(ffi)
    } catch (cancelled: CancellationException) {
        throw cancelled
    } catch (_: IllegalStateException) {
        null
    }

    /**
     * A subscription as a flow: made when somebody collects, freed when they leave, ended when it ends.
     * [subscribe] gives `null` when there is nothing to hear about any more.
     */
    fun <S : AutoCloseable, U : Any> updates(
        subscribe: (TandemCore) -> S?,
        next: suspend (S) -> U?,
    ): Flow<U> = flow {
        val subscription = look(subscribe) ?: return@flow
        subscription.use { while (true) emit(next(it) ?: break) }
    }

    override fun close() = ffi.close()
}

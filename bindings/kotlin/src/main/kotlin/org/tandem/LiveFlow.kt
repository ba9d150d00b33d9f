package org.tandem

import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.FlowCollector
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.distinctUntilChanged

/**
 * A flow that begins with what is, goes on with what changes, and ends when what it tells about has ended.
 * (A `StateFlow` never ends: nothing written after its `collect` would run.)
 */
class LiveFlow<out T> internal constructor(changes: Flow<T>, private val read: () -> T) :
    Flow<T> by changes.distinctUntilChanged() {
    /** As it is now. */
    val value: T get() = read()
}

/**
 * A [StateFlow] that needs no coroutine of its own: the core is asked for its value, and every collector has
 * its own subscription.
 */
internal class AskedStateFlow<out T>(changes: Flow<T>, private val read: () -> T) : StateFlow<T> {
    private val changes = changes.distinctUntilChanged()

    override val value: T get() = read()
    override val replayCache: List<T> get() = listOf(value)

    override suspend fun collect(collector: FlowCollector<T>): Nothing {
        changes.collect(collector)
        awaitCancellation()
    }
}

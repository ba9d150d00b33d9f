package org.tandem

import java.io.File
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import org.tandem.ffi.CoreConfig
import org.tandem.ffi.LogSink
import org.tandem.ffi.TandemCore
import org.tandem.ffi.forwardLog

/**
 * Telephone and chat in one. [open] is cheap and runs nothing; [start] goes to work; [shutdown] ends it for good.
 *
 * Flows may be collected at any time, also before [start]; they live over [suspend] and [resume] and end with
 * [shutdown]. Cancelling whoever collects, or waits, reaches the core.
 */
class Tandem private constructor(ffi: TandemCore, platform: Platform) : AutoCloseable {
    private val core = Core(ffi)

    val accounts = Accounts(core)
    val calls = Calls(core, platform)
    val history = History(core)

    /** How far it has come. */
    suspend fun stage(): Stage = core.lookLater { it.stage() } ?: Stage.ENDED

    /**
     * Opens the data folder and goes to work. Nothing happens if it is at work already.
     *
     * @throws LifecycleException the folder or the secret store cannot be used; it sleeps ([resume] is meant then),
     *   or was shut down
     */
    suspend fun start() = core.ask(Area.LIFECYCLE) { it.start() }

    /**
     * Signs out and lets go of sockets, timers and files; then the system may freeze the process. Whoever calls while
     * it is on its way is told that nobody is there; nothing rings here.
     *
     * @throws LifecycleException.CallUp while there is a call, also one that only rings
     */
    suspend fun suspend() = core.ask(Area.LIFECYCLE) { it.suspend() }

    /** Back to work, with the accounts it had. */
    suspend fun resume() = core.ask(Area.LIFECYCLE) { it.resume() }

    /**
     * Hangs up, signs out and ends every flow. Never fails; twice is fine. There are no accounts and no calls any more,
     * and a flow that is collected later ends at once; only that of a [Call] still gives its last state.
     */
    suspend fun shutdown() = withContext(NonCancellable) {
        core.lookLater { it.shutdown() }
        core.close()
    }

    /** [shutdown] for `use`; waits for it, so not for the main thread. */
    override fun close() = runBlocking { shutdown() }

    companion object {
        fun open(filesDir: File, platform: Platform, options: Options = Options()): Tandem {
            val config = CoreConfig(
                directory = filesDir.path,
                userAgent = options.userAgent,
                maxCalls = options.maxCalls?.toUInt(),
                eventBacklog = options.eventBacklog?.toUInt(),
            )
            val certificates = platform.certificates?.plain()
            val core = translating(Area.LIFECYCLE) { TandemCore(config, platform.secrets.plain(), certificates) }
            return Tandem(core, platform)
        }

        /** Gives the log of the process to [sink], which has a thread of its own; the last caller gets it. */
        fun forwardLog(level: LogLevel, sink: (LogLine) -> Unit): Boolean =
            forwardLog(object : LogSink { override fun log(line: LogLine) = sink(line) }, level)
    }
}

/** What hardly anybody needs to change; `null` is the core's own choice. */
data class Options(
    val userAgent: String? = null,
    /** Calls at one time. */
    val maxCalls: Int? = null,
    /** How many events a reader may be behind before it is [CallEvent.Lagged]. */
    val eventBacklog: Int? = null,
)

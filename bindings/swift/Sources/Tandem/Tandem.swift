import Foundation
import TandemFFI

/// The core of a phone: accounts, calls and their history.
///
/// ```swift
/// let tandem = try Tandem(directory: .applicationSupportDirectory, platform: ApplePlatform())
/// try await tandem.start()
/// try await tandem.accounts.addSIP("sip:1001@pbx.example.org", password: password)
/// let call = try await tandem.calls.place(to: "sip:1002@pbx.example.org")
/// for await state in call.states { show(state) }
/// ```
///
/// Everything may be called from any task. What is asked for is done even if the task that asked is
/// cancelled, except signing in and placing a call: those are taken back.
public final class Tandem: Sendable {
    public let accounts: Accounts
    public let calls: Calls
    public let history: History
    private let core: TandemFFI.TandemCore

    /// Cheap: nothing runs before `start()`.
    ///
    /// - Parameters:
    ///   - directory: Where everything is kept; made if it is not there. Two running cores cannot share it.
    ///   - platform: What only the operating system can do.
    ///   - options: What few apps need to change.
    /// - Throws: `LifecycleError` if the system gives the process no thread.
    public init(directory: URL, platform: any Platform, options: Options = Options()) throws {
        let config = CoreConfig(
            directory: directory.path, userAgent: options.userAgent, maxCalls: options.maxCalls,
            eventBacklog: options.eventBacklog)
        core = try TandemCore(
            config: config, secrets: PlainSecrets(platform.secrets),
            certificates: platform.certificates)
        accounts = Accounts(core)
        calls = Calls(core)
        history = History(core)
    }

    /// What few apps need to change; nil is the core's own choice.
    public struct Options: Sendable {
        /// How the app names itself to servers.
        public var userAgent: String?
        /// Calls at one time; more are refused as busy.
        public var maxCalls: UInt32?
        /// Events a reader may be behind before it is told that it lagged.
        public var eventBacklog: UInt32?

        public init(
            userAgent: String? = nil, maxCalls: UInt32? = nil, eventBacklog: UInt32? = nil
        ) {
            self.userAgent = userAgent
            self.maxCalls = maxCalls
            self.eventBacklog = eventBacklog
        }
    }

    /// Opens the folder and begins to work. Nothing happens if it is at work already.
    ///
    /// - Throws: `LifecycleError`: the folder or the secrets cannot be used, it sleeps (`resume()` is meant
    ///   then), or it was shut down.
    public func start() async throws { try await core.start() }

    /// Signs out and closes sockets and files; returns when the system may freeze the process. Whoever calls
    /// while it is on its way is told that nobody is there; nothing rings here.
    ///
    /// - Throws: `LifecycleError`, `CallUp` while there is a call.
    public func suspend() async throws { try await core.suspend() }

    /// Goes on after `suspend()`; accounts sign in again by themselves.
    ///
    /// - Throws: `LifecycleError`
    public func resume() async throws { try await core.resume() }

    /// Ends for good: hangs up, signs out, and ends every `for await`. Doing it twice is fine.
    ///
    /// There are no accounts and no calls any more, and a loop that is begun later ends at once; only that
    /// over a call's states still gives how it ended.
    public func shutdown() async { await core.shutdown() }

    /// What the core is doing.
    public var stage: Stage {
        get async { await core.stage() }
    }

    /// Gives the log of the whole process to `sink`, down to `level`; the last one to ask has it.
    ///
    /// No address, name, password or key is in it. A sink that throws loses that line only.
    ///
    /// - Returns: False if something else took the process's log first.
    @discardableResult
    public static func forwardLog(to sink: any LogSink, level: LogLevel = .info) -> Bool {
        TandemFFI.forwardLog(sink: sink, level: level)
    }
}

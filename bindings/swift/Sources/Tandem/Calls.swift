import TandemFFI

/// The calls of this device.
public struct Calls: Sendable {
    private let core: TandemFFI.TandemCore

    init(_ core: TandemFFI.TandemCore) { self.core = core }

    /// Calls that ring here, each once; a new loop begins with those that ring already.
    public var incoming: Updates<Call> {
        Updates { [core] in core.incomingCalls().reader }
    }

    /// The calls there are now.
    public var list: [CallInfo] { core.calls() }

    /// The call with this id, if it is up or ended a short while ago.
    public subscript(id: String) -> Call? { core.call(id: id).map(Call.init) }

    /// Calls somebody; returns as soon as the call is on its way, `Call.states` tells the rest.
    ///
    /// Cancelling the task before that ends the wait at once, and hangs up whatever comes of it.
    ///
    /// - Parameters:
    ///   - target: `sip:bob@example.org`, or what the account's server makes an address of.
    ///   - audio: Where sound comes from and goes to.
    ///   - account: Whose call it is; the first that is online if nil.
    /// - Throws: `CallError`, or `CancellationError`.
    public func place(
        to target: String, audio: AudioPath = .device, from account: Account? = nil
    ) async throws -> Call {
        let token = CancelToken()
        return try await withTaskCancellationHandler {
            do {
                return Call(
                    try await core.placeCall(
                        target: target, audio: audio, account: account?.inner, cancel: token))
            } catch CallError.Cancelled {
                throw CancellationError()
            }
        } onCancel: {
            token.cancel()
        }
    }
}

import Foundation
import Tandem
import XCTest

final class SnippetTests: XCTestCase {
    /// The design's page for Swift, as far as accounts and calls go.
    func test_snippet_compiles() async throws {
        let registrar = try Registrar(users: "alice:wonderland", "bob:builder")
        defer { registrar.end() }
        let phone = try await Phone("bob", user: "bob", password: "builder", at: registrar)
        let rejecting = Task {
            for await call in phone.tandem.calls.incoming { try? await call.reject(.declined) }
        }
        let (bob, password) = (phone.address, "wonderland")
        var seen: [CallState] = []
        func show(_ state: CallState) { seen.append(state) }

        let tandem = try Tandem(directory: .applicationSupportDirectory, platform: ApplePlatform())
        try await tandem.start()
        try await tandem.accounts.addSIP("sip:alice@\(registrar.address)", password: password)
        do {
            let call = try await tandem.calls.place(to: bob)
            for await state in call.states { show(state) }
        } catch CallError.NoSound {
            // This machine has no sound device, and the page says nothing of that.
            let call = try await tandem.calls.place(to: bob, audio: .silent)
            for await state in call.states { show(state) }
        }
        XCTAssertEqual(seen.last, .ended(reason: .declined))
        await tandem.shutdown()
        await phone.tandem.shutdown()
        await rejecting.value
    }
}

/// This machine's stand-ins for what only Apple's systems have.
private struct ApplePlatform: Platform {
    let secrets = FolderPlatform(folder: .applicationSupportDirectory.appendingPathComponent("keys"))
        .secrets
}

extension URL {
    fileprivate static let applicationSupportDirectory = URL(
        fileURLWithPath: ProcessInfo.processInfo.environment["TANDEM_RUN"] ?? "/nowhere",
        isDirectory: true
    ).appendingPathComponent("application-support")
}

import Foundation
import Tandem
import XCTest

final class CallTests: XCTestCase {
    func test_call_direct() async throws {
        let (alice, bob) = (try await Phone("alice"), try await Phone("bob"))
        let call = try await alice.calls(bob)
        let ringing = try await bob.rings()
        XCTAssertEqual(ringing.info?.peer, alice.address)
        XCTAssertEqual(ringing.info?.state, .incoming)
        XCTAssertEqual(ringing.info?.direction, .incoming)
        try await until(call) { $0 == .ringing }
        try await ringing.answer(audio: .silent)
        try await isActive(call)
        try await isActive(ringing)
        XCTAssertNotNil(call.info?.accepted)
        try await call.hangUp()
        let reasons = (try await ends(call), try await ends(ringing))
        XCTAssertEqual(reasons.0, .localHangUp)
        XCTAssertEqual(reasons.1, .remoteHangUp)
        await alice.tandem.shutdown()
        await bob.tandem.shutdown()
    }

    func test_call_registrar() async throws {
        let registrar = try Registrar(users: "alice:wonderland", "bob:builder")
        defer { registrar.end() }
        let alice = try await Phone("alice", user: "alice", password: "wonderland", at: registrar)
        let bob = try await Phone("bob", user: "bob", password: "builder", at: registrar)
        guard case .online = alice.account.info?.state else {
            return XCTFail("\(String(describing: alice.account.info))")
        }
        let (call, there) = try await talk(alice, bob)
        XCTAssertEqual(there.info?.peer, alice.address)
        try await there.hangUp()
        let reason = try await ends(call)
        XCTAssertEqual(reason, .remoteHangUp)
        try await alice.account.remove()
        XCTAssertNil(alice.account.info)
        await alice.tandem.shutdown()
        await bob.tandem.shutdown()
    }

    func test_call_controls() async throws {
        let (alice, bob) = (try await Phone("alice"), try await Phone("bob"))
        let (call, there) = try await talk(alice, bob)
        try await call.mute(true)
        XCTAssertEqual(call.info?.muted, true)
        try await call.mute(false)
        XCTAssertEqual(call.info?.muted, false)

        try await call.hold()
        XCTAssertTrue(isHeld(call, by: .local), "agreed when it returns")
        try await until(there) { if case .held(_, .remote) = $0 { true } else { false } }
        try await call.resume()
        guard case .active = call.info?.state else { return XCTFail("agreed when it returns") }
        try await isActive(there)

        let keys = try await hearing(there)
        try await call.sendDTMF("42#")
        let heard = try await soon { await keys.value }
        XCTAssertEqual(heard, "42#")
        await alice.tandem.shutdown()
        await bob.tandem.shutdown()
    }

    /// `call.mute(true); call.hold(); call.sendDTMF("42#")`, at once: the hold is agreed, the keys heard.
    func test_hold_then_keys() async throws {
        let (alice, bob) = (try await Phone("alice"), try await Phone("bob"))
        let (call, there) = try await talk(alice, bob)
        let keys = try await hearing(there)
        try await call.mute(true)
        try await call.hold()
        XCTAssertTrue(isHeld(call, by: .local))
        let twice = try await thrown(CallError.self) { try await call.hold() }
        XCTAssertEqual(twice, .NotNow(obstacle: .alreadyHeld))
        try await call.sendDTMF("42#")
        let heard = try await soon { await keys.value }
        XCTAssertEqual(heard, "42#")
        // Whoever is held cannot be heard, and hears that it is so.
        try await until(there) { if case .held(_, .remote) = $0 { true } else { false } }
        let deaf = try await thrown(CallError.self) { try await there.sendDTMF("1") }
        XCTAssertEqual(deaf, .NotNow(obstacle: .onHold))
        try await there.hold()
        XCTAssertTrue(isHeld(there, by: .both))
        try await call.hangUp()
        let reason = try await ends(call)
        XCTAssertEqual(reason, .localHangUp)
        await alice.tandem.shutdown()
        await bob.tandem.shutdown()
    }

    private func isHeld(_ call: Call, by holder: HoldState) -> Bool {
        if case .held(_, holder) = call.info?.state { true } else { false }
    }

    /// The next three keys that this end of the call hears.
    private func hearing(_ call: Call) async throws -> Task<String, Never> {
        let events = call.events
        let keys = Task {
            var keys = ""
            for await update in events {
                if case .event(.keyReceived(let key)) = update { keys += key }
                if keys.count == 3 { break }
            }
            return keys
        }
        // The reader is there before the keys are: events are not replayed.
        try await Task.sleep(for: .milliseconds(100))
        return keys
    }

    func test_call_rejected() async throws {
        let (alice, bob) = (try await Phone("alice"), try await Phone("bob"))
        for (reason, seen) in [(RejectReason.busy, EndReason.busy), (.declined, .declined)] {
            let call = try await alice.calls(bob)
            try await bob.rings().reject(reason)
            let end = try await ends(call)
            XCTAssertEqual(end, seen)
        }
        await alice.tandem.shutdown()
        await bob.tandem.shutdown()
    }

    func test_audio_heard() async throws {
        let (alice, bob) = (try await Phone("alice"), try await Phone("bob"))
        let file = try freshFolder("sound").appendingPathComponent("heard.wav")
        let (call, there) = try await talk(
            alice, bob, audio: .tone(hertz: 697, record: nil),
            far: .file(play: nil, record: file.path))
        try await Task.sleep(for: .seconds(2))
        try await call.hangUp()
        _ = try await ends(there)
        await alice.tandem.shutdown()
        await bob.tandem.shutdown()
        let sound = try Sound(wav: Data(contentsOf: file))
        XCTAssertGreaterThan(sound.samples.count, sound.rate)
        // Its last second: the beginning may be silence before the first packet.
        let pitch = sound.pitch(last: sound.rate)
        XCTAssertEqual(pitch, 697, accuracy: 10)
    }

    func test_history_kept() async throws {
        let folder = try freshFolder("alice")
        let alice = try Phone.core(in: folder)
        try await alice.start()
        try await alice.accounts.addDirect(localAddress: "127.0.0.1")
        let bob = try await Phone("bob")
        var placed: [String] = []
        for _ in 0..<3 {
            let call = try await alice.calls.place(to: bob.address, audio: .silent)
            try await bob.rings().answer(audio: .silent)
            try await isActive(call)
            try await call.hangUp()
            _ = try await ends(call)
            placed.append(call.id)
        }
        let wanted = Array(placed.reversed())
        let newest = try await alice.history.page(limit: 2)
        let oldest = try await alice.history.page(before: newest.next, limit: 2)
        XCTAssertEqual((newest.calls + oldest.calls).map(\.id), wanted)
        XCTAssertNil(oldest.next)
        XCTAssertEqual(newest.calls.first?.endReason, .localHangUp)
        try await eventually("three calls at bob's") {
            (try? await bob.tandem.history.page().calls.filter { $0.ended != nil }.count) == 3
        }
        await alice.shutdown()
        await bob.tandem.shutdown()

        let again = try Phone.core(in: folder)
        try await again.start()
        let kept = try await again.history.page()
        XCTAssertEqual(kept.calls.map(\.id), wanted)
        await again.shutdown()
    }
}

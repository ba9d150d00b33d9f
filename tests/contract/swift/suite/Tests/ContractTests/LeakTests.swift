import Foundation
import Tandem
import XCTest

final class LeakTests: XCTestCase {
    func test_create_close_1000() async throws {
        let folder = try freshFolder("cycles")
        for _ in 0..<200 { try await cycle(folder) }
        let before = try Figures()
        for _ in 200..<1000 { try await cycle(folder) }
        let after = try Figures()
        print("before \(before), after \(after)")
        XCTAssertLessThan(after.kilobytes - before.kilobytes, 8 * 1024, "\(before) → \(after)")
        // Pools of the two runtimes come and go by a few; a leak would be hundreds.
        XCTAssertLessThanOrEqual(after.threads, before.threads + 8, "\(before) → \(after)")
        XCTAssertLessThanOrEqual(after.files, before.files + 2, "\(before) → \(after)")
    }

    private func cycle(_ folder: URL) async throws {
        let tandem = try Phone.core(in: folder)
        try await tandem.start()
        try await tandem.accounts.addDirect(localAddress: "127.0.0.1")
        for await accounts in tandem.accounts.all {
            XCTAssertEqual(accounts.count, 1)
            break
        }
        await tandem.shutdown()
    }
}

/// What this process uses, by /proc.
struct Figures: CustomStringConvertible {
    let kilobytes: Int
    let threads: Int
    let files: Int

    init() throws {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        func field(_ name: String) throws -> Int {
            for line in status.split(separator: "\n") where line.hasPrefix(name + ":") {
                if let value = Int(line.filter(\.isNumber)) { return value }
            }
            throw Unexpected("no \(name) in the process's status")
        }
        kilobytes = try field("VmRSS")
        threads = try field("Threads")
        files = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    }

    var description: String { "\(kilobytes) KiB, \(threads) threads, \(files) files" }
}

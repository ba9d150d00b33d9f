// answerer FOLDER [SECONDS]: a phone that answers one call, for a test in any language to ring.
//
// One JSON object a line: {"address":"sip:…"} once it can be called, {"state":"…"} for each state of the
// call, {"phrase":"…"} once there is a safety phrase, {"ended":"…"} with the reason at the end. It leaves with 0 after the call, with 1 if nobody rang
// for SECONDS (30).

import Foundation
import Tandem

@main
struct Answerer {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count > 1 else {
            FileHandle.standardError.write(Data("usage: answerer FOLDER [SECONDS]\n".utf8))
            exit(2)
        }
        let folder = URL(fileURLWithPath: arguments[1], isDirectory: true)
        let patience = arguments.count > 2 ? Double(arguments[2]) ?? 30 : 30
        let platform = FolderPlatform(folder: folder.appendingPathComponent("secrets"))
        let tandem = try Tandem(directory: folder.appendingPathComponent("data"), platform: platform)
        try await tandem.start()
        let account = try await tandem.accounts.addDirect(localAddress: "127.0.0.1")
        say("address", account.info?.address ?? "")

        let bored = Task {
            try await Task.sleep(for: .seconds(patience))
            await tandem.shutdown()
        }
        var answered = false
        for await call in tandem.calls.incoming {
            bored.cancel()
            answered = true
            try await call.answer(audio: .tone(hertz: 440, record: nil))
            await tell(call)
            break
        }
        await tandem.shutdown()
        exit(answered ? 0 : 1)
    }

    static func tell(_ call: Call) async {
        var told: CallState?
        var phrase: SafetyPhrase?
        for await case .state(let call) in call.updates {
            if call.safetyPhrase != phrase {
                phrase = call.safetyPhrase
                say("phrase", phrase?.words.joined(separator: " ") ?? "")
            }
            if call.state == told { continue }
            told = call.state
            if case .ended(let reason) = call.state {
                say("ended", "\(reason)")
            } else {
                say("state", name(of: call.state))
            }
        }
    }

    /// The case without its fields.
    static func name(of state: CallState) -> String {
        String("\(state)".prefix { $0 != "(" })
    }

    static func say(_ key: String, _ value: String) {
        let line = (try? JSONEncoder().encode([key: value])) ?? Data()
        FileHandle.standardOutput.write(line + Data("\n".utf8))
    }
}

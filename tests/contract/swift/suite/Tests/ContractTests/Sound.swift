import Foundation

/// A 16-bit WAV file, its first channel.
struct Sound {
    let rate: Int
    let samples: [Int16]

    /// A second of silence as a WAV file: 8 kHz, one channel.
    static var silence: Data {
        func bytes(_ number: UInt32, _ count: Int) -> Data {
            Data((0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * UInt32($0))) })
        }
        let format = bytes(1, 2) + bytes(1, 2) + bytes(8000, 4) + bytes(16000, 4) + bytes(2, 2) + bytes(16, 2)
        return Data("RIFF".utf8) + bytes(16036, 4) + Data("WAVEfmt ".utf8) + bytes(16, 4) + format
            + Data("data".utf8) + bytes(16000, 4) + Data(count: 16000)
    }

    init(wav: Data) throws {
        func number(_ at: Int, _ bytes: Int) -> Int {
            (0..<bytes).reduce(0) { $0 | Int(wav[wav.startIndex + at + $1]) << (8 * $1) }
        }
        func name(_ at: Int) -> String {
            String(decoding: wav[(wav.startIndex + at)..<(wav.startIndex + at + 4)], as: UTF8.self)
        }
        guard wav.count > 44, name(0) == "RIFF", name(8) == "WAVE" else {
            throw Unexpected("no WAV file of \(wav.count) bytes")
        }
        var (at, rate, channels) = (12, 0, 1)
        while at + 8 <= wav.count {
            let size = number(at + 4, 4)
            if name(at) == "fmt " {
                channels = number(at + 10, 2)
                rate = number(at + 12, 4)
            } else if name(at) == "data" {
                let frames = min(size, wav.count - at - 8) / (2 * channels)
                self.rate = rate
                samples = (0..<frames).map {
                    Int16(truncatingIfNeeded: number(at + 8 + $0 * 2 * channels, 2))
                }
                return
            }
            at += 8 + size + size % 2
        }
        throw Unexpected("a WAV file without sound")
    }

    /// Hertz by upward zero crossings over the last `count` samples; 0 in silence.
    func pitch(last count: Int) -> Double {
        let end = samples.suffix(count)
        guard let loudest = end.map({ abs(Int($0)) }).max(), loudest > 500 else { return 0 }
        let ups = zip(end, end.dropFirst()).filter { $0 < 0 && $1 >= 0 }.count
        return Double(ups) * Double(rate) / Double(end.count)
    }
}

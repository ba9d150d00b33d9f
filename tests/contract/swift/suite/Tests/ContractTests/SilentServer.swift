import Foundation
import Glibc

/// A UDP port on loopback where nobody answers, or which refuses whatever it is asked.
final class SilentServer: Sendable {
    let address: String
    private let socket: Int32

    init() throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let handle = socket
        let bound = withUnsafeMutablePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                bind(handle, name, size) == 0 && getsockname(handle, name, &size) == 0
            }
        }
        guard bound else { throw Unexpected("no port on loopback") }
        address = "127.0.0.1:\(UInt16(bigEndian: name.sin_port))"
    }

    deinit { close(socket) }

    /// Takes one SIP request and refuses it. Blocks until it comes.
    func refuse(with status: Int) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        var sender = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &sender) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { sender in
                let count = recvfrom(socket, &buffer, buffer.count, 0, sender, &size)
                let request = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
                // Nobody answers an acknowledgement (RFC 3261 §17.1.1.3).
                if request.hasPrefix("ACK ") { return }
                let reply = Array(SilentServer.reply(to: request, status: status).utf8)
                sendto(socket, reply, reply.count, 0, sender, size)
            }
        }
    }

    /// RFC 3261 §8.2.6: these headers come back as they were.
    private static func reply(to request: String, status: Int) -> String {
        let kept = ["via:", "from:", "to:", "call-id:", "cseq:"]
        let lines = request.components(separatedBy: "\r\n")
            .filter { line in kept.contains { line.lowercased().hasPrefix($0) } }
            .map { $0.lowercased().hasPrefix("to:") ? $0 + ";tag=refused" : $0 }
        return (["SIP/2.0 \(status) No"] + lines + ["Content-Length: 0", "", ""])
            .joined(separator: "\r\n")
    }
}

import Foundation
import Glibc

/// A UDP port on loopback where nobody answers.
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
}

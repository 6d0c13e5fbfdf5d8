import Foundation

/// An IPv4 UDP socket of the heartbeat.
final class DatagramSocket: Sendable {
    private let descriptor: Int32
    /// The port the system chose.
    let port: UInt16

    init() throws(CommunicationError) {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else { throw Self.failure("socket") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard bound else {
            let error = Self.failure("bind")
            Foundation.close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit {
        Foundation.close(descriptor)
    }

    private static func failure(_ call: String) -> CommunicationError {
        .system(call: call, code: errno, purpose: "opening the heartbeat's UDP socket")
    }

    /// Sends without waiting. A datagram that is lost is followed by another a second later.
    func send(_ bytes: [UInt8], to endpoint: Endpoint) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = endpoint.address
        address.sin_port = endpoint.port.bigEndian
        _ = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(
                    descriptor, bytes, bytes.count, Int32(MSG_DONTWAIT), $0,
                    socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    /// The next datagram, or `nil` after `milliseconds` without one.
    func receive(milliseconds: Int32) -> [UInt8]? {
        var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&poller, 1, milliseconds) > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return count >= 0 ? Array(bytes.prefix(count)) : nil
    }
}

/// Where datagrams go.
struct Endpoint: Equatable, Sendable {
    /// IPv4, in network byte order.
    let address: UInt32
    let port: UInt16

    /// The address of this host for itself.
    static let loopback = UInt32(0x7F00_0001).bigEndian

    /// IPv4 addresses of this host's interfaces that are up, without loopback.
    static func localAddresses() -> [UInt32] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var addresses: [UInt32] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ifa_next
            let flags = entry.pointee.ifa_flags
            guard let address = entry.pointee.ifa_addr, address.pointee.sa_family == AF_INET,
                flags & UInt32(IFF_UP) != 0, flags & UInt32(IFF_LOOPBACK) == 0
            else { continue }
            address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                addresses.append($0.pointee.sin_addr.s_addr)
            }
        }
        return addresses
    }
}

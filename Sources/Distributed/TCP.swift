import Foundation

/// The few system calls of the heartbeat's IPv4 connections. Descriptors are closed by the caller.
enum TCP {
    /// The address of this host for itself, in network byte order.
    static let loopback = UInt32(0x7F00_0001).bigEndian

    /// A socket that listens on a port the system chooses.
    static func listen() throws(CommunicationError) -> (descriptor: Int32, port: UInt16) {
        let descriptor = try open()
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && Foundation.listen(descriptor, SOMAXCONN) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isListening else {
            let error = failure("listen")
            close(descriptor)
            throw error
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    /// The next connection to a listening socket, if there is one.
    static func accept(_ listener: Int32) -> Int32? {
        let descriptor = Foundation.accept(listener, nil, nil)
        return descriptor >= 0 ? descriptor : nil
    }

    /// A connection to a listening socket, or `nil` if there is none within a second.
    /// - Parameter address: IPv4, in network byte order.
    static func connect(to address: UInt32, port: UInt16) -> Int32? {
        guard let descriptor = try? open() else { return nil }
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_addr.s_addr = address
        target.sin_port = port.bigEndian
        let code = withUnsafePointer(to: &target) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if code == 0 { return descriptor }
        var error: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        if errno == EINPROGRESS, poll(&waiting, 1, 1000) == 1,
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) == 0, error == 0
        {
            return descriptor
        }
        close(descriptor)
        return nil
    }

    /// Sends without waiting and without a signal; what does not fit is lost.
    static func send(_ bytes: [UInt8], on descriptor: Int32) {
        _ = Foundation.send(
            descriptor, bytes, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
    }

    /// What has arrived: bytes, nothing yet (empty), or the end of the connection (`nil`).
    static func receive(on descriptor: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        if count > 0 { return Array(bytes.prefix(count)) }
        return count < 0 && (errno == EAGAIN || errno == EINTR) ? [] : nil
    }

    /// Closes a socket.
    static func close(_ descriptor: Int32) {
        Foundation.close(descriptor)
    }

    /// IPv4 addresses of this host's interfaces that are up, without loopback, in network byte
    /// order.
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

    private static func open() throws(CommunicationError) -> Int32 {
        let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
        let descriptor = socket(AF_INET, Int32(kind), 0)
        guard descriptor >= 0 else { throw failure("socket") }
        return descriptor
    }

    private static func failure(_ call: String) -> CommunicationError {
        .system(call: call, code: errno, purpose: "opening the heartbeat's socket")
    }
}

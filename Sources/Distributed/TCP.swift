import Foundation

/// The few system calls of the heartbeat's IPv4 connections. Descriptors are closed by the caller.
enum TCP {
    /// The address of this host for itself, in network byte order.
    static let loopback = UInt32(0x7F00_0001).bigEndian

    /// All addresses of this host.
    static let anyAddress: UInt32 = 0

    /// A socket that listens on a port the system chooses.
    /// - Parameter local: the address it can be reached at, in network byte order.
    static func listen(
        on local: UInt32
    ) throws(CommunicationError) -> (descriptor: Int32, port: UInt16) {
        let descriptor = try open()
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = local
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

    /// What comes of asking for the next connection.
    enum Acceptance {
        case connection(Int32)
        case none
        /// This process or the machine has no descriptor or memory left for it.
        case exhausted
    }

    /// The next connection to a listening socket, if there is one.
    static func accept(_ listener: Int32) -> Acceptance {
        let descriptor = Foundation.accept(listener, nil, nil)
        if descriptor >= 0 {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            return .connection(descriptor)
        }
        switch errno {
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted
        default: return .none
        }
    }

    /// Descriptors that this process may have open.
    static func descriptorLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return 256
        }
        return Int(clamping: limit.rlim_cur)
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

    /// What became of bytes to be sent.
    enum Sending {
        case all
        /// Nothing was sent, for want of room on the way.
        case nothing
        /// The connection is of no more use.
        case broken
    }

    /// Sends without waiting and without a signal.
    @discardableResult
    static func send(_ bytes: [UInt8], on descriptor: Int32) -> Sending {
        let count = Foundation.send(
            descriptor, bytes, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
        if count == bytes.count { return .all }
        return count < 0 && (errno == EAGAIN || errno == EINTR) ? .nothing : .broken
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

    /// IPv4 addresses of this host's interfaces that are up, without loopback.
    static func localAddresses() -> [InterfaceAddress] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var addresses: [InterfaceAddress] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ifa_next
            let flags = entry.pointee.ifa_flags
            guard let address = entry.pointee.ifa_addr, address.pointee.sa_family == AF_INET,
                let mask = entry.pointee.ifa_netmask,
                flags & UInt32(IFF_UP) != 0, flags & UInt32(IFF_LOOPBACK) == 0
            else { continue }
            addresses.append(
                InterfaceAddress(address: number(address), mask: number(mask)))
        }
        return addresses
    }

    private static func number(_ address: UnsafeMutablePointer<sockaddr>) -> UInt32 {
        address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
            $0.pointee.sin_addr.s_addr
        }
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

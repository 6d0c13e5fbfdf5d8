import Foundation

/// The few system calls by which a client reaches a server. Descriptors are closed by the caller.
package enum ClientConnection {
    /// Why there is no connection.
    package enum Failure: Error, Equatable {
        case unknownHost
        /// With the errno of the last address that was tried.
        case refused(code: Int32)
    }

    /// How long a connection waits.
    package struct Patience: Sendable {
        /// Seconds within which it has to come about, and then to take bytes.
        package var sending: Int
        /// Seconds that may pass without a byte from the other side; no limit unless given.
        package var receiving: Int?

        package init(sending: Int, receiving: Int? = nil) {
            self.sending = sending
            self.receiving = receiving
        }
    }

    /// Connects to a server, by the first of its addresses that takes the connection.
    ///
    /// - Parameter family: kinds of addresses, all of them unless given.
    /// - Returns: the descriptor.
    package static func open(
        host: String, port: Int, family: Int32 = AF_UNSPEC, _ patience: Patience
    ) throws(Failure) -> Int32 {
        var hints = addrinfo()
        hints.ai_family = family
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else { throw .unknownHost }
        defer { freeaddrinfo(list) }
        var (next, cause) = (list, ENOENT)
        while let entry = next?.pointee {
            next = entry.ai_next
            let descriptor = socket(entry.ai_family, entry.ai_socktype, entry.ai_protocol)
            guard descriptor >= 0 else { continue }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            // It holds for connecting, too.
            limit(SO_SNDTIMEO, of: descriptor, to: patience.sending)
            if let seconds = patience.receiving { limit(SO_RCVTIMEO, of: descriptor, to: seconds) }
            if connect(descriptor, entry.ai_addr, entry.ai_addrlen) == 0 { return descriptor }
            cause = errno
            close(descriptor)
        }
        throw .refused(code: cause)
    }

    /// Sends all of some bytes.
    ///
    /// - Returns: whether the other side took them; not where it ended the connection or stood still.
    package static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else {
                if count < 0, errno == EINTR { continue }
                return false
            }
            sent += count
        }
        return true
    }

    private static func limit(_ option: Int32, of descriptor: Int32, to seconds: Int) {
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
}

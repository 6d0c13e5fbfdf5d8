import Files
import Foundation
import Synchronization

/// One request to another server, and its answer as it comes; no thread waits for it.
final class ServerConnection: Sendable {
    /// What has come of the answer, in this order.
    typealias Part = AnswerReader.Part

    /// Where the other server listens.
    struct Place: Sendable {
        /// A name or an IPv4 address.
        let host: String
        let port: Int
    }

    private struct State {
        /// Open while the answer is read.
        var descriptor: Int32?
        var isCut = false
    }

    private let state = Mutex(State())

    /// Seconds within which a connection has to come about, and a request to be sent.
    private static let patience = 10

    /// Sends a request.
    ///
    /// - Parameter request: head and body.
    /// - Returns: the answer's parts; without ``AnswerReader/Part/end`` where the other server hung up
    ///   or could not be reached. Letting go of them ends the connection.
    static func send(_ request: [UInt8], to place: Place) -> AsyncStream<Part> {
        let connection = ServerConnection()
        let (parts, line) = AsyncStream.makeStream(of: Part.self)
        line.onTermination = { _ in connection.cut() }
        DispatchQueue.global().async {
            let descriptor = try? ClientConnection.open(
                host: place.host, port: place.port, family: AF_INET, .init(sending: patience))
            guard let descriptor else { return line.finish() }
            guard ClientConnection.write(request, to: descriptor) else {
                close(descriptor)
                return line.finish()
            }
            connection.read(from: descriptor, line)
        }
        return parts
    }

    /// Reads what comes until all has.
    private func read(from descriptor: Int32, _ line: AsyncStream<Part>.Continuation) {
        let isCut = state.withLock { state in
            state.descriptor = descriptor
            return state.isCut
        }
        if isCut { shutdown(descriptor, Int32(SHUT_RDWR)) }
        let queue = DispatchQueue(label: "answer")
        let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        let reading = Reading()
        // The handler keeps its source until that is cancelled.
        source.setEventHandler { if reading.goOn(descriptor, line) { source.cancel() } }
        source.setCancelHandler { [self] in
            state.withLock { state in
                state.descriptor = nil
                close(descriptor)
            }
            line.finish()
        }
        source.resume()
    }

    /// Ends the connection: whoever asked is gone. What reads it sees that, and closes it.
    private func cut() {
        state.withLock { state in
            state.isCut = true
            if let descriptor = state.descriptor { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// An answer that is being read; the connection's queue alone touches it.
    private final class Reading: @unchecked Sendable {
        // Unchecked because of the reader, which one serial queue touches.
        private var reader = AnswerReader()

        /// Reads what is there. → whether nothing more is to come
        func goOn(_ descriptor: Int32, _ line: AsyncStream<Part>.Continuation) -> Bool {
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            if count < 0, errno == EAGAIN || errno == EINTR { return false }
            guard count > 0 else {
                if reader.isWhole { line.yield(.end) }
                return true
            }
            guard let parts = reader.read(bytes[..<count]) else { return true }
            for part in parts { line.yield(part) }
            return parts.last == .end
        }
    }
}

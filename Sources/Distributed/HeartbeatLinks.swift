import Foundation

/// The heartbeat's connections: every rank has one to each watcher, ranks 0 and 1.
///
/// Connections rather than datagrams, because the kernel closes them when a process dies: the loss
/// of a rank is known within milliseconds, whoever started it. Used by the heartbeat thread only.
final class HeartbeatLinks: @unchecked Sendable {
    /// What came in.
    enum Event {
        case message(HeartbeatMessage)
        /// A rank's connection ended.
        case closed(rank: Int)
    }

    private struct Link {
        let descriptor: Int32
        /// Known from the first message, or from the start towards a watcher.
        var rank: Int?
        let isOutgoing: Bool
        var buffer: [UInt8] = []
    }

    /// Where a watcher listens.
    private struct Target {
        let rank: Int
        let addresses: [UInt32]
        let port: UInt16
    }

    private let size: Int
    private let run: UInt64
    private let listener: Int32?
    private let wakeUp: (reading: Int32, writing: Int32)
    private var targets: [Target] = []
    private var links: [Link] = []

    /// Opens the watchers' sockets and tells all ranks where they listen; collective.
    /// - Throws: ``CommunicationError/agreed(message:rank:host:)`` where a socket cannot be opened.
    init(_ communicator: any Communicator) throws(CommunicationError) {
        var listener: (descriptor: Int32, port: UInt16)?
        var ends: [Int32] = [0, 0]
        var problem: String?
        do throws(CommunicationError) {
            if communicator.rank < 2 { listener = try TCP.listen() }
            guard pipe(&ends) == 0 else {
                throw .system(call: "pipe", code: errno, purpose: "starting the heartbeat")
            }
        } catch {
            problem = error.description
        }
        try communicator.agree(on: problem)
        size = communicator.size
        self.listener = listener?.descriptor
        wakeUp = (ends[0], ends[1])

        // A card: the run's number, the port, the addresses.
        var hash = Fingerprint("\(communicator.hostName) \(getpid())")
        hash.add(Machine.seconds().bitPattern)
        var card = [String(hash.value), listener.map { String($0.port) } ?? ""]
        card += TCP.localAddresses().prefix(8).map(String.init)
        let cards = try communicator.allGather(card.joined(separator: " "))
            .map { $0.split(separator: " ").compactMap { UInt64($0) } }
        run = cards[0].first ?? 0
        for rank in [0, 1] where rank != communicator.rank && cards[rank].count > 1 {
            let isLocal = communicator.hostNames[rank] == communicator.hostName
            let addresses = cards[rank].dropFirst(2).compactMap { UInt32(exactly: $0) }
            targets.append(
                Target(
                    rank: rank, addresses: isLocal ? [TCP.loopback] : addresses,
                    port: UInt16(truncatingIfNeeded: cards[rank][1])))
        }
    }

    deinit {
        for link in links { TCP.close(link.descriptor) }
        if let listener { TCP.close(listener) }
        TCP.close(wakeUp.reading)
        TCP.close(wakeUp.writing)
    }

    /// Connects to the watchers that are not connected yet.
    ///
    /// Which of a host's addresses leads there is not known, so they are tried in turn.
    func connect() {
        for target in targets
        where !links.contains(where: { $0.isOutgoing && $0.rank == target.rank }) {
            for address in target.addresses {
                guard let descriptor = TCP.connect(to: address, port: target.port) else { continue }
                links.append(Link(descriptor: descriptor, rank: target.rank, isOutgoing: true))
                break
            }
        }
    }

    /// Sends to the watchers, or on all connections, by which a watcher says good-bye.
    func send(_ message: HeartbeatMessage, toAll: Bool = false) {
        let bytes = message.encoded(run: run)
        for link in links where link.isOutgoing || toAll { TCP.send(bytes, on: link.descriptor) }
    }

    /// Ends `wait` early; may be called from any thread.
    func wake() {
        var byte: UInt8 = 1
        _ = write(wakeUp.writing, &byte, 1)
    }

    /// Everything that comes in within `seconds`; ends with the first thing that does.
    func wait(seconds: Double) -> [Event] {
        // A negative descriptor is passed over by poll.
        let descriptors = [wakeUp.reading, listener ?? -1] + links.map(\.descriptor)
        var list = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        guard poll(&list, nfds_t(list.count), Int32(max(seconds, 0) * 1000) + 1) > 0 else {
            return []
        }
        if list[0].revents != 0 {
            var byte: UInt8 = 0
            _ = read(wakeUp.reading, &byte, 1)
        }
        var events: [Event] = []
        var ended: [Int32] = []
        for index in links.indices where list[index + 2].revents != 0 {
            let descriptor = links[index].descriptor
            if let bytes = TCP.receive(on: descriptor) {
                links[index].buffer += bytes
                if !takeMessages(from: index, into: &events) { ended.append(descriptor) }
            } else {
                if let rank = links[index].rank { events.append(.closed(rank: rank)) }
                ended.append(descriptor)
            }
        }
        links.removeAll { ended.contains($0.descriptor) }
        for descriptor in ended { TCP.close(descriptor) }
        while let listener, let descriptor = TCP.accept(listener) {
            links.append(Link(descriptor: descriptor, rank: nil, isOutgoing: false))
        }
        return events
    }

    /// Cuts whole messages from a buffer; `false` if they are not of this run.
    private func takeMessages(from index: Int, into events: inout [Event]) -> Bool {
        while links[index].buffer.count >= HeartbeatMessage.byteCount {
            let bytes = Array(links[index].buffer.prefix(HeartbeatMessage.byteCount))
            links[index].buffer.removeFirst(HeartbeatMessage.byteCount)
            guard let message = HeartbeatMessage(bytes, run: run, size: size) else { return false }
            links[index].rank = message.rank
            events.append(.message(message))
        }
        return true
    }
}

import Foundation

/// The heartbeat's connections: every rank has one to each watcher, ranks 0 and 1.
///
/// Connections rather than datagrams, because the kernel closes them when a process dies: the loss
/// of a rank is known within milliseconds, whoever started it. Used by the heartbeat thread only.
///
/// Strangers may connect, a port scanner for instance: few at a time, for a few seconds, and at the
/// addresses only by which the hosts of the run reach each other (loopback, on one host).
final class HeartbeatLinks: @unchecked Sendable {
    /// What came in.
    enum Event {
        case message(HeartbeatMessage)
        /// A rank's connection ended.
        case closed(rank: Int)
    }

    private typealias Listener = (descriptor: Int32, port: UInt16)

    /// Where a watcher listens.
    private struct Target {
        let rank: Int
        let places: [(address: UInt32, port: UInt16)]
    }

    private let size: Int
    private let key: SipHash
    private let listeners: [Listener]
    private let wakeUp: (reading: Int32, writing: Int32)
    private var targets: [Target] = []
    private var links: [HeartbeatLink] = []
    /// What a connection that comes about says first.
    private var lastMessage: HeartbeatMessage?
    private let pendingLimit: Int
    /// Until when no connection is accepted, for want of descriptors.
    private var deafUntil = 0.0
    private var random = SystemRandomNumberGenerator()

    /// Seconds in which a connection must prove itself.
    private static let proofSeconds = 5.0
    /// Seconds without accepting after the descriptors have run out.
    private static let deafSeconds = 1.0
    /// Connections accepted in a row, so that a flood leaves time for everything else.
    private static let acceptedAtOnce = 64

    /// Opens the watchers' sockets and tells all ranks where they listen; collective.
    /// - Throws: ``CommunicationError/agreed(message:rank:host:)`` where a socket cannot be opened.
    init(_ communicator: any Communicator) throws(CommunicationError) {
        size = communicator.size
        let own = TCP.localAddresses().prefix(16)
        let addresses = try communicator.allGather(own.map(\.text).joined(separator: " "))
            .map { $0.split(separator: " ").compactMap(InterfaceAddress.init(text:)) }
        let places = Self.places(addresses, of: communicator)

        var listeners: [Listener] = []
        var ends: [Int32] = [0, 0]
        var problem: String?
        do throws(CommunicationError) {
            if communicator.rank < 2 {
                for place in places { listeners.append(try TCP.listen(on: place)) }
            }
            guard pipe(&ends) == 0 else {
                throw .system(call: "pipe", code: errno, purpose: "starting the heartbeat")
            }
        } catch {
            problem = error.description
        }
        try communicator.agree(on: problem)
        self.listeners = listeners
        wakeUp = (ends[0], ends[1])
        pendingLimit = HeartbeatNetwork.pendingLimit(
            ranks: size, descriptors: TCP.descriptorLimit())

        var secret = communicator.rank == 0 ? SipHash.randomKey() : []
        try communicator.broadcast(bytes: &secret, from: 0)
        guard let key = SipHash(bytes: secret) else { throw .closed(call: "broadcast") }
        self.key = key
        targets = try Self.targets(places, listeners, own: own.map(\.address), communicator)
    }

    /// The addresses on which this rank would listen.
    private static func places(
        _ addresses: [[InterfaceAddress]], of communicator: any Communicator
    ) -> [UInt32] {
        let names = communicator.hostNames
        var hosts: [String] = []
        for name in names where !hosts.contains(name) { hosts.append(name) }
        guard hosts.count > 1, let here = hosts.firstIndex(of: communicator.hostName) else {
            return [TCP.loopback]
        }
        let ofHosts = hosts.map { host in names.firstIndex(of: host).map { addresses[$0] } ?? [] }
        let shared = HeartbeatNetwork.shared(ofHosts, by: here)
        return shared.isEmpty ? [TCP.anyAddress] : shared
    }

    /// Where the watchers listen, the ports of the listening sockets exchanged. Collective.
    private static func targets(
        _ places: [UInt32], _ listeners: [Listener], own: [UInt32],
        _ communicator: any Communicator
    ) throws(CommunicationError) -> [Target] {
        var card: [String] = []
        for (place, listener) in zip(places, listeners) {
            let reached = place == TCP.anyAddress ? own : [place]
            card += reached.map { "\($0):\(listener.port)" }
        }
        let cards = try communicator.allGather(card.joined(separator: " "))
        return [0, 1].filter { $0 != communicator.rank && $0 < cards.count }.map { rank in
            Target(
                rank: rank,
                places: cards[rank].split(separator: " ").compactMap { text in
                    let parts = text.split(separator: ":")
                    guard parts.count == 2, let address = UInt32(parts[0]),
                        let port = UInt16(parts[1])
                    else { return nil }
                    return (address, port)
                })
        }
    }

    deinit {
        for link in links { TCP.close(link.descriptor) }
        for listener in listeners { TCP.close(listener.descriptor) }
        TCP.close(wakeUp.reading)
        TCP.close(wakeUp.writing)
    }

    /// Connects to the watchers that are not connected yet.
    ///
    /// Which of a host's addresses leads there is not known, so they are tried in turn.
    func connect() {
        for target in targets
        where !links.contains(where: { $0.isOutgoing && $0.rank == target.rank }) {
            for place in target.places {
                guard let descriptor = TCP.connect(to: place.address, port: place.port) else {
                    continue
                }
                links.append(
                    HeartbeatLink(to: target.rank, descriptor, key: key, now: Machine.seconds()))
                break
            }
        }
    }

    /// Whether every watcher has heard this rank and answered.
    var areWelcomed: Bool {
        targets.allSatisfy { target in
            links.contains { $0.isOutgoing && $0.isProven && $0.rank == target.rank }
        }
    }

    /// Sends to the watchers, or on all connections, by which a watcher says good-bye.
    func send(_ message: HeartbeatMessage, toAll: Bool = false) {
        lastMessage = message
        let wanted = links.indices.filter { links[$0].isOutgoing || toAll }
        end(wanted.filter { !send(.message(message), on: $0) })
    }

    /// Sends a frame on a link that can; `false` if the link is of no more use.
    private func send(_ frame: HeartbeatLink.Frame, on index: Int) -> Bool {
        guard links[index].canSend else { return true }
        switch TCP.send(links[index].encoded(frame), on: links[index].descriptor) {
        case .all: return true
        case .nothing:
            links[index].unsend()
            return true
        case .broken: return false
        }
    }

    /// Ends `wait` early; may be called from any thread.
    func wake() {
        var byte: UInt8 = 1
        _ = write(wakeUp.writing, &byte, 1)
    }

    /// Everything that comes in within `seconds`; ends with the first thing that does.
    func wait(seconds: Double) -> [Event] {
        let isDeaf = Machine.seconds() < deafUntil
        // A negative descriptor is passed over by poll.
        let doors = listeners.map { isDeaf ? -1 : $0.descriptor }
        let descriptors = [wakeUp.reading] + doors + links.map(\.descriptor)
        var list = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        guard poll(&list, nfds_t(list.count), Int32(max(seconds, 0) * 1000) + 1) > 0 else {
            endUnproven()
            return []
        }
        if list[0].revents != 0 {
            var byte: UInt8 = 0
            _ = read(wakeUp.reading, &byte, 1)
        }
        let first = 1 + doors.count
        var events: [Event] = []
        var ended: [Int] = []
        for index in links.indices where list[first + index].revents != 0 {
            guard let bytes = TCP.receive(on: links[index].descriptor) else {
                // One that the watcher has not welcomed was dropped among strangers, not lost.
                if links[index].isProven, let rank = links[index].rank {
                    events.append(.closed(rank: rank))
                }
                ended.append(index)
                continue
            }
            if !take(bytes, from: index, into: &events) { ended.append(index) }
        }
        end(ended)
        if !isDeaf { accept() }
        endUnproven()
        return events
    }

    /// Reads what arrived on a link and answers; `false` if the link is of no more use.
    private func take(_ bytes: [UInt8], from index: Int, into events: inout [Event]) -> Bool {
        let couldSend = links[index].canSend
        guard case .frames(let frames) = links[index].take(bytes, size: size) else { return false }
        for case .message(let message) in frames { events.append(.message(message)) }
        guard !couldSend, links[index].canSend else { return true }
        guard links[index].isOutgoing else { return send(.welcome, on: index) }
        return lastMessage.map { send(.message($0), on: index) } ?? true
    }

    /// Lets in who is at the doors, the oldest of the strangers making room.
    private func accept() {
        for listener in listeners {
            accepting: for _ in 0..<Self.acceptedAtOnce {
                switch TCP.accept(listener.descriptor) {
                case .none: break accepting
                case .exhausted:
                    deafUntil = Machine.seconds() + Self.deafSeconds
                    break accepting
                case .connection(let descriptor):
                    let link = HeartbeatLink(
                        from: descriptor, key: key,
                        challenge: UInt64.random(in: .min ... .max, using: &random),
                        now: Machine.seconds())
                    guard case .all = TCP.send(link.challengeText, on: descriptor) else {
                        TCP.close(descriptor)
                        continue
                    }
                    links.append(link)
                    let pending = links.indices.filter { isPending(links[$0]) }
                    if pending.count > pendingLimit { end(Array(pending.prefix(1))) }
                }
            }
        }
    }

    private func isPending(_ link: HeartbeatLink) -> Bool { !link.isOutgoing && !link.isProven }

    /// Ends connections that have not proven themselves in time.
    private func endUnproven() {
        let now = Machine.seconds()
        end(
            links.indices.filter {
                isPending(links[$0]) && now - links[$0].opened > Self.proofSeconds
            })
    }

    /// Closes links.
    private func end(_ indices: [Int]) {
        guard !indices.isEmpty else { return }
        for index in indices { TCP.close(links[index].descriptor) }
        let gone = Set(indices)
        links = links.indices.filter { !gone.contains($0) }.map { links[$0] }
    }
}

/// An IPv4 address of an interface and the mask of its network, both in network byte order.
package struct InterfaceAddress: Equatable, Sendable {
    package let address: UInt32
    package let mask: UInt32

    package init(address: UInt32, mask: UInt32) {
        self.address = address
        self.mask = mask
    }

    /// The network's address.
    var network: UInt32 { address & mask }

    /// As two numbers that ``init(text:)`` reads.
    var text: String { "\(address)/\(mask)" }

    init?(text: Substring) {
        let parts = text.split(separator: "/").compactMap { UInt32($0) }
        guard parts.count == 2 else { return nil }
        self.init(address: parts[0], mask: parts[1])
    }
}

/// On which of its addresses a host listens for the heartbeat.
package enum HeartbeatNetwork {
    /// The addresses of host `index` in networks that all hosts of the run share: a stranger
    /// outside these cannot connect.
    ///
    /// A network in which two hosts have the same address is a host's own (docker0), and no way to
    /// another one. Empty where the hosts share none, because routers lie between them.
    ///
    /// - Parameter hosts: the addresses of each host.
    package static func shared(_ hosts: [[InterfaceAddress]], by index: Int) -> [UInt32] {
        hosts[index].filter { own in
            let others = hosts.indices.filter { $0 != index }
            return others.allSatisfy { other in
                let there = hosts[other].filter {
                    $0.mask == own.mask && $0.network == own.network
                }
                return !there.isEmpty && !there.contains { $0.address == own.address }
            }
        }.map(\.address)
    }

    /// How many connections of which nothing is known yet may wait: few enough to leave the run its
    /// descriptors, enough for all ranks to come at once.
    ///
    /// - Parameter descriptors: that the process may have open, `ulimit -n`.
    package static func pendingLimit(ranks: Int, descriptors: Int) -> Int {
        max(4, min(max(32, ranks), descriptors / 8))
    }
}

import Kernels

/// Which of several blocks of parameters is trained in a step.
package struct BlockOrder: Sendable {
    /// badam's names.
    package enum Mode: String, Sendable {
        case ascending, descending, random, fixed
    }

    /// Names of each block's parameters.
    package let names: [Set<String>]
    package let mode: Mode
    /// The block that begins; `nil` leaves it to the mode.
    package let start: Int?
    /// Steps until the next block; `nil` for never.
    package let interval: Int?
    private let seed: UInt64

    package init(
        names: [Set<String>], mode: Mode, start: Int?, interval: Int?, seed: UInt64
    ) {
        precondition(
            !names.isEmpty && names.indices.contains(start ?? 0),
            "block \(start ?? 0) of \(names.count)")
        self.names = names
        self.mode = mode
        self.start = start
        self.interval = interval
        self.seed = seed
    }

    /// The number of the block that is trained in a step, from 1. The same on every rank and after
    /// resuming.
    package func block(of step: Int) -> Int {
        let turn = turn(of: step)
        let count = names.count
        switch mode {
        case .fixed: return start ?? 0
        case .ascending: return ((start ?? 0) + turn) % count
        case .descending: return (((start ?? count - 1) - turn) % count + count) % count
        case .random: return shuffled(round: turn / count)[turn % count]
        }
    }

    /// Steps before the turn in which a step lies.
    package func stepsBefore(_ step: Int) -> Int { turn(of: step) * (interval ?? 0) }

    private func turn(of step: Int) -> Int { interval.map { (step - 1) / $0 } ?? 0 }

    /// Every block once, in an order of the round.
    private func shuffled(round: Int) -> [Int] {
        let key = RandomStream.mixed(RandomStream.key(seed: seed, name: "blocks"), UInt64(round))
        return names.indices.sorted {
            RandomStream.mixed(key, UInt64($0)) < RandomStream.mixed(key, UInt64($1))
        }
    }
}

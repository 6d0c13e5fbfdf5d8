import Synchronization

/// How many micro-batches of each step every rank takes, where that is not the same for all (`balance`).
///
/// Batches are made ahead of their steps, so shares change from a position on that no rank has asked for.
/// The same changes are made on every rank.
package final class StepShares: Sendable {
    private struct State {
        /// Each with the position from which on it holds, ascending; the first holds before, too.
        var counts: [(position: Int, ofRanks: [Int])]
        /// The furthest position that was asked for.
        var asked = Int.min
    }

    private let state: Mutex<State>

    /// - Parameter counts: micro-batches of each rank.
    package init(_ counts: [Int]) {
        Self.check(counts)
        state = Mutex(State(counts: [(0, counts)]))
    }

    /// A rank's micro-batches of the step that begins at a position, numbered over all ranks.
    package func microBatches(of rank: Int, at position: Int) -> Range<Int> {
        state.withLock { state in
            state.asked = max(state.asked, position)
            let counts =
                (state.counts.last { $0.position <= position } ?? state.counts[0]).ofRanks
            let first = counts[..<rank].reduce(0, +)
            return first..<first + counts[rank]
        }
    }

    /// Gives ranks other shares of the steps from a position on.
    package func set(_ counts: [Int], from position: Int) {
        Self.check(counts)
        state.withLock { state in
            let before = state.counts[state.counts.count - 1]
            precondition(
                position > state.asked && position > before.position
                    && counts.count == before.ofRanks.count
                    && counts.reduce(0, +) == before.ofRanks.reduce(0, +),
                "shares \(counts) from \(position) on, after \(before) and batches at "
                    + "\(state.asked)")
            // What ended before the newest batches is asked for no more.
            let held = state.counts.lastIndex { $0.position <= state.asked } ?? 0
            state.counts.removeFirst(held)
            state.counts.append((position, counts))
        }
    }

    private static func check(_ counts: [Int]) {
        precondition(!counts.isEmpty && counts.allSatisfy { $0 > 0 }, "shares \(counts)")
    }
}

/// How many micro-batches of a step each rank takes, by the ranks' speeds.
///
/// Speeds are noisy, and each change costs a line that someone reads: shares change where two windows of
/// steps, one after the other, both say that the slowest rank would be done clearly sooner.
package struct ShareRule: Sendable {
    /// What part of the slowest rank's time a change must save.
    static let leastGain = 0.05

    /// Micro-batches of each rank, at least one.
    package private(set) var counts: [Int]
    /// Of the window before.
    private var before: [Double]?

    package init(_ counts: [Int]) { self.counts = counts }

    /// Takes note of a window of steps, and changes ``counts`` where that pays.
    ///
    /// - Parameter speeds: of each rank, in any unit of work a second.
    package mutating func take(_ speeds: [Double]) {
        precondition(speeds.count == counts.count, "\(speeds.count) speeds, \(counts.count) ranks")
        guard speeds.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            before = nil
            return
        }
        defer { before = speeds }
        guard let before else { return }
        let mean = zip(before, speeds).map { ($0 + $1) / 2 }
        let found = Self.shares(of: counts.reduce(0, +), speeds: mean)
        let pays = [before, speeds].allSatisfy {
            Self.time(found, $0) <= (1 - Self.leastGain) * Self.time(counts, $0)
        }
        if pays { counts = found }
    }

    /// Whole shares with which the last rank is done first, each at least 1.
    package static func shares(of total: Int, speeds: [Double]) -> [Int] {
        let scale = Double(total) / speeds.reduce(0, +)
        // No shares are done before the time in which all together could do the whole, so what a rank can
        // do in that time is its in the best shares.
        var counts = speeds.map { max(1, Int($0 * scale)) }
        var sum = counts.reduce(0, +)
        while sum < total {
            let first = speeds.indices.min {
                Double(counts[$0] + 1) / speeds[$0] < Double(counts[$1] + 1) / speeds[$1]
            }
            counts[first ?? 0] += 1
            sum += 1
        }
        // Ranks that get one for want of less may have made it too many.
        while sum > total {
            let last = speeds.indices.filter { counts[$0] > 1 }.max {
                Double(counts[$0]) / speeds[$0] < Double(counts[$1]) / speeds[$1]
            }
            guard let last else { break }
            counts[last] -= 1
            sum -= 1
        }
        return counts
    }

    /// When the last rank is done, in units of the speeds.
    private static func time(_ counts: [Int], _ speeds: [Double]) -> Double {
        zip(counts, speeds).map { Double($0) / $1 }.max() ?? 0
    }
}

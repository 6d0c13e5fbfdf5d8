import Foundation

/// Ranks' shares of a step that change.
package struct ShareChange {
    /// The first step of the new shares.
    let step: Int
    let before: [Int]
    let after: [Int]
    /// Tokens a second of each rank.
    let speeds: [Double]
    let hosts: [String]

    private static let mostNamed = 8

    package init(step: Int, before: [Int], after: [Int], speeds: [Double], hosts: [String]) {
        (self.step, self.before, self.after) = (step, before, after)
        (self.speeds, self.hosts) = (speeds, hosts)
    }

    /// What the user is told.
    package var line: String {
        let changed = after.indices.filter { after[$0] != before[$0] }
        let named = changed.prefix(Self.mostNamed).map { rank in
            "rank \(rank) (\(hosts[rank]), "
                + String(format: "%.0f", locale: nil, speeds[rank]) + " tokens/s) takes "
                + "\(after[rank]) in place of \(before[rank])"
        }
        let rest = changed.count - named.count
        return
            "balance: of the \(after.reduce(0, +)) micro-batches of a step, from step \(step) on, "
            + named.joined(separator: ", ")
            + (rest > 0 ? ", and \(rest) more ranks change" : "")
    }
}

import Testing
import Training

/// Which shares of a step's micro-batches follow from the ranks' speeds.
@Suite struct ShareRuleTests {
    @Test(arguments: [
        (8, [1.0, 1.0], [4, 4]), (8, [3.0, 1.0], [6, 2]), (8, [100.0, 1.0], [7, 1]),
        // 12 · 2 / 5 = 4.8: with 5 the fast ranks need 2.5, with 4 for one the slow one 3.
        (12, [2.0, 2.0, 1.0], [5, 5, 2]), (12, [2.0, 1.0, 2.0], [5, 2, 5]),
        // Slow ranks get one each, which the others do without.
        (6, [1.0, 0.01, 0.01, 0.01], [3, 1, 1, 1]), (4, [9.0, 1.0, 1.0, 1.0], [1, 1, 1, 1]),
        (7, [1.0, 1.0], [4, 3]),
    ])
    func theLastRankIsDoneFirst(_ total: Int, _ speeds: [Double], _ expected: [Int]) {
        #expect(ShareRule.shares(of: total, speeds: speeds) == expected)
    }

    /// Every division of a few micro-batches among three ranks is tried.
    @Test func noOtherSharesAreDoneSooner() {
        for speeds in [[1, 2, 3], [5, 1, 1], [1, 0.9, 1.1], [0.2, 7, 2]] as [[Double]] {
            func seconds(_ counts: [Int]) -> Double {
                zip(counts, speeds).map { Double($0) / $1 }.max() ?? 0
            }
            for total in 3...14 {
                let found = ShareRule.shares(of: total, speeds: speeds)
                #expect(found.reduce(0, +) == total && found.allSatisfy { $0 >= 1 })
                for first in 1...(total - 2) {
                    for second in 1..<(total - first) {
                        let other = [first, second, total - first - second]
                        #expect(seconds(found) <= seconds(other), "\(speeds) \(total) \(other)")
                    }
                }
            }
        }
    }

    @Test func sharesChangeWhenTwoWindowsAskForIt() {
        var rule = ShareRule([4, 4])
        rule.take([100, 50])
        #expect(rule.counts == [4, 4])
        rule.take([100, 50])
        #expect(rule.counts.reduce(0, +) == 8 && rule.counts[1] < 4)
        let changed = rule.counts
        rule.take([101, 49])
        #expect(rule.counts == changed)
        for _ in 0..<2 { rule.take([100, 101]) }
        #expect(rule.counts == [4, 4])
    }

    @Test func noiseMovesNothing() {
        var rule = ShareRule([8, 8, 8])
        for window in 0..<40 {
            // Within 5 % of each other, now one rank ahead, now another.
            rule.take((0..<3).map { 1 + 0.025 * Double(($0 + window) % 3 - 1) })
            #expect(rule.counts == [8, 8, 8])
        }
        // One rank is held up in every other window.
        for window in 0..<20 {
            rule.take([1, window % 2 == 0 ? 0.4 : 1, 1])
            #expect(rule.counts == [8, 8, 8])
        }
    }

    @Test func aWindowWithoutASpeedDecidesNothing() {
        var rule = ShareRule([4, 4])
        for speeds in [[100, 50], [100, 0], [100, 50], [.nan, 50], [100, 50]] as [[Double]] {
            rule.take(speeds)
            #expect(rule.counts == [4, 4])
        }
    }

    @Test func aChangeNamesRanksHostsAndShares() {
        let line = ShareChange(
            step: 13, before: [4, 4, 4], after: [5, 4, 3], speeds: [812.4, 800, 402.6],
            hosts: ["a", "a", "b"]
        ).line
        #expect(
            line == "balance: of the 12 micro-batches of a step, from step 13 on, rank 0 (a, 812 "
                + "tokens/s) takes 5 in place of 4, rank 2 (b, 403 tokens/s) takes 3 in place of 4")
        let many = ShareChange(
            step: 2, before: Array(repeating: 4, count: 20),
            after: (0..<20).map { $0 % 2 == 0 ? 5 : 3 }, speeds: Array(repeating: 1, count: 20),
            hosts: Array(repeating: "a", count: 20)
        ).line
        #expect(many.contains("rank 7 (a") && !many.contains("rank 8 (a"))
        #expect(many.hasSuffix(", and 12 more ranks change"))
    }
}

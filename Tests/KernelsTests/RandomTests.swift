import Foundation
import Kernels
import Testing

@Suite struct RandomTests {
    private let count = 200_000

    // Known answers of Philox4x32-10 (Random123's kat_vectors): key 0 counter 0 gives 6627e8d5 first.
    @Test func uniformNumbersArePhilox() {
        let workspace = Workspace(threads: 1)
        let x = workspace.buffer(1, .float32)
        workspace.fillUniform(x, count: 1, low: 0, high: 1, key: 0)
        #expect(workspace.numbers(x, count: 1)[0] == Float((Double(0x6627_e8d5) + 0.5) * 0x1p-32))
    }

    @Test func normalNumbersHaveTheirMoments() {
        let numbers = normal(threads: 2, key: RandomStream.key(seed: 42, name: "a.weight"))
        let mean = { (power: Double) in
            numbers.reduce(0.0) { $0 + pow(Double($1) / 0.02, power) } / Double(numbers.count)
        }
        // Four standard errors: σ/√n of each moment, whose variances are 1, 2, 15 and 96.
        let error = 4 / Double(count).squareRoot()
        #expect(abs(mean(1)) < error)
        #expect(abs(mean(2) - 1) < error * 2.0.squareRoot())
        #expect(abs(mean(3)) < error * 15.0.squareRoot())
        #expect(abs(mean(4) - 3) < error * 96.0.squareRoot())
        let beyond = numbers.count { abs($0) > 0.02 * 1.959964 }
        #expect(abs(Double(beyond) / Double(count) - 0.05) < error * 0.218)
    }

    @Test func neighboursAreNotCorrelated() {
        let numbers = normal(threads: 1, key: 7)
        for lag in [1, 2, 3, 1000] {
            let sum = zip(numbers, numbers.dropFirst(lag)).reduce(0.0) {
                $0 + Double($1.0) * Double($1.1) / 0.0004
            }
            #expect(abs(sum / Double(count)) < 4 / Double(count).squareRoot(), "lag \(lag)")
        }
    }

    @Test func uniformNumbersFillTheirRange() {
        let workspace = Workspace(threads: 3)
        let x = workspace.buffer(count, .float32)
        workspace.fillUniform(x, count: count, low: -3, high: 5, key: 99)
        let numbers = workspace.numbers(x, count: count)
        #expect(numbers.allSatisfy { $0 >= -3 && $0 <= 5 })
        var bins = [Int](repeating: 0, count: 16)
        for number in numbers { bins[min(15, Int((number + 3) * 2))] += 1 }
        // χ² with 15 degrees of freedom exceeds 44.3 once in 10⁴.
        let expected = Double(count) / 16
        let statistic = bins.reduce(0.0) { $0 + pow(Double($1) - expected, 2) / expected }
        #expect(statistic < 44.3)
    }

    @Test func numbersDoNotDependOnThreads() {
        let one = normal(threads: 1, key: 5)
        #expect(one == normal(threads: 2, key: 5))
        #expect(one == normal(threads: 3, key: 5))
        #expect(one != normal(threads: 1, key: 6))
    }

    // A shorter array of the same stream is the beginning of the longer one, odd counts included.
    @Test func slicesOfAStreamAgree() {
        let workspace = Workspace(threads: 2)
        let whole = normal(threads: 1, key: 11)
        for length in [1, 2, 3, 777, 8193, 50_001] {
            let x = workspace.buffer([Float](repeating: 9, count: length + 1), .float32)
            workspace.fillNormal(x, count: length, deviation: 0.02, key: 11)
            let found = workspace.numbers(x, count: length + 1)
            #expect(Array(found.prefix(length)) == Array(whole.prefix(length)))
            #expect(found[length] == 9)
        }
    }

    // The deviation of N(0, 1) within ±c is √(1 − 2cφ(c)/(2Φ(c) − 1)); that of a sample of 50,000 is off by
    // 0.003 of itself (one standard error), four of which are allowed.
    @Test(arguments: [(2, 0.879626), (0.5, 0.283962)] as [(Float, Double)])
    func numbersBeyondTheCutoffAreDrawnAgain(cutoff: Float, deviation: Double) {
        let whole = normal(threads: 1, key: 5)
        let found = normal(threads: 1, key: 5, cutoff: cutoff)
        #expect(found.allSatisfy { abs($0) <= cutoff * 0.02 })
        #expect(zip(whole, found).allSatisfy { abs($0) > cutoff * 0.02 || $0 == $1 })
        let squares = found.reduce(0) { $0 + Double($1) * Double($1) }
        let measured = (squares / Double(found.count)).squareRoot() / 0.02
        #expect(abs(measured - deviation) < 0.012 * deviation)
        #expect(found == normal(threads: 3, key: 5, cutoff: cutoff))
    }

    @Test func keysDifferByNameSeedAndPlace() {
        var keys: Set<UInt64> = []
        for seed: UInt64 in 0..<20 {
            for layer in 0..<20 { keys.insert(RandomStream.key(seed: seed, name: "h.\(layer).w")) }
        }
        for a: UInt64 in 0..<40 {
            for b: UInt64 in 0..<40 { keys.insert(RandomStream.mixed(a, b)) }
        }
        #expect(keys.count == 400 + 1600)
    }

    private func normal(threads: Int, key: UInt64, cutoff: Float = .infinity) -> [Float] {
        let workspace = Workspace(threads: threads)
        let x = workspace.buffer(count, .float32)
        workspace.fillNormal(x, count: count, deviation: 0.02, cutoff: cutoff, key: key)
        return workspace.numbers(x, count: count)
    }
}

import Evaluation
import Files
import Foundation
import TestSupport
import Testing

/// Python's own random numbers, orders and samples.
@Suite struct PythonRandomTests {
    @Test func numbersArePythons() throws {
        let bytes = [UInt8](
            try Data(contentsOf: References.folder.appendingPathComponent("subjects/random.json")))
        let cases = try #require(try JSONValueReader.read(bytes[...]).array)
        #expect(cases.count == 7)
        for one in cases {
            let seed = try #require(one["seed"]?.integer)
            var random = PythonRandom(seed: seed)
            var order = Array(0..<17)
            random.shuffle(&order)
            #expect(order == one["shuffle"]?.array?.compactMap(\.integer), "seed \(seed)")
            #expect(
                (1..<40).map { random.below($0) } == one["below"]?.array?.compactMap(\.integer))
            for sample in try #require(one["samples"]?.array) {
                let (k, n) = (sample["k"]?.integer ?? 0, sample["n"]?.integer ?? 0)
                #expect(
                    random.sample(k, of: n) == sample["places"]?.array?.compactMap(\.integer),
                    "\(k) of \(n), seed \(seed)")
            }
            #expect(
                (0..<5).map { _ in random.uniform() } == one["uniform"]?.array?.compactMap(\.double)
            )
        }
    }

    /// The vectors that CORE's and the harness's samples are known by.
    @Test func vectorsOfCOREHold() {
        var first = PythonRandom(seed: 1234)
        #expect(first.word() == 4_150_886_329)
        var order = Array(0..<10)
        var shuffle = PythonRandom(seed: 1337)
        shuffle.shuffle(&order)
        #expect(order == [0, 3, 7, 2, 1, 6, 4, 5, 8, 9])
        var hundred = PythonRandom(seed: 1234)
        #expect(hundred.sample(10, of: 100) == [99, 56, 14, 0, 11, 74, 4, 85, 88, 10])
        var ten = PythonRandom(seed: 1239)
        #expect(ten.sample(3, of: 10) == [1, 4, 7])
    }
}

import Foundation
import Kernels

/// Random numbers of a test: the stream of a name, so that each use of a name gives the same ones.
struct TestNumbers {
    private var state: UInt64

    init(_ name: String) { state = RandomStream.key(seed: 1, name: name) }

    /// The next number in [0, 1).
    mutating func unit() -> Double {
        state = RandomStream.mixed(state, 1)
        return Double(state >> 11) * 0x1p-53
    }

    /// Numbers of the normal distribution.
    mutating func normal(_ count: Int, deviation: Double = 1) -> [Float] {
        (0..<count).map { _ in
            Float(deviation * (-2 * log(1 - unit())).squareRoot() * cos(2 * .pi * unit()))
        }
    }

    /// Numbers in 0 ..< bound.
    mutating func integers(_ count: Int, below bound: Int) -> [Int32] {
        (0..<count).map { _ in Int32(unit() * Double(bound)) }
    }
}

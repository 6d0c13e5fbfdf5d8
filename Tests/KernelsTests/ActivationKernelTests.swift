import Foundation
import Kernels
import Testing

/// What activations make of numbers that are none.
@Suite struct ActivationKernelTests {
    // Places in a full block of vectors, in a vector alone and in the rest. x86 processors make NaN with
    // the sign set.
    @Test(arguments: [Activation.geluTanh, .gelu, .silu], ElementType.all)
    func aBadNumberIsSeenInItsPlaceAlone(kind: Activation, type: ElementType) {
        let workspace = Workspace(threads: 1)
        let count = 150
        let good = (0..<count).map { Float($0 % 13) / 4 - 1.5 }
        let buffer = { (numbers: [Float]) in workspace.buffer(numbers, type) }
        let fresh = { workspace.buffer(count, type) }
        for bad in [Float.nan, -.nan] {
            for place in [5, 130, 149] {
                var numbers = good
                numbers[place] = bad
                let (x, ones) = (buffer(numbers), buffer([Float](repeating: 1, count: count)))
                let (value, slope, gated) = (fresh(), fresh(), fresh())
                let (gradient, up) = (fresh(), fresh())
                workspace.activate(kind, x, into: value, count: count)
                workspace.activationGradient(kind, x, ones, into: slope, count: count)
                workspace.gate(kind, x, ones, into: gated, count: count)
                workspace.gateGradient(
                    kind, x, ones, ones, intoGate: gradient, intoUp: up, count: count)
                for result in [value, slope, gated, gradient, up] {
                    let found = workspace.numbers(result, count: count)
                    #expect(found.indices.filter { !found[$0].isFinite } == [place])
                }
            }
        }
    }
}

@Suite struct ActivationPlaceTests {
    /// Unrolled loops and their rests give the same bits: what a text becomes does not depend on its company.
    @Test(arguments: [Activation.geluTanh, .gelu, .silu], ElementType.all)
    func aNumberIsTheSameInEveryPlace(kind: Activation, type: ElementType) {
        let workspace = Workspace(threads: 1)
        let (width, rows) = (48, 8000)
        let count = width * rows
        // Differences showed in one of a million numbers.
        let random = { (seed: UInt64) in
            let numbers = workspace.buffer(count, .float32)
            workspace.fillNormal(numbers, count: count, deviation: 1, key: seed)
            return workspace.buffer(workspace.numbers(numbers, count: count), type)
        }
        let (gate, up) = (random(1), random(2))
        let (whole, parts) = (workspace.buffer(count, type), workspace.buffer(count, type))
        workspace.gate(kind, gate, up, into: whole, count: count)
        for row in 0..<rows {
            let at = row * width
            workspace.gate(
                kind, gate.advanced(by: at), up.advanced(by: at), into: parts.advanced(by: at),
                count: width)
        }
        #expect(
            workspace.numbers(whole, count: count) == workspace.numbers(parts, count: count))
    }
}

/// The exact gelu of every bfloat16 number, beside the error function of the C library in float64.
@Suite struct GeluOfEveryNumberTests {
    private static let numbers: [Float] = (UInt32(0)..<1 << 16).map { Float(bitPattern: $0 << 16) }
        .filter { abs($0) <= 13 }
    private let workspace = Workspace(threads: 1)

    /// Rounding to bfloat16 is at most 2⁻⁸ of a value, the polynomial 3.2e-5; where the processor has no pair products
    /// 1 + erf cancels by float32's 6e-8 times x.
    @Test func values() {
        let numbers = Self.numbers
        let y = workspace.buffer(numbers.count, .bfloat16)
        workspace.activate(
            .gelu, workspace.buffer(numbers, .bfloat16), into: y, count: numbers.count)
        for (x, found) in zip(numbers, workspace.numbers(y, count: numbers.count)) {
            let exact = Double(x) / 2 * erfc(-Double(x) / 2.0.squareRoot())
            #expect(abs(Double(found) - exact) <= 3.95e-3 * abs(exact) + 8e-7, "\(x)")
        }
    }

    /// Near its zero a slope is the difference of two numbers, each within 3.2e-5 of itself.
    @Test func slopes() {
        let numbers = Self.numbers
        let ones = workspace.buffer(
            [Float](repeating: 1, count: numbers.count), .bfloat16)
        let dx = workspace.buffer(numbers.count, .bfloat16)
        workspace.activationGradient(
            .gelu, workspace.buffer(numbers, .bfloat16), ones, into: dx, count: numbers.count)
        for (x, found) in zip(numbers, workspace.numbers(dx, count: numbers.count)) {
            let x = Double(x)
            let density = exp(-x * x / 2) / (2 * Double.pi).squareRoot()
            let exact = erfc(-x / 2.0.squareRoot()) / 2 + x * density
            #expect(abs(Double(found) - exact) <= 3.95e-3 * abs(exact) + 1e-5, "\(x)")
        }
    }
}

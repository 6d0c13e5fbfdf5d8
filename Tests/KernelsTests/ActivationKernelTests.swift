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

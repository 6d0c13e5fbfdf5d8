import Kernels
import TestSupport
import Testing

/// Tables against transformers' rotations (scripts/references/attention.py).
@Suite struct RotaryTableTests {
    @Test(arguments: ["plain", "wide", "odd_half", "linear", "llama3", "positions"])
    func tablesRotateAsTransformersDoes(name: String) throws {
        let file = try ReferenceFile("ops/rotary.safetensors")
        let shape = try file.shape("\(name).input")
        let (batch, times, heads, width) = (shape[0], shape[1], shape[2], shape[3])
        let input = try file.floats("\(name).input")
        let positions = try file.integers("\(name).positions")
        let table = RotaryTable(
            inverseFrequencies: try file.floats("\(name).inverse_frequencies").map(Double.init),
            positions: Int(positions.max() ?? 0) + 1)
        #expect(table.rotated == width && table.positions == Int(positions.max() ?? 0) + 1)
        var found = input
        let half = width / 2
        for row in 0..<batch * times {
            let position = positions.count == times ? positions[row % times] : positions[row]
            for head in 0..<heads {
                for i in 0..<half {
                    let place = (row * heads + head) * width + i
                    let (a, b) = (input[place], input[place + half])
                    let (c, s) = (
                        table.cosines[Int(position) * half + i],
                        table.sines[Int(position) * half + i]
                    )
                    found[place] = a * c - b * s
                    found[place + half] = b * c + a * s
                }
            }
        }
        // The table's angles are float32 products, as transformers': at position 500 an angle is
        // wrong by up to 500 · 2⁻²⁴ = 3e-5.
        let farthest = Float(positions.max() ?? 0)
        let bound = 4 * (farthest + 4) * Float(0x1p-24) * 3
        #expect(Difference.absolute(found, try file.floats("\(name).output")) < bound)
    }

    @Test func magnitudeScalesBothTables() {
        let plain = RotaryTable(inverseFrequencies: [1, 0.1], positions: 5)
        let scaled = RotaryTable(inverseFrequencies: [1, 0.1], positions: 5, magnitude: 2)
        #expect(scaled.cosines == plain.cosines.map { $0 * 2 })
        #expect(scaled.sines == plain.sines.map { $0 * 2 })
    }
}

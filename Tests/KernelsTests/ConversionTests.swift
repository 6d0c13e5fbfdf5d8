import Kernels
import Testing

/// float32 to and from the narrow types, and sums of mixed types.
@Suite struct ConversionTests {
    @Test(arguments: [ElementType.bfloat16, .float16])
    func everyBitPatternSurvivesTheWayThroughFloat32(type: ElementType) {
        let workspace = Workspace(threads: 1)
        let narrow = workspace.buffer(65_536, type)
        let patterns = narrow.pointer.assumingMemoryBound(to: UInt16.self)
        for pattern in 0..<65_536 { patterns[pattern] = UInt16(pattern) }
        let wide = workspace.numbers(narrow, count: 65_536)
        let back = workspace.buffer(wide, type)
        let found = back.pointer.assumingMemoryBound(to: UInt16.self)
        for pattern in 0..<65_536 {
            if wide[pattern].isNaN {
                #expect(workspace.numbers(back.advanced(by: pattern), count: 1)[0].isNaN)
            } else {
                #expect(found[pattern] == patterns[pattern])
            }
        }
    }

    @Test func bfloat16RoundsToNearestEven() {
        let workspace = Workspace(threads: 1)
        // 1 + 2⁻⁷ is the number after 1.
        let cases: [(Float, Float)] = [
            (1 + 0x1p-8, 1), (1 + 0x1p-8 + 0x1p-20, 1 + 0x1p-7), (1 + 0x1.8p-7, 1 + 0x1p-6),
            (-1 - 0x1p-8, -1), (0x1.fep127, 0x1.fep127), (.greatestFiniteMagnitude, .infinity),
            (-.infinity, -.infinity), (0x1p-133, 0x1p-133), (0x1p-149, 0), (0, 0),
        ]
        #expect(workspace.rounded(cases.map(\.0), to: .bfloat16) == cases.map(\.1))
        let signallingNaN = Float(bitPattern: 0x7F80_0001)
        let rounded = workspace.rounded([.nan, -.nan, signallingNaN], to: .bfloat16)
        #expect(rounded.allSatisfy { $0.isNaN })
    }

    @Test func float16RoundsToNearestEven() {
        let workspace = Workspace(threads: 1)
        let cases: [(Float, Float)] = [
            (1 + 0x1p-11, 1), (1 + 0x1p-11 + 0x1p-20, 1 + 0x1p-10), (1 + 0x1.8p-10, 1 + 0x1p-9),
            (65_504, 65_504), (65_519, 65_504), (65_520, .infinity), (-70_000, -.infinity),
            (0x1p-24, 0x1p-24), (0x1p-26, 0), (.infinity, .infinity),
        ]
        #expect(workspace.rounded(cases.map(\.0), to: .float16) == cases.map(\.1))
        #expect(workspace.rounded([.nan], to: .float16)[0].isNaN)
    }

    @Test(arguments: ElementType.all, ElementType.all)
    func sumsOfMixedTypesAreRoundedOnce(from: ElementType, to: ElementType) {
        let workspace = Workspace(threads: 2)
        var numbers = TestNumbers("sums")
        for count in [0, 1, 31, 70_001] {
            let x = workspace.buffer(numbers.array(count), from)
            let y = workspace.buffer(numbers.array(count), to)
            let (a, b) = (workspace.numbers(x, count: count), workspace.numbers(y, count: count))
            workspace.add(x, to: y, count: count)
            let expected = workspace.rounded(zip(a, b).map { $0 + $1 }, to: to)
            #expect(workspace.numbers(y, count: count) == expected)
        }
    }

    @Test(arguments: ElementType.all)
    func scalingMultipliesEveryElement(type: ElementType) {
        let workspace = Workspace(threads: 3)
        var numbers = TestNumbers("scale")
        let x = workspace.buffer(numbers.array(50_001), type)
        let before = workspace.numbers(x, count: 50_001)
        workspace.scale(x, by: 0.3, count: 50_000)
        let expected = workspace.rounded(before.prefix(50_000).map { $0 * 0.3 }, to: type)
        let found = workspace.numbers(x, count: 50_001)
        #expect(Array(found.prefix(50_000)) == expected)
        #expect(found[50_000] == before[50_000])
    }

    @Test(arguments: ElementType.all, [1, 2, 3])
    func columnSumsAddEveryRow(type: ElementType, threads: Int) {
        let workspace = Workspace(threads: threads)
        for (rows, columns) in [(0, 5), (1, 1), (7, 13), (33, 300)] {
            var numbers = TestNumbers("columns")
            let x = workspace.buffer(numbers.array(rows * columns), type)
            let values = workspace.numbers(x, count: rows * columns)
            let sums = workspace.buffer([Float](repeating: 2, count: columns), .float32)
            workspace.addColumnSums(of: x, to: sums, rows: rows, columns: columns)
            for (column, found) in workspace.numbers(sums, count: columns).enumerated() {
                let sum = (0..<rows).reduce(2.0) { $0 + Double(values[$1 * columns + column]) }
                // At most 34 float32 additions of numbers below 35.
                #expect(abs(Double(found) - sum) < 34 * 35 * 0x1p-24)
            }
        }
    }
}

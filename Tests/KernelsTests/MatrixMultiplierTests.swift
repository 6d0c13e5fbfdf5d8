import Kernels
import TestSupport
import Testing

/// Products against a plain triple loop in float64.
@Suite struct MatrixMultiplierTests {
    struct Extents: CustomTestStringConvertible {
        let rows, columns, inner: Int
        var testDescription: String { "\(rows)x\(columns)x\(inner)" }
    }
    struct Variant: CustomTestStringConvertible {
        let type, output: ElementType
        let transposeA, transposeB, padded, accumulate, bias: Bool
        var testDescription: String {
            "\(type)→\(output) tA:\(transposeA) tB:\(transposeB) padded:\(padded) "
                + "accumulate:\(accumulate) bias:\(bias)"
        }
    }

    static let extents = [
        Extents(rows: 1, columns: 1, inner: 1), Extents(rows: 1, columns: 33, inner: 7),
        Extents(rows: 5, columns: 3, inner: 2), Extents(rows: 37, columns: 19, inner: 70),
        Extents(rows: 16, columns: 64, inner: 32), Extents(rows: 130, columns: 1, inner: 65),
    ]

    static let variants: [Variant] = {
        let flags = [false, true]
        var all: [Variant] = []
        for type in ElementType.all {
            for output in Set([type, .float32]) {
                for bits in 0..<32 {
                    let flag = { (bit: Int) in flags[bits >> bit & 1] }
                    all.append(
                        Variant(
                            type: type, output: output, transposeA: flag(0), transposeB: flag(1),
                            padded: flag(2), accumulate: flag(3), bias: flag(4)))
                }
            }
        }
        return all
    }()

    @Test(arguments: variants)
    func productsEqualATripleLoop(_ variant: Variant) {
        let workspace = Workspace(threads: 1)
        for extents in Self.extents { check(variant, extents, in: workspace) }
    }

    // Large enough to be divided (2²⁰ multiplications a thread), by rows and by columns.
    @Test(arguments: [2, 3], ElementType.all)
    func threadsDivideAProductWithoutAGap(threads: Int, type: ElementType) {
        let workspace = Workspace(threads: threads)
        for extents in [
            Extents(rows: 203, columns: 97, inner: 331),
            Extents(rows: 61, columns: 421, inner: 257),
        ] {
            for transposed in [false, true] {
                let variant = Variant(
                    type: type, output: type, transposeA: transposed, transposeB: !transposed,
                    padded: true, accumulate: false, bias: true)
                check(variant, extents, in: workspace)
            }
        }
    }

    // Extents from which on bfloat16 takes our own loops, or oneDNN's two functions without them.
    @Test(arguments: variants.filter { $0.padded || $0.type == .bfloat16 })
    func largeProductsEqualATripleLoop(_ variant: Variant) {
        let workspace = Workspace(threads: 1)
        let extents = Extents(rows: 259, columns: 257, inner: 67)
        check(variant, extents, in: workspace)
        guard variant.type == .bfloat16 else { return }
        workspace.matrices.tiles = .emulated
        check(variant, extents, in: workspace)
        workspace.matrices.tiles = .none
        check(variant, extents, in: workspace)
        workspace.matrices.usesBFloat16DotProducts = false
        check(variant, extents, in: workspace)
        workspace.matrices.usesBFloat16Instructions = false
        check(variant, extents, in: workspace)
    }

    // Products whose operands are copied in several parts: rows, columns, panels of columns, terms.
    @Test(arguments: [
        Extents(rows: 513, columns: 515, inner: 33), Extents(rows: 3, columns: 4100, inner: 70),
        Extents(rows: 17, columns: 9, inner: 4097),
    ])
    func copiedPartsEqualATripleLoop(_ extents: Extents) {
        let workspace = Workspace(threads: 1)
        workspace.matrices.tiles = .none
        workspace.matrices.usesBFloat16DotProducts = false
        workspace.matrices.usesBFloat16Instructions = false
        workspace.matrices.usesVectors = false
        for type in [ElementType.bfloat16, .float16] {
            for bits in 0..<16 {
                let variant = Variant(
                    type: type, output: bits & 1 > 0 ? .float32 : type,
                    transposeA: bits & 2 > 0, transposeB: bits & 4 > 0, padded: bits & 1 > 0,
                    accumulate: bits & 8 > 0, bias: bits & 8 == 0)
                check(variant, extents, in: workspace)
            }
        }
    }

    // Sums that are made part by part; a transposed A that is made ready part by part; a weight
    // gradient large enough to go past the caches, with whole cache lines and without.
    @Test(arguments: [
        Extents(rows: 65, columns: 34, inner: 8229), Extents(rows: 300, columns: 33, inner: 4097),
        Extents(rows: 1031, columns: 1040, inner: 35),
        Extents(rows: 1100, columns: 1001, inner: 32),
    ])
    func hugeProductsEqualATripleLoop(_ extents: Extents) {
        let workspace = Workspace(threads: 1)
        for bits in 0..<8 {
            let variant = Variant(
                type: .bfloat16, output: bits < 4 ? .float32 : .bfloat16,
                transposeA: bits & 1 > 0, transposeB: bits & 2 > 0, padded: false,
                accumulate: false, bias: bits == 3 || bits == 6)
            check(variant, extents, in: workspace)
            guard workspace.matrices.tiles != .none else { continue }
            workspace.matrices.tiles = .none
            check(variant, extents, in: workspace)
            workspace.matrices.tiles = .native
        }
    }

    // Float32 vectors of any type: panels that are not full, sums of several parts, an A that is made ready in
    // several pieces (rows · inner above 2²⁰), a weight gradient that goes past the caches.
    @Test(
        .enabled(if: MatrixVectors.isSupported, "this processor has no AVX2"),
        arguments: [
            Extents(rows: 37, columns: 33, inner: 35), Extents(rows: 259, columns: 257, inner: 67),
            Extents(rows: 65, columns: 34, inner: 2053),
            Extents(rows: 783, columns: 41, inner: 4099),
            Extents(rows: 1040, columns: 1024, inner: 35),
        ])
    func productsOfVectorsEqualATripleLoop(_ extents: Extents) {
        let workspace = Self.vectors(threads: 1)
        let isLarge = extents.rows > 500
        for variant in Self.variants where !isLarge || (!variant.padded && !variant.bias) {
            check(variant, extents, in: workspace)
        }
    }

    // Each number of C is summed in the same order, whatever part of it a thread makes.
    @Test(
        .enabled(if: MatrixVectors.isSupported, "this processor has no AVX2"),
        arguments: ElementType.all)
    func productsOfVectorsHaveTheSameBitsOnAnyThreads(type: ElementType) {
        for extents in [
            Extents(rows: 421, columns: 97, inner: 1331),
            Extents(rows: 61, columns: 421, inner: 257),
        ] {
            let results = [1, 2, 3].map { threads in
                let workspace = Self.vectors(threads: threads)
                var numbers = TestNumbers("vectors on threads")
                let a = workspace.buffer(numbers.array(extents.rows * extents.inner), type)
                let b = workspace.buffer(numbers.array(extents.inner * extents.columns), type)
                let c = workspace.buffer(extents.rows * extents.columns, type)
                let product = MatrixProduct(
                    rows: extents.rows, columns: extents.columns, inner: extents.inner)
                workspace.matrices.multiply(product, a, b, into: c)
                return workspace.numbers(c, count: extents.rows * extents.columns)
            }
            #expect(results[0] == results[1] && results[0] == results[2])
        }
    }

    /// Products by loops of float32 vectors, whatever else the processor has.
    private static func vectors(threads: Int) -> Workspace {
        let workspace = Workspace(threads: threads)
        workspace.matrices.tiles = .none
        workspace.matrices.usesBFloat16DotProducts = false
        workspace.matrices.usesBFloat16Instructions = false
        workspace.matrices.usesVectors = true
        return workspace
    }

    @Test(arguments: ElementType.all)
    func aSumOverNothingIsZeroOrTheBias(type: ElementType) {
        let workspace = Workspace(threads: 2)
        let nothing = workspace.buffer(0, type)
        for output in Set([type, .float32]) {
            let product = MatrixProduct(rows: 2, columns: 3, inner: 0, strideC: 4)
            let c = workspace.buffer([Float](repeating: 7, count: 8), output)
            workspace.matrices.multiply(product, nothing, nothing, into: c)
            #expect(workspace.numbers(c, count: 8) == [0, 0, 0, 7, 0, 0, 0, 7])
            let bias = workspace.buffer([1, 2, 3], .float32)
            workspace.matrices.multiply(product, nothing, nothing, into: c, bias: bias)
            #expect(workspace.numbers(c, count: 8) == [1, 2, 3, 7, 1, 2, 3, 7])
            var adding = product
            adding.accumulate = true
            workspace.matrices.multiply(adding, nothing, nothing, into: c)
            #expect(workspace.numbers(c, count: 8) == [1, 2, 3, 7, 1, 2, 3, 7])
        }
    }

    @Test(arguments: ElementType.all)
    func productsWithoutRowsOrColumnsWriteNothing(type: ElementType) {
        let workspace = Workspace(threads: 2)
        let x = workspace.buffer([Float](repeating: 1, count: 8), type)
        let c = workspace.buffer([5, 5], type)
        workspace.matrices.multiply(
            MatrixProduct(rows: 0, columns: 2, inner: 4, transposeB: true), x, x, into: c)
        workspace.matrices.multiply(
            MatrixProduct(rows: 2, columns: 0, inner: 4, transposeB: true), x, x, into: c)
        #expect(workspace.numbers(c, count: 2) == [5, 5])
    }

    // Many shapes at once on several threads, as attention asks for them in its first step; twice the
    // number of primitives that a thread keeps.
    @Test(arguments: [ElementType.bfloat16, .float16])
    func threadsMakeProductsOfNewShapesAtOnce(type: ElementType) {
        let workspace = Workspace(threads: 3)
        var numbers = TestNumbers("new shapes")
        let x = workspace.buffer(numbers.array(2100, 0.5, 1), type)
        let ones = workspace.buffer([Float](repeating: 1, count: 2100), type)
        let sums = workspace.buffer(3 * 2100, .float32)
        workspace.threads.forEachThread { thread in
            for inner in 1..<2100 {
                workspace.matrices.multiply(
                    MatrixProduct(rows: 1, columns: 1, inner: inner), x, ones,
                    into: sums.advanced(by: thread * 2100 + inner), thread: thread)
            }
        }
        let terms = workspace.numbers(x, count: 2100)
        let found = workspace.numbers(sums, count: 3 * 2100)
        var sum = 0.0
        for inner in 1..<2100 {
            sum += Double(terms[inner - 1])
            for thread in 0..<3 {
                // float32 sums of up to 2100 positive numbers.
                let value = Double(found[thread * 2100 + inner])
                #expect(abs(value - sum) < 1e-4 * sum, "inner \(inner) thread \(thread)")
            }
        }
    }

    private func check(_ variant: Variant, _ extents: Extents, in workspace: Workspace) {
        let (m, n, k) = (extents.rows, extents.columns, extents.inner)
        let pad = variant.padded ? 3 : 0
        let widthA = (variant.transposeA ? m : k) + pad
        let widthB = (variant.transposeB ? k : n) + 2 * pad
        let widthC = n + pad
        var numbers = TestNumbers(variant.testDescription)
        let values = { (count: Int, type: ElementType, numbers: inout TestNumbers) in
            workspace.buffer(numbers.array(count), type)
        }
        let a = values((variant.transposeA ? k : m) * widthA, variant.type, &numbers)
        let b = values((variant.transposeB ? n : k) * widthB, variant.type, &numbers)
        let c = values(m * widthC, variant.output, &numbers)
        let bias = values(n, .float32, &numbers)
        let (x, y) = (
            workspace.numbers(a, count: (variant.transposeA ? k : m) * widthA),
            workspace.numbers(b, count: (variant.transposeB ? n : k) * widthB)
        )
        let (start, added) = (
            workspace.numbers(c, count: m * widthC), workspace.numbers(bias, count: n)
        )
        var product = MatrixProduct(
            rows: m, columns: n, inner: k, transposeA: variant.transposeA,
            transposeB: variant.transposeB, strideA: pad == 0 ? 0 : widthA,
            strideB: pad == 0 ? 0 : widthB, strideC: pad == 0 ? 0 : widthC,
            accumulate: variant.accumulate)
        workspace.matrices.multiply(product, a, b, into: c, bias: variant.bias ? bias : nil)
        let found = workspace.numbers(c, count: m * widthC)
        if variant.accumulate, variant.output == .float32 {
            let fresh = workspace.buffer(start, .float32)
            for row in 0..<m { for i in 0..<n { fresh.floats[row * widthC + i] = .nan } }
            product.accumulate = false
            workspace.matrices.multiply(
                product, a, b, into: fresh, bias: variant.bias ? bias : nil,
                start: workspace.buffer(start, .float32))
            #expect(workspace.numbers(fresh, count: m * widthC) == found, "with a start")
        }
        for row in 0..<m {
            for column in 0..<widthC {
                let place = row * widthC + column
                guard column < n else {
                    #expect(found[place] == start[place], "padding of \(extents)")
                    continue
                }
                var sum = variant.accumulate ? Double(start[place]) : 0
                var size = abs(sum) + 1
                if variant.bias { sum += Double(added[column]) }
                for i in 0..<k {
                    let left = x[variant.transposeA ? i * widthA + row : row * widthA + i]
                    let right = y[variant.transposeB ? column * widthB + i : i * widthB + column]
                    sum += Double(left) * Double(right)
                    size += abs(Double(left) * Double(right))
                }
                // Float32 sums of k terms, then one rounding to the output's type.
                let bound = size * Double(k + 4) * 0x1p-24 + abs(sum) * variant.output.roundoff
                #expect(
                    abs(Double(found[place]) - sum) <= bound,
                    "\(extents.testDescription) at (\(row), \(column))")
            }
        }
    }
}

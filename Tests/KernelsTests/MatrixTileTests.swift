import Kernels
import TestSupport
import Testing

/// Products on matrix tiles: in plain C everywhere, and by the processor's instructions where it has them.
/// MatrixMultiplierTests and LongAttentionTests compare both with plain loops.
@Suite struct MatrixTileTests {
    static let native = Workspace(threads: 1).matrices.tiles == .native

    // Rows and columns that fill tiles and do not; sums of one part and of several; A too large for the cache
    // in one part, and more columns than take turns with it.
    static let products = [
        MatrixProduct(rows: 16, columns: 16, inner: 16),
        MatrixProduct(rows: 95, columns: 161, inner: 801, transposeB: true),
        MatrixProduct(rows: 64, columns: 129, inner: 1600, transposeA: true),
        MatrixProduct(rows: 1057, columns: 450, inner: 800),
    ]

    /// C of random numbers, bits.
    private func sums(
        _ product: MatrixProduct, threads: Int = 1, tiles: MatrixTiles, adding: Bool = false
    ) -> [Float] {
        let workspace = Workspace(threads: threads)
        workspace.matrices.tiles = tiles
        var numbers = TestNumbers("tiles")
        let a = workspace.buffer(numbers.array(product.rows * product.inner), .bfloat16)
        let b = workspace.buffer(numbers.array(product.columns * product.inner), .bfloat16)
        let count = product.rows * product.columns
        let c = workspace.buffer(numbers.array(count), .float32)
        var product = product
        product.accumulate = adding
        workspace.matrices.multiply(product, a, b, into: c)
        return workspace.numbers(c, count: count)
    }

    @Test(
        .enabled(if: native, "this processor has no tiles, or the system does not save them"),
        arguments: products)
    func plainTilesGiveTheBitsOfTheProcessors(_ product: MatrixProduct) {
        #expect(sums(product, tiles: .emulated) == sums(product, tiles: .native))
    }

    @Test(arguments: products)
    func bitsDoNotDependOnHowThreadsDivideAProduct(_ product: MatrixProduct) {
        let tiles: MatrixTiles = Self.native ? .native : .emulated
        for adding in [false, true] {
            let alone = sums(product, tiles: tiles, adding: adding)
            for threads in [2, 3] {
                #expect(sums(product, threads: threads, tiles: tiles, adding: adding) == alone)
            }
        }
    }

    // A row's sums must not depend on the rows that it is computed beside: batches are cut anywhere.
    @Test func aRowsBitsDoNotDependOnTheOthers() {
        let tiles: MatrixTiles = Self.native ? .native : .emulated
        let product = MatrixProduct(rows: 77, columns: 100, inner: 900)
        let all = sums(product, tiles: tiles)
        var few = product
        few.rows = 20
        let workspace = Workspace(threads: 1)
        workspace.matrices.tiles = tiles
        var numbers = TestNumbers("tiles")
        let a = workspace.buffer(numbers.array(product.rows * product.inner), .bfloat16)
        let b = workspace.buffer(numbers.array(product.columns * product.inner), .bfloat16)
        let c = workspace.buffer(few.rows * product.columns, .float32)
        workspace.matrices.multiply(few, a.advanced(by: 40 * product.inner), b, into: c)
        #expect(
            workspace.numbers(c, count: few.rows * product.columns)
                == Array(all[40 * product.columns..<60 * product.columns]))
    }

    // oneDNN sets the tiles up for itself. (Signals: SignalTests.)
    @Test(.enabled(if: native, "this processor has no tiles, or the system does not save them"))
    func aLibrarysTilesInBetweenChangeNoBit() {
        let product = MatrixProduct(rows: 512, columns: 700, inner: 700)
        let expected = sums(product, tiles: .native)
        for _ in 0..<5 {
            _ = sums(product, tiles: .none)
            #expect(sums(product, tiles: .native) == expected)
        }
    }
}

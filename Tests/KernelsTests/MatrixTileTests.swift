import Kernels
import TestSupport
import Testing

/// Products on matrix tiles: in plain C everywhere, and by the processor's instructions where it has them.
/// MatrixMultiplierTests and LongAttentionTests compare both with plain loops.
@Suite struct MatrixTileTests {
    static let native = Workspace(threads: 1).matrices.tiles == .native

    // Rows and columns that fill tiles and do not; sums of one part and of two; columns in two groups; rows
    // in two.
    static let products = [
        MatrixProduct(rows: 32, columns: 32, inner: 32),
        MatrixProduct(rows: 95, columns: 161, inner: 801, transposeB: true),
        MatrixProduct(rows: 64, columns: 300, inner: 1100, transposeA: true),
        MatrixProduct(rows: 4130, columns: 40, inner: 48),
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
        few.rows = 33
        let workspace = Workspace(threads: 1)
        workspace.matrices.tiles = tiles
        var numbers = TestNumbers("tiles")
        let a = workspace.buffer(numbers.array(product.rows * product.inner), .bfloat16)
        let b = workspace.buffer(numbers.array(product.columns * product.inner), .bfloat16)
        let c = workspace.buffer(few.rows * product.columns, .float32)
        workspace.matrices.multiply(few, a.advanced(by: 40 * product.inner), b, into: c)
        #expect(
            workspace.numbers(c, count: few.rows * product.columns)
                == Array(all[40 * product.columns..<73 * product.columns]))
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

    @Test func theRateOfPackedProductsIsToldWhereOurLoopsMakeThem() {
        let workspace = Workspace(threads: 1)
        if Self.native { #expect((workspace.packedProductRate() ?? 0) > 0) }
        workspace.matrices.tiles = .none
        workspace.matrices.usesBFloat16DotProducts = false
        if workspace.matrices.usesVectors { #expect((workspace.packedProductRate() ?? 0) > 0) }
        workspace.matrices.usesVectors = false
        #expect(workspace.packedProductRate() == nil)
    }
}

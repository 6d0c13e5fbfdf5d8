private import CKernels
private import COneDNN
private import COpenBLAS

/// C = A · B (+ C) (+ bias): one product, described by its extents and where its operands lie.
package struct MatrixProduct: Hashable {
    /// C is (rows, columns); `inner` is the extent summed over.
    package var rows: Int
    package var columns: Int
    package var inner: Int
    /// Whether A is stored (inner, rows) and B (columns, inner).
    package var transposeA = false
    package var transposeB = false
    /// Elements from one stored row to the next; 0 means dense.
    package var strideA = 0
    package var strideB = 0
    package var strideC = 0
    /// Adds to C instead of replacing it.
    package var accumulate = false

    package init(
        rows: Int, columns: Int, inner: Int, transposeA: Bool = false, transposeB: Bool = false,
        strideA: Int = 0, strideB: Int = 0, strideC: Int = 0, accumulate: Bool = false
    ) {
        self.rows = rows
        self.columns = columns
        self.inner = inner
        self.transposeA = transposeA
        self.transposeB = transposeB
        self.strideA = strideA == 0 ? (transposeA ? rows : inner) : strideA
        self.strideB = strideB == 0 ? (transposeB ? inner : columns) : strideB
        self.strideC = strideC == 0 ? columns : strideC
        self.accumulate = accumulate
    }

    /// The part that computes the given rows of C.
    func part(rows range: Range<Int>) -> (MatrixProduct, offsetA: Int, offsetC: Int) {
        var part = self
        part.rows = range.count
        return (
            part, range.lowerBound * (transposeA ? 1 : strideA), range.lowerBound * strideC
        )
    }

    /// The part that computes the given columns of C.
    func part(columns range: Range<Int>) -> (MatrixProduct, offsetB: Int, offsetC: Int) {
        var part = self
        part.columns = range.count
        return (part, range.lowerBound * (transposeB ? strideB : 1), range.lowerBound)
    }
}

/// Matrix products of the three element types.
///
/// float32 through oneDNN where the processor has AVX-512 (OpenBLAS 0.3.21 takes processors that are newer for
/// ones without: 126 GFLOP/s where oneDNN reaches 245 on a Zen 5 core), by our own loops of vectors where it
/// has AVX2, else through OpenBLAS; bfloat16, summing in float32, by our own loops, on matrix tiles or of
/// pairs, and else through oneDNN where the processor has it; float16, and bfloat16 elsewhere, by the loops
/// that float32 takes: those of vectors read them as they are, libraries get float32 copies of their parts.
package final class MatrixMultiplier {
    struct Key: Hashable {
        let product: MatrixProduct
        let output: ElementType
        let bias: Bool
    }

    let pool: StoragePool
    private let threads: ThreadPool
    /// oneDNN multiplies float32 well where the processor has AVX-512.
    private let hasVectors512 = onednn_has_vectors_512()
    /// Whether oneDNN gets bfloat16 operands as they are: without the processor's own instructions it
    /// imitates them, at a third of the rate of float32 and less.
    package var usesBFloat16Instructions = onednn_has_bfloat16() {
        didSet {
            precondition(
                !usesBFloat16Instructions || onednn_has_bfloat16(),
                "this processor has no bfloat16 instructions")
        }
    }
    /// Whether bfloat16 products, and those of attention, are made on matrix tiles.
    package var tiles = MatrixTiles.atHand
    /// Whether large bfloat16 products, and those of attention, are made by our own loops of pairs, where
    /// they are not made on tiles.
    package var usesBFloat16DotProducts = PairOperand.isSupported {
        didSet {
            precondition(
                !usesBFloat16DotProducts || PairOperand.isSupported,
                "this processor multiplies no pairs")
        }
    }
    /// Whether large products of what oneDNN does not get as it is are made by our own loops of float32
    /// vectors: where the processor has AVX2 and no more.
    package var usesVectors = MatrixVectors.isBest {
        didSet {
            precondition(
                !usesVectors || MatrixVectors.isSupported, "this processor has no AVX2")
        }
    }
    /// By thread. The array itself never changes, so that threads may read it without a lock.
    let perThread: [ThreadState]

    init(pool: StoragePool, threads: ThreadPool) {
        self.pool = pool
        self.threads = threads
        perThread = (0..<threads.threads).map { _ in ThreadState() }
    }

    /// What one thread keeps between its products: a primitive may not run on two threads at once.
    final class ThreadState {
        private var primitives: [Key: OpaquePointer] = [:]
        private var copies: [Storage?] = [nil, nil, nil, nil]
        /// A primitive takes about 80 KB and 0.1 ms; shapes that grow with each generated token
        /// would pile them up.
        private static let mostPrimitives = 1024

        deinit { dropPrimitives() }

        /// The primitive for `key`, made by `make` where it is new.
        func primitive(_ key: Key, _ make: () -> OpaquePointer?) -> OpaquePointer? {
            if let known = primitives[key] { return known }
            if primitives.count == Self.mostPrimitives { dropPrimitives() }
            let made = make()
            primitives[key] = made
            return made
        }

        /// Room for `count` float32 numbers, kept for the next call with the same operand (0...3).
        func floats(_ count: Int, operand: Int, from pool: StoragePool) -> Buffer {
            if let kept = copies[operand], kept.capacity >= count * 4 {
                return Buffer(storage: kept, type: .float32)
            }
            copies[operand] = nil
            // Grows by doubling while small: the strips of an attention have many sizes, and the pool
            // keeps a block of each that was ever taken.
            let bytes = max(count * 4, 4096)
            let doubled = 1 << (Int.bitWidth - (bytes - 1).leadingZeroBitCount)
            let fresh = pool.take(bytes: bytes <= 1 << 22 ? doubled : bytes)
            copies[operand] = fresh
            return Buffer(storage: fresh, type: .float32)
        }

        private func dropPrimitives() {
            for primitive in primitives.values { onednn_product_destroy(primitive) }
            primitives = [:]
        }
    }

    /// Computes `product` with all threads.
    ///
    /// A and B have one type; C has it too or is float32. `bias` (columns) is float32.
    ///
    /// - Parameter start: float32, laid out like a float32 C: C = start + A · B (+ bias).
    package func multiply(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer? = nil,
        start: Buffer? = nil
    ) {
        let least = 1 << 20
        let work = product.rows * product.columns * product.inner
        // As the whole is large or not, so that bits do not depend on how threads divide it.
        let loops = loops(product, a, into: c, start: start)
        if product.rows >= product.columns {
            let rows = max(16, least * product.rows / max(work, 1))
            threads.divide(product.rows, atLeast: rows, step: 16) { range, thread in
                let (part, offsetA, offsetC) = product.part(rows: range)
                multiply(
                    part, a.advanced(by: offsetA), b, into: c.advanced(by: offsetC), bias: bias,
                    start: start?.advanced(by: offsetC), loops, thread: thread)
            }
        } else {
            let columns = max(16, least * product.columns / max(work, 1))
            threads.divide(product.columns, atLeast: columns, step: 16) { range, thread in
                let (part, offsetB, offsetC) = product.part(columns: range)
                multiply(
                    part, a, b.advanced(by: offsetB), into: c.advanced(by: offsetC),
                    bias: bias?.advanced(by: range.lowerBound),
                    start: start?.advanced(by: offsetC), loops, thread: thread)
            }
        }
    }

    /// Computes `product` on the calling thread, which is `thread` of the pool.
    package func multiply(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer? = nil,
        start: Buffer? = nil, thread: Int
    ) {
        multiply(
            product, a, b, into: c, bias: bias, start: start,
            loops(product, a, into: c, start: start), thread: thread)
    }

    /// What makes a product: our own loops of bfloat16, or libraries.
    private enum Loops {
        case tiles, pairs, vectors, libraries
    }

    private func loops(
        _ product: MatrixProduct, _ a: Buffer, into c: Buffer, start: Buffer?
    ) -> Loops {
        if usesTiles(product, a, into: c, start: start) { return .tiles }
        if usesBFloat16DotProducts(product, a, into: c, start: start) { return .pairs }
        return usesVectors(product, a) ? .vectors : .libraries
    }

    private func multiply(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer?,
        start: Buffer?, _ loops: Loops, thread: Int
    ) {
        precondition(
            a.type == b.type && (c.type == a.type || c.type == .float32),
            "matrix product of \(a.type) and \(b.type) into \(c.type)")
        precondition(
            start == nil || (c.type == .float32 && !product.accumulate),
            "matrix product into \(c.type) with a start, accumulate: \(product.accumulate)")
        guard product.rows > 0, product.columns > 0 else { return }
        let begin = product.accumulate ? c : start
        switch loops {
        case .tiles:
            return multiplyTiles(
                product, a, b, into: c, bias: bias, start: begin, scratch: perThread[thread])
        case .pairs:
            return multiplyPairs(
                product, a, b, into: c, bias: bias, start: begin, scratch: perThread[thread])
        case .vectors:
            return multiplyVectors(
                product, a, b, into: c, bias: bias, start: begin, scratch: perThread[thread])
        case .libraries: break
        }
        if let start {
            var adding = product
            adding.accumulate = true
            for row in 0..<product.rows {
                let place = row * product.strideC
                lk_convert(
                    0, start.advanced(by: place).pointer, 0, c.advanced(by: place).pointer,
                    product.columns)
            }
            return multiply(
                adding, a, b, into: c, bias: bias, start: nil, .libraries, thread: thread)
        }
        guard product.inner > 0 else { return multiplyNothing(product, into: c, bias: bias) }
        switch a.type {
        case .float32: multiplyFloat32(product, a, b, into: c, bias: bias)
        case .bfloat16 where usesBFloat16Instructions:
            multiplyBFloat16(product, a, b, into: c, bias: bias, thread: thread)
        default: multiplyCopies(product, a, b, into: c, bias: bias, thread: thread)
        }
    }

    /// A sum over no terms: zeros or the bias, or C as it is (oneDNN divides by the extent).
    private func multiplyNothing(_ product: MatrixProduct, into c: Buffer, bias: Buffer?) {
        precondition(bias == nil || !product.accumulate, "matrix product of nothing, with a bias")
        guard !product.accumulate else { return }
        let zeros = Buffer(storage: pool.takeZeros(bytes: product.columns * 4), type: .float32)
        lk_fill_rows(
            c.type.rawValue, c.pointer, (bias ?? zeros).floats, product.rows, product.columns,
            product.strideC)
    }

    func multiplyFloat32(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer?
    ) {
        if let bias, product.accumulate {
            lk_add_rows(c.floats, bias.floats, product.rows, product.columns, product.strideC)
        } else if let bias {
            lk_fill_rows(
                0, c.pointer, bias.floats, product.rows, product.columns, product.strideC)
        }
        if hasVectors512 {
            let done = onednn_multiply_float32(
                product.transposeA, product.transposeB, Int64(product.rows),
                Int64(product.columns), Int64(product.inner), a.floats, Int64(product.strideA),
                b.floats, Int64(product.strideB), product.accumulate || bias != nil, c.floats,
                Int64(product.strideC))
            precondition(done, "oneDNN could not compute \(product)")
            return
        }
        cblas_sgemm(
            CblasRowMajor, product.transposeA ? CblasTrans : CblasNoTrans,
            product.transposeB ? CblasTrans : CblasNoTrans, blasint(product.rows),
            blasint(product.columns), blasint(product.inner), 1, a.floats,
            blasint(product.strideA), b.floats, blasint(product.strideB),
            product.accumulate || bias != nil ? 1 : 0, c.floats, blasint(product.strideC))
    }

    /// Whether large products of this type are made of float32 copies of their operands.
    package func convertsOperands(_ type: ElementType) -> Bool {
        !usesVectors && (type == .float16 || (type == .bfloat16 && !usesBFloat16Instructions))
    }

    /// The longest side that oneDNN gets at once: with one as long as a vocabulary, each number takes
    /// it a tenth more time.
    private static let longestSide = 4096

    /// `count` in the fewest parts of at most ``longestSide``, equal but for the last.
    private func tiles(_ count: Int) -> [Range<Int>] {
        let tiles = (count + Self.longestSide - 1) / Self.longestSide
        let length = ((count + tiles - 1) / tiles + 63) / 64 * 64
        return stride(from: 0, to: count, by: length).map { $0..<min($0 + length, count) }
    }

    private func multiplyBFloat16(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer?,
        thread: Int
    ) {
        if product.rows > Self.longestSide {
            for tile in tiles(product.rows) {
                let (part, offsetA, offsetC) = product.part(rows: tile)
                multiplyBFloat16(
                    part, a.advanced(by: offsetA), b, into: c.advanced(by: offsetC), bias: bias,
                    thread: thread)
            }
        } else if product.columns > Self.longestSide {
            for tile in tiles(product.columns) {
                let (part, offsetB, offsetC) = product.part(columns: tile)
                multiplyBFloat16(
                    part, a, b.advanced(by: offsetB), into: c.advanced(by: offsetC),
                    bias: bias?.advanced(by: tile.lowerBound), thread: thread)
            }
        } else if product.inner > 2 * Self.longestSide, bias == nil, !product.accumulate {
            multiplyLongSums(product, a, b, into: c, thread: thread)
        } else {
            multiplyTile(product, a, b, into: c, bias: bias, thread: thread)
        }
    }

    /// Sums over a long side part by part, in float32.
    private func multiplyLongSums(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, thread: Int
    ) {
        var part = product
        let isNarrow = c.type != .float32
        if isNarrow { part.strideC = product.columns }
        let sums =
            isNarrow
            ? perThread[thread].floats(product.rows * product.columns, operand: 2, from: pool) : c
        for tile in tiles(product.inner) {
            let start = tile.lowerBound
            part.inner = tile.count
            part.accumulate = start > 0
            multiplyBFloat16(
                part, a.advanced(by: start * (product.transposeA ? product.strideA : 1)),
                b.advanced(by: start * (product.transposeB ? 1 : product.strideB)), into: sums,
                bias: nil, thread: thread)
        }
        if isNarrow {
            narrow(sums, (product.rows, product.columns), into: c, stride: product.strideC)
        }
    }

    private func multiplyTile(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer?,
        thread: Int
    ) {
        let key = Key(product: product, output: c.type, bias: bias != nil)
        let primitive = perThread[thread].primitive(key) {
            var shape = onednn_shape(
                m: Int64(product.rows), n: Int64(product.columns), k: Int64(product.inner),
                row_a: Int64(product.transposeA ? 1 : product.strideA),
                column_a: Int64(product.transposeA ? product.strideA : 1),
                row_b: Int64(product.transposeB ? 1 : product.strideB),
                column_b: Int64(product.transposeB ? product.strideB : 1),
                row_c: Int64(product.strideC), bfloat16_output: c.type == .bfloat16,
                accumulate: product.accumulate, bias: bias != nil)
            return onednn_product_create(&shape)
        }
        guard let primitive else { preconditionFailure("oneDNN has no product for \(product)") }
        let done = onednn_product_execute(
            primitive, a.pointer, b.pointer, bias?.floats, c.pointer)
        precondition(done, "oneDNN could not compute \(product)")
    }

    /// y = x (rows, columns), dense float32, in y's type.
    func narrow(_ x: Buffer, _ extent: (Int, Int), into y: Buffer, stride: Int) {
        for row in 0..<extent.0 {
            lk_convert(
                0, x.advanced(by: row * extent.1).pointer, y.type.rawValue,
                y.advanced(by: row * stride).pointer, extent.1)
        }
    }

    /// y = x in float32, (rows, columns) dense.
    func widen(_ x: Buffer, _ extent: (Int, Int), stride: Int, into y: Buffer) {
        for row in 0..<extent.0 {
            lk_convert(
                x.type.rawValue, x.advanced(by: row * stride).pointer, 0,
                y.advanced(by: row * extent.1).pointer, extent.1)
        }
    }
}

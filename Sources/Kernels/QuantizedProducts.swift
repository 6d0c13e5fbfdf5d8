private import CKernels

/// Products with a quantized weight: every thread decodes the tiles it multiplies, into scratch of
/// its own that stays in its cache. No weight is decoded twice by a thread in one product.
extension Workspace {
    /// Bytes of a thread's decoded tile.
    private static let tileBytes = 1 << 20
    /// Weights that make a thread's start worth it.
    private static let grain = 1 << 15

    /// y (range.count, columns) = the weights of rows `range`, in y's type.
    package func dequantize(_ matrix: QuantizedMatrix, rows range: Range<Int>, into y: Buffer) {
        let (part, columns) = (matrix.rows(range), matrix.columns)
        let least = max(1, Self.grain / max(columns, 1))
        threads.divide(part.rows, atLeast: least) { range, _ in
            decode(
                part, rows: range, columns: 0..<columns,
                into: y.advanced(by: range.lowerBound * columns), stride: columns)
        }
    }

    /// y (rows, columns) float32 = (or +=) the rows of `table` named by ids.
    package func gatherRows(
        of table: QuantizedMatrix, ids: [Int32], into y: Buffer, adding: Bool = false
    ) {
        let columns = table.columns
        guard let source = table.pointer(row: 0) else { return }
        ids.withUnsafeBufferPointer { ids in
            guard let base = ids.baseAddress else { return }
            threads.divide(ids.count, atLeast: 32) { range, _ in
                lk_gather_quantized_rows(
                    table.format.code, source, table.rowBytes, base + range.lowerBound,
                    y.floats + range.lowerBound * columns, adding, range.count, columns)
            }
        }
    }

    /// y = x Wᵀ (+ y) (+ bias): as the product with a dense weight.
    func multiply(
        _ x: Buffer, rows: Int, by matrix: QuantizedMatrix, into y: Buffer, bias: Buffer?,
        adding: Bool, change: LowRankChange? = nil
    ) {
        guard rows > 0, matrix.rows > 0 else { return }
        if isOfFewRows(x, rows: rows, matrix) {
            multiplyFew(
                x, rows: rows, by: matrix, into: y, bias: bias, adding: adding, change: change)
            return
        }
        precondition(change == nil, "a change of a product that is not of few rows")
        let (outputs, inputs) = (matrix.rows, matrix.columns)
        let grid = ThreadGrid(threads: threads.threads, rows: rows, columns: outputs)
        let tile = max(16, min(512, Self.tileBytes / max(inputs * x.type.bytes, 1) / 16 * 16))
        let scratch = ThreadScratch(tile * inputs, x.type, threads: grid.parts, in: pool)
        grid.forEachPart(on: threads) { tokens, columns, thread in
            let x = x.advanced(by: tokens.lowerBound * inputs)
            let weights = scratch.part(thread)
            for start in stride(from: columns.lowerBound, to: columns.upperBound, by: tile) {
                let outputRange = start..<min(start + tile, columns.upperBound)
                decode(
                    matrix, rows: outputRange, columns: 0..<inputs, into: weights, stride: inputs)
                let product = MatrixProduct(
                    rows: tokens.count, columns: outputRange.count, inner: inputs,
                    transposeB: true, strideC: outputs, accumulate: adding)
                matrices.multiply(
                    product, x, weights,
                    into: y.advanced(by: tokens.lowerBound * outputs + start),
                    bias: bias?.advanced(by: start), thread: thread)
            }
        }
    }

    /// dx = dy W (+ dx): as the product with a dense weight. Rows of dy are `stride` elements apart.
    ///
    /// Threads divide the columns of W, so that each sums over all of its rows: at once where a
    /// tile of all rows fits, else piece by piece in float32.
    func multiplyBack(
        _ dy: Buffer, rows: Int, by matrix: QuantizedMatrix, into dx: Buffer, adding: Bool,
        stride: Int
    ) {
        guard rows > 0, matrix.columns > 0 else { return }
        let (outputs, inputs) = (matrix.rows, matrix.columns)
        let grid = ThreadGrid(threads: threads.threads, rows: rows, columns: inputs)
        let width = min(256, grid.columnShare)
        let height = min(outputs, max(16, Self.tileBytes / (width * dy.type.bytes)))
        let scratch = ThreadScratch(height * width, dy.type, threads: grid.parts, in: pool)
        let needsSums = height < outputs && dx.type != .float32
        let sums = ThreadScratch(
            needsSums ? grid.rowShare * width : 0, .float32, threads: grid.parts, in: pool)
        grid.forEachPart(on: threads) { tokens, columns, thread in
            let weights = scratch.part(thread)
            for start in Swift.stride(from: columns.lowerBound, to: columns.upperBound, by: width) {
                let part = start..<min(start + width, columns.upperBound)
                let target = dx.advanced(by: tokens.lowerBound * inputs + start)
                for first in Swift.stride(from: 0, to: outputs, by: height) {
                    let outputRange = first..<min(first + height, outputs)
                    decode(
                        matrix, rows: outputRange, columns: part, into: weights,
                        stride: part.count)
                    let product = MatrixProduct(
                        rows: tokens.count, columns: part.count, inner: outputRange.count,
                        strideA: stride, strideC: needsSums ? part.count : inputs,
                        accumulate: first > 0 || (adding && !needsSums))
                    matrices.multiply(
                        product, dy.advanced(by: tokens.lowerBound * stride + first), weights,
                        into: needsSums ? sums.part(thread) : target, thread: thread)
                }
                guard needsSums else { continue }
                lk_store_sums(
                    sums.part(thread).floats, nil, adding, tokens.count, part.count,
                    dx.type.rawValue, target.pointer, inputs)
            }
        }
    }

    /// Whether blocks are decoded in registers.
    func isOfFewRows(_ x: Buffer, rows: Int, _ matrix: QuantizedMatrix) -> Bool {
        rows <= max(independentRows, mostFewRows(x, matrix))
    }

    /// Rows up to which decoding in registers is the faster way.
    private func mostFewRows(_ x: Buffer, _ matrix: QuantizedMatrix) -> Int {
        let isFast = multipliesInPairs(x, matrix) && matrix.columns <= LK_MOST_DECODED_COLUMNS
        return isFast ? 128 : Self.fewRows
    }

    private func multipliesInPairs(_ x: Buffer, _ matrix: QuantizedMatrix) -> Bool {
        x.type == .bfloat16 && lk_has_quantized_pairs(matrix.format.code, matrix.columns)
    }

    /// Each thread some rows of W. The weights are exactly those of float32 decoding; with bfloat16 numbers
    /// they are rounded to bfloat16 on processors that multiply such in pairs.
    private func multiplyFew(
        _ x: Buffer, rows: Int, by matrix: QuantizedMatrix, into y: Buffer, bias: Buffer?,
        adding: Bool, change: LowRankChange?
    ) {
        let (outputs, inputs) = (matrix.rows, matrix.columns)
        guard let bytes = matrix.pointer(row: 0) else { return }
        let inPairs = multipliesInPairs(x, matrix)
        var wide = x
        if x.type != .float32, !inPairs {
            wide = buffer(rows * inputs, .float32)
            convert(x, to: wide, count: rows * inputs)
        }
        let sums = buffer(rows * outputs, .float32)
        let least = max(4, Self.grain / max(inputs, 1))
        let inner = change.map { reduced(by: $0, wide, stride: inputs, rows: rows) }
        let step = change == nil ? 4 : LowRankChange.columnStep
        threads.share(outputs, atLeast: least, step: step) { range in
            let part = sums.floats + range.lowerBound * rows
            let weights = bytes + range.lowerBound * matrix.rowBytes
            if inPairs {
                lk_quantized_pair_products(
                    matrix.format.code, weights, matrix.rowBytes, range.count, inputs,
                    x.pointer.assumingMemoryBound(to: UInt16.self), inputs, rows, part)
            } else {
                lk_quantized_products(
                    matrix.format.code, weights, matrix.rowBytes, range.count, inputs,
                    wide.floats, inputs, rows, part)
            }
            lk_store_sums(
                part, bias.map { $0.floats + range.lowerBound }, adding, rows, range.count,
                y.type.rawValue, y.advanced(by: range.lowerBound).pointer, outputs)
            if let change, let inner { change.add(inner, to: y, rows: rows, columns: range) }
        }
    }

    private func decode(
        _ matrix: QuantizedMatrix, rows: Range<Int>, columns: Range<Int>, into y: Buffer,
        stride: Int
    ) {
        guard let source = matrix.pointer(row: rows.lowerBound) else { return }
        lk_dequantize(
            matrix.format.code, source, matrix.rowBytes, columns.lowerBound, rows.count,
            columns.count, y.type.rawValue, y.pointer, stride)
    }
}

/// How threads share a product whose weights they decode: first by columns, which costs nothing
/// twice; where columns would become few, by rows too.
private struct ThreadGrid {
    private let rowParts, columnParts: Int
    private let rows, columns: Int
    private static let leastColumns = 128
    private static let leastRows = 32

    init(threads: Int, rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
        columnParts = max(1, min(threads, columns / Self.leastColumns))
        rowParts = max(1, min(threads / columnParts, rows / Self.leastRows))
    }

    var parts: Int { rowParts * columnParts }

    /// The most rows and columns of a part.
    var rowShare: Int { Self.share(rows, rowParts) }
    var columnShare: Int { Self.share(columns, columnParts) }

    private static func share(_ count: Int, _ parts: Int) -> Int {
        parts == 1 ? count : ((count + parts - 1) / parts + 15) / 16 * 16
    }

    func forEachPart(
        on threads: ThreadPool,
        _ body: (_ rows: Range<Int>, _ columns: Range<Int>, _ thread: Int) -> Void
    ) {
        let (rowShare, columnShare) = (rowShare, columnShare)
        threads.divide(parts) { range, thread in
            for part in range {
                let row = min(part / columnParts * rowShare, rows)
                let column = min(part % columnParts * columnShare, columns)
                let rowRange = row..<min(row + rowShare, rows)
                let columnRange = column..<min(column + columnShare, columns)
                if !rowRange.isEmpty && !columnRange.isEmpty { body(rowRange, columnRange, thread) }
            }
        }
    }
}

/// Memory of the pool, an equal part for each thread.
private struct ThreadScratch {
    private let buffer: Buffer
    private let share: Int

    init(_ count: Int, _ type: ElementType, threads: Int, in pool: StoragePool) {
        share = (count + 63) / 64 * 64
        buffer = Buffer(storage: pool.take(bytes: share * threads * type.bytes), type: type)
    }

    func part(_ thread: Int) -> Buffer { buffer.advanced(by: thread * share) }
}

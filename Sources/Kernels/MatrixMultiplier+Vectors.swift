private import CKernels
private import COneDNN

/// Products of float32 vectors (AVX2 and FMA).
package enum MatrixVectors {
    /// Whether the processor has them.
    package static let isSupported = lk_has_vector_products()
    /// Whether it has none that are longer, for which oneDNN has loops.
    static let isBest = isSupported && !onednn_has_vectors_512()
}

/// Large products by our own loops of float32 vectors, which take operands of any type: the layers of GPT-2
/// 124M at 95 to 98 GFLOP/s on a Zen 3 core whose registers give 102, where OpenBLAS 0.3.21 reaches 89 to 93
/// of float32 operands and 78 to 83 by way of copies (512 tokens, 1 thread).
extension MatrixMultiplier {
    /// The longest sum made in registers.
    private static let longestSum = 1024
    /// Columns of B that are made ready at once: with the longest sum 256 KB.
    private static let width = 64
    /// Numbers of A that are, 4 MB, and the rows that they are of at least, if there are so many: each row uses
    /// what is made ready of B.
    private static let mostOfA = 1 << 20
    private static let leastRows = 768

    /// Whether a product is made so: one that is large enough, for all its operands are copied once.
    func usesVectors(_ product: MatrixProduct, _ a: Buffer) -> Bool {
        usesVectors && (a.type != .bfloat16 || !usesBFloat16Instructions) && product.rows >= 32
            && product.columns >= 32 && product.inner >= 32
    }

    /// Computes a product on the calling thread, whose scratch that is.
    /// - Parameter start: what is added to, laid out like C; where `product` adds, C itself.
    func multiplyVectors(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer?,
        start: Buffer?, scratch: ThreadState
    ) {
        let rows = min(product.rows, max(Self.leastRows, Self.mostOfA / product.inner))
        for first in stride(from: 0, to: product.rows, by: rows) {
            let (part, offsetA, offsetC) = product.part(
                rows: first..<min(first + rows, product.rows))
            multiplySums(
                part, a.advanced(by: offsetA), b, into: c.advanced(by: offsetC), bias: bias,
                start: start?.advanced(by: offsetC), scratch: scratch)
        }
    }

    /// Sums of which A is too much to be made ready at once, as a vocabulary's are, go by way of float32.
    private func multiplySums(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer?,
        start: Buffer?, scratch: ThreadState
    ) {
        let most = max(1, Self.mostOfA / product.rows / Self.longestSum) * Self.longestSum
        guard product.inner > most else {
            return multiplyRows(
                product, a, b, into: c, bias: bias, start: start, scratch: scratch)
        }
        let extent = (product.rows, product.columns)
        var (part, sums, begin) = (product, c, start)
        if c.type != .float32 {
            sums = scratch.floats(extent.0 * extent.1, operand: 3, from: pool)
            part.strideC = product.columns
            if let start {
                widen(start, extent, stride: product.strideC, into: sums)
                begin = sums
            }
        }
        for first in stride(from: 0, to: product.inner, by: most) {
            part.inner = min(most, product.inner - first)
            multiplyRows(
                part, a.advanced(by: first * (product.transposeA ? product.strideA : 1)),
                b.advanced(by: product.placeInB(first, 0)), into: sums,
                bias: first == 0 ? bias : nil, start: first == 0 ? begin : sums, scratch: scratch)
        }
        if c.type != .float32 { narrow(sums, extent, into: c, stride: product.strideC) }
    }

    /// Rows of A that are made ready at once, for all columns.
    private func multiplyRows(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer?,
        start: Buffer?, scratch: ThreadState
    ) {
        let parts = Self.parts(product.inner)
        let height = Self.whole(product.rows)
        let left = scratch.floats(height * product.inner, operand: 0, from: pool)
        for terms in parts {
            var packing = lk_vector_packing(
                type: a.type.rawValue,
                x: a.advanced(by: terms.lowerBound * (product.transposeA ? product.strideA : 1))
                    .pointer, stride: product.strideA, extent: product.rows, inner: terms.count,
                transposed: product.transposeA)
            lk_pack_vector_rows(&packing, left.floats + height * terms.lowerBound)
        }
        for first in stride(from: 0, to: product.columns, by: Self.width) {
            let columns = first..<min(first + Self.width, product.columns)
            multiplyColumns(
                product, columns, left.floats, height: height, parts, b,
                into: c.advanced(by: first), bias: bias?.advanced(by: first),
                start: start?.advanced(by: first), scratch: scratch)
        }
    }

    /// Some columns of C, which begins there. Sums of several parts go by way of float32 where C is not.
    private func multiplyColumns(
        _ product: MatrixProduct, _ columns: Range<Int>, _ left: UnsafePointer<Float>, height: Int,
        _ parts: [Range<Int>], _ b: Buffer, into c: Buffer, bias: Buffer?, start: Buffer?,
        scratch: ThreadState
    ) {
        let extent = (product.rows, columns.count)
        let isNarrow = c.type != .float32
        let panels = scratch.floats(
            Self.width * (parts.first?.count ?? 0), operand: 1, from: pool)
        let sums =
            isNarrow && (parts.count > 1 || start != nil)
            ? scratch.floats(product.rows * Self.width, operand: 2, from: pool) : nil
        if isNarrow, let start, let sums {
            widen(start, extent, stride: product.strideC, into: sums)
        }
        for terms in parts {
            var packing = lk_vector_packing(
                type: b.type.rawValue,
                x: b.advanced(by: product.placeInB(terms.lowerBound, columns.lowerBound)).pointer,
                stride: product.strideB, extent: columns.count, inner: terms.count,
                transposed: !product.transposeB)
            lk_pack_vector_columns(&packing, panels.floats)
            let (isFirst, isLast) = (terms.lowerBound == 0, terms.upperBound == product.inner)
            let target = isLast ? c : sums ?? c
            let begin = isFirst ? (isNarrow && start != nil ? sums : start) : sums ?? c
            var shape = lk_vector_product(
                rows: product.rows, columns: columns.count, inner: terms.count,
                row_c: sums != nil && !isLast ? columns.count : product.strideC,
                type_c: target.type.rawValue,
                streams: streams(product, start, parts, into: target))
            lk_multiply_vectors(
                &shape, left + height * terms.lowerBound, panels.floats,
                isFirst ? bias?.floats : nil, begin?.floats,
                sums != nil ? columns.count : product.strideC, target.pointer)
        }
    }

    /// Whether C goes past the caches: large weight gradients are read again when all of backward is done.
    private func streams(
        _ product: MatrixProduct, _ start: Buffer?, _ parts: [Range<Int>], into c: Buffer
    ) -> Bool {
        product.transposeA && start == nil && parts.count == 1 && c.type == .float32
            && product.rows * product.columns >= 1 << 19 && product.strideC % 16 == 0
            && UInt(bitPattern: c.pointer) % 64 == 0
    }

    /// In the fewest parts of at most ``longestSum``, equal but for the last.
    private static func parts(_ inner: Int) -> [Range<Int>] {
        let count = (inner + longestSum - 1) / longestSum
        let length = ((inner + count - 1) / count + 7) / 8 * 8
        return stride(from: 0, to: inner, by: length).map { $0..<min($0 + length, inner) }
    }

    /// In whole panels.
    private static func whole(_ rows: Int) -> Int {
        (rows + Int(LK_VECTOR_ROWS) - 1) / Int(LK_VECTOR_ROWS) * Int(LK_VECTOR_ROWS)
    }
}

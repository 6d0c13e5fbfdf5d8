private import CKernels

/// Whether products of bfloat16 are made on matrix tiles (AMX).
package enum MatrixTiles {
    case none
    /// By the processor's instructions.
    case native
    /// By plain C that rounds as they do, for tests on any machine.
    case emulated

    /// What the processor has and the system permits.
    static let atHand: MatrixTiles = lk_has_tiles() ? .native : .none
}

/// bfloat16 products on matrix tiles. A is made ready once; of B as much at a time as a core's second cache
/// holds, and each block of 32 rows of A stays in the first while it is multiplied by all of that.
extension MatrixMultiplier {
    /// Whether attention makes its operands ready for our own loops.
    var pairsAttention: Bool { tiles != .none || usesBFloat16DotProducts }

    /// Whether a product is made so: one that fills a block.
    func usesTiles(_ product: MatrixProduct, _ a: Buffer, into c: Buffer, start: Buffer?) -> Bool {
        let fits = c.type == .float32 || (start == nil && !product.accumulate)
        return tiles != .none && a.type == .bfloat16 && fits && product.rows >= 32
            && product.columns >= 32 && product.inner >= 32
    }

    /// Computes a product on the calling thread, whose scratch that is.
    /// - Parameter start: what is added to, laid out like C; where `product` adds, C itself.
    func multiplyTiles(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer?,
        start: Buffer?, scratch: ThreadState
    ) {
        for rows in stride(from: 0, to: product.rows, by: TileParts.mostRows) {
            let range = rows..<min(rows + TileParts.mostRows, product.rows)
            let (part, offsetA, offsetC) = product.part(rows: range)
            let parts = TileParts(part)
            let left = LeftOperand(
                part, a.advanced(by: offsetA), parts,
                scratch.floats(parts.roomForRows / 2, operand: 0, from: pool))
            let target = TileTarget(
                c: c.advanced(by: offsetC), bias: bias, start: start?.advanced(by: offsetC),
                streams: streamsTiles(part, start, into: c.advanced(by: offsetC)))
            for first in stride(from: 0, to: part.columns, by: TileParts.width) {
                let columns = first..<min(first + TileParts.width, part.columns)
                multiplyPanels(part, columns, left, b, into: target, parts, scratch)
            }
        }
    }

    /// The columns of C that some panels of B give.
    private func multiplyPanels(
        _ product: MatrixProduct, _ columns: Range<Int>, _ left: LeftOperand, _ b: Buffer,
        into target: TileTarget, _ parts: TileParts, _ scratch: ThreadState
    ) {
        let block = Int(LK_TILE_BLOCK)
        let width = min(TileParts.width, TileParts.whole(product.columns))
        let panels = scratch.floats(width * parts.longest / 2, operand: 1, from: pool)
        let partial =
            parts.terms.count == 1
            ? nil : scratch.floats(parts.rows * width, operand: 2, from: pool).floats
        for terms in parts.terms {
            let (isFirst, isLast) = (terms.lowerBound == 0, terms.upperBound == product.inner)
            let panel = TileParts.whole(terms.count) * block
            var packing = lk_tile_packing(
                x: b.advanced(by: product.placeInB(terms.lowerBound, columns.lowerBound)).pointer,
                stride: product.strideB, extent: columns.count, inner: terms.count,
                transposed: product.transposeB, panel: panel, y: panels.pointer)
            lk_pack_tile_steps(&packing, 0, lk_tile_steps(&packing))
            var shape = lk_tile_product(
                rows: product.rows, columns: columns.count, inner: terms.count,
                part: Int32(LK_ALL), seen: 0, row_a: 32, step_a: block * 32, half_a: 16 * 32,
                block_a: panel, panel_b: panel, row_c: product.strideC, padded: true,
                narrow: target.c.type == .bfloat16, streams: target.streams)
            let own = target.advanced(by: columns.lowerBound)
            lk_multiply_tiles(
                &shape, left.packed(terms).pointer, panels.pointer,
                isLast ? own.bias?.floats : nil, isLast ? own.start?.floats : nil,
                isFirst ? nil : partial, isLast ? nil : partial, own.c.pointer,
                tiles == .emulated)
        }
    }

    /// Whether C goes past the caches: large weight gradients are read again when all of backward is done.
    private func streamsTiles(_ product: MatrixProduct, _ start: Buffer?, into c: Buffer) -> Bool {
        product.transposeA && start == nil && c.type == .float32
            && product.rows * product.columns >= 1 << 19 && product.strideC % 16 == 0
            && UInt(bitPattern: c.pointer) % 64 == 0
    }
}

/// C of a product on tiles, and what its sums end with.
private struct TileTarget {
    let c: Buffer
    let bias, start: Buffer?
    /// Whether C goes past the caches, where its lines are whole.
    let streams: Bool

    /// The part so many columns from the left.
    func advanced(by columns: Int) -> TileTarget {
        TileTarget(
            c: c.advanced(by: columns), bias: bias?.advanced(by: columns),
            start: start?.advanced(by: columns), streams: streams)
    }
}

/// A of a product on tiles, made ready for all parts of its sums at once where that is not too much, else for
/// each part as it comes.
private struct LeftOperand {
    private let product: MatrixProduct
    private let stored, room: Buffer
    private let parts: TileParts

    init(_ product: MatrixProduct, _ a: Buffer, _ parts: TileParts, _ room: Buffer) {
        (self.product, stored, self.parts) = (product, a, parts)
        self.room = room.reinterpreted(as: .bfloat16)
        guard parts.keepsRows else { return }
        for terms in parts.terms { pack(terms, into: place(terms)) }
    }

    /// The blocks of one part.
    func packed(_ terms: Range<Int>) -> Buffer {
        if !parts.keepsRows { pack(terms, into: place(terms)) }
        return place(terms)
    }

    private func place(_ terms: Range<Int>) -> Buffer {
        parts.keepsRows ? room.advanced(by: parts.rows * terms.lowerBound) : room
    }

    private func pack(_ terms: Range<Int>, into packed: Buffer) {
        let first = terms.lowerBound * (product.transposeA ? product.strideA : 1)
        lk_pack_tile_rows(
            stored.advanced(by: first).pointer, product.strideA, product.rows, terms.count,
            product.transposeA, packed.pointer)
    }
}

/// In which parts a product on tiles is made.
private struct TileParts {
    /// Rows of A that are made ready at once.
    static let mostRows = 4096
    /// Columns whose panels of B are: with the longest sum 512 KB.
    static let width = 256
    private static let longestSum = 1024

    /// Rows and terms, in whole tiles.
    let rows, inner: Int
    /// The terms of each part of the sums; all parts but the last one are of the same length, a multiple of 32.
    let terms: [Range<Int>]

    init(_ product: MatrixProduct) {
        (rows, inner) = (Self.whole(product.rows), Self.whole(product.inner))
        let count = (product.inner + Self.longestSum - 1) / Self.longestSum
        let length = Self.whole((product.inner + count - 1) / count)
        terms = stride(from: 0, to: product.inner, by: length).map {
            $0..<min($0 + length, product.inner)
        }
    }

    /// The terms of the longest part, in whole tiles.
    var longest: Int { Self.whole(terms.first?.count ?? 0) }

    /// Whether all of A is kept ready: 8 MB.
    var keepsRows: Bool { rows * inner <= 1 << 22 }

    /// Numbers of A that are ready at a time.
    var roomForRows: Int { rows * (keepsRows ? inner : longest) }

    static func whole(_ count: Int) -> Int { (count + 31) / 32 * 32 }
}

extension MatrixProduct {
    /// Where B's number of a term and a column lies.
    func placeInB(_ term: Int, _ column: Int) -> Int {
        transposeB ? column * strideB + term : term * strideB + column
    }
}

private import CKernels

/// A matrix W (rank, width) of few ranks, as it lies in memory.
package struct LowRankFactor {
    /// The most ranks that the products of this file take.
    package static let mostRanks = Int(LK_MOST_RANKS)

    let matrix: Buffer
    package let rank: Int
    package let width: Int
    private let strideRank: Int
    private let strideWidth: Int
    private let native: lk_low_rank

    /// - Parameters:
    ///   - matrix: W (rank, width), or Wᵀ where `transposed`.
    ///   - rank: at most ``mostRanks``.
    package init(_ matrix: Buffer, rank: Int, width: Int, transposed: Bool = false) {
        precondition(rank <= Self.mostRanks, "a factor of \(rank) ranks")
        self.matrix = matrix
        self.rank = rank
        self.width = width
        strideRank = transposed ? 1 : width
        strideWidth = transposed ? rank : 1
        native = lk_low_rank_shape(matrix.type.rawValue, rank, width)
    }

    /// The rank that rows of `inner` have: the next multiple of eight, zeros beyond W's.
    package var paddedRank: Int { native.padded_rank }
    fileprivate var paddedWidth: Int { native.padded_width }
    fileprivate var packedCount: Int { native.padded_rank * native.padded_width }

    /// Whether a large operand of `type` may be multiplied with W.
    fileprivate func takes(_ type: ElementType) -> Bool {
        type == matrix.type || type == .float32
    }

    /// W as `reduce`, or as `expand` reads it.
    fileprivate func packed(rankFirst: Bool, in workspace: Workspace) -> Buffer {
        let packed = workspace.buffer(packedCount, .float32)
        workspace.threads.divide(paddedWidth, atLeast: 512, step: 32) { range, _ in
            var native = native
            lk_low_rank_pack(
                &native, matrix.type.rawValue, matrix.pointer, strideRank, strideWidth, rankFirst,
                packed.pointer, range.lowerBound, range.upperBound)
        }
        return packed
    }

    fileprivate func reduce(
        _ x: Buffer, _ packed: Buffer, scale: Float, into inner: Buffer, rows: Range<Int>
    ) {
        var native = native
        lk_low_rank_reduce(
            &native, x.type.rawValue, x.advanced(by: rows.lowerBound * width).pointer,
            packed.pointer, scale, inner.floats + rows.lowerBound * paddedRank, rows.count)
    }

    fileprivate func expand(
        _ inner: Buffer, _ packed: Buffer, into y: Buffer, adding: Bool, rows: Range<Int>
    ) {
        var native = native
        lk_low_rank_expand(
            &native, inner.floats + rows.lowerBound * paddedRank, packed.pointer, y.type.rawValue,
            y.advanced(by: rows.lowerBound * width).pointer, adding, rows.count)
    }

    /// y (rows, width) += inner W for some columns, the first of them at a multiple of ``LowRankChange/columnStep``.
    func add(
        _ inner: Buffer, _ packed: Buffer, to y: Buffer, rows: Int, columns: Range<Int>
    ) {
        var native = native
        lk_low_rank_expand_columns(
            &native, inner.floats, packed.pointer, y.type.rawValue, y.pointer, columns.lowerBound,
            columns.upperBound, rows)
    }

    fileprivate func gather(
        _ inner: Buffer, _ x: Buffer, into sums: Buffer, rows: Range<Int>
    ) {
        var native = native
        lk_low_rank_gather(
            &native, inner.floats + rows.lowerBound * paddedRank, x.type.rawValue,
            x.advanced(by: rows.lowerBound * width).pointer, sums.floats, rows.count)
    }

    /// W's gradient += the parts' sums, in the order of the parts.
    fileprivate func add(_ sums: Buffer, parts: Int, to gradient: Buffer, in workspace: Workspace) {
        workspace.threads.divide(width, atLeast: 512, step: 32) { range, _ in
            var native = native
            for part in 0..<parts {
                lk_low_rank_add_sums(
                    &native, sums.floats + part * packedCount, gradient.floats, strideRank,
                    strideWidth, range.lowerBound, range.upperBound)
            }
        }
    }
}

/// Two factors as the products of this file read them.
package struct ArrangedFactors {
    let a: Buffer
    let b: Buffer
}

/// Products of large matrices with factors of few ranks. The processor's bfloat16 products are used
/// where it has them; `inner` is kept in float32 and rounded to bfloat16 where it is multiplied.
/// Each pass over a large matrix goes in blocks of rows that stay in the cache for a second product.
extension Workspace {
    private static let block = 32

    /// Both factors of ``addLowRank(_:_:_:_:scale:to:rows:)``, arranged.
    package func arranged(_ a: LowRankFactor, _ b: LowRankFactor) -> ArrangedFactors {
        ArrangedFactors(
            a: a.packed(rankFirst: false, in: self), b: b.packed(rankFirst: true, in: self))
    }

    /// y (rows, out) += s · x Aᵀ B, with A (R, in) and B (R, out).
    ///
    /// - Parameters:
    ///   - x: (rows, in), of the factors' type, or float32; y likewise.
    ///   - arranged: the same factors.
    /// - Returns: inner = s · x Aᵀ, (rows, padded rank) float32.
    package func addLowRank(
        _ x: Buffer, _ a: LowRankFactor, _ b: LowRankFactor, _ arranged: ArrangedFactors,
        scale: Float, to y: Buffer, rows: Int
    ) -> Buffer {
        precondition(
            a.takes(x.type) && b.takes(y.type) && a.rank == b.rank,
            "low rank: x \(x.type), y \(y.type), ranks \(a.rank) and \(b.rank)")
        let inner = buffer(rows * a.paddedRank, .float32)
        divideBlocks(rows) { block, _ in
            a.reduce(x, arranged.a, scale: scale, into: inner, rows: block)
            b.expand(inner, arranged.b, into: y, adding: true, rows: block)
        }
        return inner
    }

    /// dinner = s · dy Bᵀ, (rows, padded rank) float32, for `addLowRank`'s dy (rows, out).
    ///
    /// - Parameters:
    ///   - inner: what the forward pass returned.
    ///   - gradient: dB += innerᵀ dy where given, float32 and laid out as B.
    ///   - wanted: whether dinner is computed.
    package func lowRankInnerGradient(
        _ dy: Buffer, _ b: LowRankFactor, inner: Buffer, scale: Float, addingTo gradient: Buffer?,
        wanted: Bool, rows: Int
    ) -> Buffer? {
        precondition(b.takes(dy.type), "low rank: dy \(dy.type)")
        let dinner = wanted ? buffer(rows * b.paddedRank, .float32) : nil
        let packed = wanted ? b.packed(rankFirst: false, in: self) : nil
        let sums = gradient.map { _ in zeros(parts(rows) * b.packedCount, .float32) }
        divideBlocks(rows) { block, part in
            if let dinner, let packed {
                b.reduce(dy, packed, scale: scale, into: dinner, rows: block)
            }
            if let sums {
                b.gather(inner, dy, into: sums.advanced(by: part * b.packedCount), rows: block)
            }
        }
        if let gradient, let sums { b.add(sums, parts: parts(rows), to: gradient, in: self) }
        return dinner
    }

    /// dx (rows, in) = dinner A, or += that.
    package func lowRankInputGradient(
        _ dinner: Buffer, _ a: LowRankFactor, into dx: Buffer, adding: Bool, rows: Int
    ) {
        precondition(a.takes(dx.type), "low rank: dx \(dx.type)")
        let packed = a.packed(rankFirst: true, in: self)
        divideBlocks(rows) { block, _ in
            a.expand(dinner, packed, into: dx, adding: adding, rows: block)
        }
    }

    /// dA (float32, laid out as A) += dinnerᵀ x.
    package func addLowRankGradient(
        _ dinner: Buffer, _ x: Buffer, _ a: LowRankFactor, to gradient: Buffer, rows: Int
    ) {
        precondition(a.takes(x.type), "low rank: x \(x.type)")
        let sums = zeros(parts(rows) * a.packedCount, .float32)
        divideBlocks(rows) { block, part in
            a.gather(dinner, x, into: sums.advanced(by: part * a.packedCount), rows: block)
        }
        a.add(sums, parts: parts(rows), to: gradient, in: self)
    }

    /// Into how many parts `divideBlocks` divides the rows at most.
    private func parts(_ rows: Int) -> Int { min(threads.threads, max(1, rows / Self.block)) }

    /// Calls `body` for blocks of rows, the blocks of a part one after another.
    private func divideBlocks(_ rows: Int, _ body: (_ block: Range<Int>, _ part: Int) -> Void) {
        threads.divide(rows, atLeast: Self.block, step: Self.block) { range, part in
            for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.block) {
                body(start..<min(start + Self.block, range.upperBound), part)
            }
        }
    }
}

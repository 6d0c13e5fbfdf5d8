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

/// bfloat16 products on matrix tiles: A is made ready once, B some panels at a time while the tiles multiply
/// those before, so that of B only as much is ever written down as a core's second cache holds.
extension MatrixMultiplier {
    /// Whether attention makes its operands ready for our own loops.
    var pairsAttention: Bool { tiles != .none || usesBFloat16DotProducts }

    /// Whether a product is made so.
    func usesTiles(_ product: MatrixProduct, _ a: Buffer, into c: Buffer, start: Buffer?) -> Bool {
        let fits = c.type == .float32 || (start == nil && !product.accumulate)
        return tiles != .none && a.type == .bfloat16 && fits && product.rows >= 16
            && product.columns >= 16 && product.inner >= 16
    }

    /// Computes a product on the calling thread, whose scratch that is.
    /// - Parameter start: what is added to, laid out like C; where `product` adds, C itself.
    func multiplyTiles(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer?,
        start: Buffer?, scratch: ThreadState
    ) {
        let most = Int(lk_tile_blocking(0))
        for first in stride(from: 0, to: product.rows, by: most) {
            let range = first..<min(first + most, product.rows)
            let (part, offsetA, offsetC) = product.part(rows: range)
            multiplyRows(
                part, a.advanced(by: offsetA), b, into: c.advanced(by: offsetC), bias: bias,
                start: start?.advanced(by: offsetC), scratch: scratch)
        }
    }

    /// A product of so few rows that C's sums, and A for a part of them, stay in a core's second cache.
    private func multiplyRows(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer?,
        start: Buffer?, scratch: ThreadState
    ) {
        let block = Int(LK_TILE_BLOCK)
        let schedule = TileSchedule(product)
        let rows = schedule.rows
        let left = scratch.floats(rows * schedule.inner / 2, operand: 0, from: pool)
            .reinterpreted(as: .bfloat16)
        let room = schedule.width * schedule.terms
        let panels = scratch.floats(room, operand: 1, from: pool).reinterpreted(as: .bfloat16)
        let partial = scratch.floats(schedule.partialSums, operand: 2, from: pool)
        for part in 0..<schedule.parts {
            let terms = schedule.range(part)
            lk_pack_tile_rows(
                a.advanced(by: terms.lowerBound * (product.transposeA ? product.strideA : 1))
                    .pointer, product.strideA, product.rows, terms.count, product.transposeA,
                left.advanced(by: rows * terms.lowerBound).pointer)
        }
        let streams = streamsTiles(product, start, into: c)
        var next = packing(schedule.steps[0], product, b, into: panels)
        lk_pack_tile_steps(&next, 0, lk_tile_steps(&next))
        for (index, step) in schedule.steps.enumerated() {
            let own = next
            let isLastStep = index + 1 == schedule.steps.count
            if !isLastStep {
                next = packing(
                    schedule.steps[index + 1], product, b,
                    into: panels.advanced(by: (index + 1) % 2 * room))
            }
            let (isFirst, isLast) = (
                step.terms.lowerBound == 0, step.terms.upperBound == product.inner
            )
            let column = step.columns.lowerBound
            let sums = partial.advanced(by: schedule.place(step)).floats
            var shape = lk_tile_product(
                rows: product.rows, columns: own.extent, inner: own.inner, part: Int32(LK_ALL),
                seen: 0, row_a: 32, step_a: block * 32, half_a: 16 * 32, block_a: own.panel,
                panel_b: own.panel, row_c: product.strideC, padded: true,
                narrow: c.type == .bfloat16, streams: streams)
            withUnsafePointer(to: next) { next in
                lk_multiply_tiles(
                    &shape, left.advanced(by: rows * step.terms.lowerBound).pointer, own.y,
                    isLast ? bias?.advanced(by: column).floats : nil,
                    isLast ? start?.advanced(by: column).floats : nil,
                    isFirst ? nil : UnsafePointer(sums), isLast ? nil : sums,
                    c.advanced(by: column).pointer, isLastStep ? nil : next, tiles == .emulated)
            }
        }
    }

    /// Whether C goes past the caches: large weight gradients are read again when all of backward is done.
    private func streamsTiles(_ product: MatrixProduct, _ start: Buffer?, into c: Buffer) -> Bool {
        lk_tile_blocking(4) != 0 && product.transposeA && start == nil && c.type == .float32
            && product.rows * product.columns >= 1 << 19 && product.strideC % 16 == 0
            && UInt(bitPattern: c.pointer) % 64 == 0
    }

    /// How a step's panels of B are made ready.
    private func packing(
        _ step: TileSchedule.Step, _ product: MatrixProduct, _ b: Buffer, into panels: Buffer
    ) -> lk_tile_packing {
        let (column, term) = (step.columns.lowerBound, step.terms.lowerBound)
        let place =
            product.transposeB ? column * product.strideB + term : term * product.strideB + column
        return lk_tile_packing(
            x: b.advanced(by: place).pointer, stride: product.strideB,
            extent: step.columns.count, inner: step.terms.count, transposed: product.transposeB,
            panel: (step.terms.count + 31) / 32 * 32 * Int(LK_TILE_BLOCK), y: panels.pointer)
    }
}

/// In which parts and in which order a product is made: some columns, and some terms of their sums, at a time.
private struct TileSchedule {
    struct Step {
        let columns, terms: Range<Int>
    }

    /// Columns whose panels of B are made ready at once.
    let width = Int(lk_tile_blocking(1))
    /// Rows and terms, in whole tiles.
    let rows, inner: Int
    /// Terms that a step adds up, a multiple of 32; the last part may have fewer.
    let terms: Int
    let parts: Int
    /// Columns after which A's later parts take turns again; all where A's parts stay in the cache together.
    private let span: Int
    private(set) var steps: [Step] = []
    private let all: Int

    init(_ product: MatrixProduct) {
        let most = Int(lk_tile_blocking(2))
        rows = (product.rows + 31) / 32 * 32
        inner = (product.inner + 31) / 32 * 32
        all = product.inner
        let wanted = (product.inner + most - 1) / most
        terms = ((product.inner + wanted - 1) / wanted + 31) / 32 * 32
        parts = (product.inner + terms - 1) / terms
        // Parts of A that the cache holds beside the panels.
        let held = max(1, Int(lk_tile_blocking(3)) / (rows * terms * 2))
        let turns = (parts + held - 1) / held
        let together = (parts + turns - 1) / turns
        span = turns == 1 ? product.columns : 3 * width
        for first in stride(from: 0, to: product.columns, by: span) {
            let end = min(first + span, product.columns)
            for turn in stride(from: 0, to: parts, by: together) {
                for column in stride(from: first, to: end, by: width) {
                    for part in turn..<min(turn + together, parts) {
                        steps.append(
                            Step(columns: column..<min(column + width, end), terms: range(part)))
                    }
                }
            }
        }
    }

    func range(_ part: Int) -> Range<Int> { part * terms..<min((part + 1) * terms, all) }

    /// Numbers of the sums that wait for their other terms.
    var partialSums: Int { parts == 1 ? 0 : rows * min(span, span < 4 * width ? span : width) }

    /// Where a step's sums wait.
    func place(_ step: Step) -> Int {
        span > 3 * width ? 0 : step.columns.lowerBound % span * rows
    }
}

private import CKernels

/// Large bfloat16 products by our own loops, where the processor multiplies pairs and has no tiles: the
/// layers of GPT-2 124M at 480 to 500 GFLOP/s on each of two Zen 5 cores at once, where oneDNN 2.6
/// reaches 440 to 475 (`bench step examples/bench/pretrain.yaml`, 512 tokens, 1 thread).
extension MatrixMultiplier {
    /// The longest sum made in registers: a panel of B, 512 KB of these, stays in a core's second cache.
    private static let longestSum = 4096
    /// Rows of a transposed A that lie together: whole tiles, and whole vectors where they are made.
    private static let panelA = 96
    /// Numbers of a transposed A made ready at once.
    private static let mostOfA = 1 << 20

    /// Whether a product is made so: one that is large enough, for all its operands are copied once.
    func usesBFloat16DotProducts(
        _ product: MatrixProduct, _ a: Buffer, into c: Buffer, start: Buffer?
    ) -> Bool {
        let fits =
            c.type == .float32
            || (start == nil && !product.accumulate && product.inner <= Self.longestSum)
        return usesBFloat16DotProducts && a.type == .bfloat16 && fits && product.rows >= 64
            && product.columns >= 32 && product.inner >= 32
    }

    /// Computes a product on the calling thread, whose scratch that is.
    /// - Parameter start: what is added to, laid out like C; where `product` adds, C itself.
    func multiplyPairs(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer, bias: Buffer?,
        start: Buffer?, scratch: ThreadState
    ) {
        for first in stride(from: 0, to: product.inner, by: Self.longestSum) {
            var part = product
            part.inner = min(Self.longestSum, product.inner - first)
            // Large weight gradients are read again when all of backward is done: no cache keeps them.
            let streams =
                product.transposeA && start == nil && product.inner <= Self.longestSum
                && c.type == .float32 && product.rows * product.columns >= 1 << 20
            let target = Target(
                c: c, bias: first == 0 ? bias : nil, start: first == 0 ? start : c,
                streams: streams)
            multiplySum(
                part, a.advanced(by: first * (product.transposeA ? product.strideA : 1)),
                b.advanced(by: first * (product.transposeB ? 1 : product.strideB)), into: target,
                scratch: scratch)
        }
    }

    /// C, and what its sums begin with.
    private struct Target {
        let c: Buffer
        let bias, start: Buffer?
        /// Whether C goes past the caches, where its lines are whole.
        let streams: Bool

        /// The part from a place in C on, which is so many columns from the left.
        func advanced(by elements: Int, columns: Int) -> Target {
            Target(
                c: c.advanced(by: elements), bias: bias?.advanced(by: columns),
                start: start?.advanced(by: elements), streams: streams)
        }
    }

    /// A product whose sums are made at once.
    private func multiplySum(
        _ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into target: Target,
        scratch: ThreadState
    ) {
        guard product.transposeA else {
            return multiplyPanels(
                product, a, rowA: product.strideA, pairA: 2, b, into: target, scratch: scratch)
        }
        let pairs = (product.inner + 1) / 2
        let block = max(1, Self.mostOfA / (2 * pairs * Self.panelA)) * Self.panelA
        for first in stride(from: 0, to: product.rows, by: block) {
            var part = product
            part.rows = min(block, product.rows - first)
            let panels = (part.rows + Self.panelA - 1) / Self.panelA
            let panelSize = 2 * pairs * Self.panelA
            let packed = scratch.floats(panels * panelSize / 2, operand: 0, from: pool)
            lk_pair_rows(
                a.advanced(by: first).pointer, product.strideA, product.inner, part.rows,
                Self.panelA, panelSize, packed.pointer)
            part.inner = 2 * pairs
            multiplyPanels(
                part, Buffer(storage: packed.storage, type: .bfloat16), rowA: 2,
                pairA: 2 * Self.panelA, b, stored: product.inner,
                into: target.advanced(by: first * product.strideC, columns: 0), scratch: scratch)
        }
    }

    /// Panel by panel of B.
    ///
    /// - Parameters:
    ///   - stored: how many of `product.inner` B has, where they were rounded up to pairs.
    private func multiplyPanels(
        _ product: MatrixProduct, _ a: Buffer, rowA: Int, pairA: Int, _ b: Buffer,
        stored: Int? = nil, into target: Target, scratch: ThreadState
    ) {
        let width = PairOperand.panel
        let inner = stored ?? product.inner
        let panel = scratch.floats((inner + 1) / 2 * width, operand: 1, from: pool)
        for first in stride(from: 0, to: product.columns, by: width) {
            let columns = min(width, product.columns - first)
            if product.transposeB {
                lk_pair_columns(
                    b.advanced(by: first * product.strideB).pointer, product.strideB, columns,
                    inner, 0, panel.pointer)
            } else {
                lk_pair_rows(
                    b.advanced(by: first).pointer, product.strideB, inner, columns, width, 0,
                    panel.pointer)
            }
            let left = min(width, product.columns - first - columns)
            let next = lk_lines(
                first: b.advanced(
                    by: (first + columns) * (product.transposeB ? product.strideB : 1)
                )
                .pointer, stride: 2 * product.strideB,
                rows: product.transposeB ? left : left > 0 ? inner : 0,
                bytes: 2 * (product.transposeB ? inner : left))
            multiplyPanel(
                product, a, rowA: rowA, pairA: pairA, panel, columns: columns,
                into: target.advanced(by: first, columns: first), next: next)
        }
    }

    /// The columns of C that one panel of B gives; of a transposed A, panel by panel too.
    private func multiplyPanel(
        _ product: MatrixProduct, _ a: Buffer, rowA: Int, pairA: Int, _ panel: Buffer,
        columns: Int, into target: Target, next: lk_lines
    ) {
        let step = product.transposeA ? Self.panelA : product.rows
        let streams =
            target.streams && product.strideC % 16 == 0
            && UInt(bitPattern: target.c.pointer) % 64 == 0
        for first in stride(from: 0, to: product.rows, by: step) {
            var shape = lk_pair_product(
                rows: min(step, product.rows - first), columns: columns, inner: product.inner,
                part: Int32(LK_ALL), seen: 0, row_a: rowA, pair_a: pairA, panel_b: 0,
                row_c: product.strideC,
                narrow: target.c.type == .bfloat16, streams: streams)
            let part = target.advanced(by: first * product.strideC, columns: 0)
            var lines = next
            let begin = next.rows * first / product.rows
            lines.first += begin * next.stride
            lines.rows = next.rows * min(first + step, product.rows) / product.rows - begin
            lk_multiply_pairs(
                &shape, a.advanced(by: first * (product.transposeA ? product.inner : rowA)).pointer,
                panel.pointer, part.bias?.floats, part.start?.floats, part.c.pointer, &lines)
        }
    }
}

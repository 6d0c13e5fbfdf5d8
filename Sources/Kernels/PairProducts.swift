private import CKernels

/// Room for one operand of products that the processor makes of pairs of bfloat16 numbers.
///
/// As B of a product it holds panels of 64 columns, (columns/64, inner/2, 64) pairs along `inner`; as A,
/// (inner/2, rows) pairs. Numbers beyond the extents are zero.
struct PairOperand {
    /// Columns of a panel.
    static let panel = 64
    /// Whether the processor has such products, and none that oneDNN makes faster (AMX).
    static let isSupported = lk_has_pair_products() && !lk_has_matrix_tiles()

    let buffer: Buffer

    /// Room for B of these extents at most.
    init(inner: Int, columns: Int, _ workspace: Workspace) {
        buffer = workspace.buffer(
            (inner + 1) / 2 * 2 * Self.rounded(columns, to: Self.panel), .bfloat16)
    }

    /// Room for A of these extents at most.
    init(rows: Int, inner: Int, _ workspace: Workspace) {
        buffer = workspace.buffer((inner + 1) / 2 * 2 * Self.rounded(rows, to: 32), .bfloat16)
    }

    private static func rounded(_ count: Int, to multiple: Int) -> Int {
        (count + multiple - 1) / multiple * multiple
    }

    /// Numbers from one panel to the next.
    private static func panelSize(inner: Int) -> Int { (inner + 1) / 2 * 2 * panel }

    /// B = x (inner, columns).
    func setRows(_ x: Buffer, inner: Int, columns: Int) {
        lk_pair_rows(
            x.pointer, columns, inner, columns, Self.panel, Self.panelSize(inner: inner),
            buffer.pointer)
    }

    /// B = xᵀ of x (columns, inner).
    func setColumns(_ x: Buffer, inner: Int, columns: Int) {
        lk_pair_columns(
            x.pointer, inner, columns, inner, Self.panelSize(inner: inner), buffer.pointer)
    }

    /// A = xᵀ of x (inner, rows).
    func setTransposed(_ x: Buffer, rows: Int, inner: Int) {
        lk_pair_rows(
            x.pointer, rows, inner, rows, Self.rounded(rows, to: 32), 0, buffer.pointer)
    }

    /// c = a · B or more, a (rows, inner) dense.
    ///
    /// - Parameters:
    ///   - first: where `inner` begins among those that B was made of, `whole`; even.
    func multiplied(
        by a: Buffer, rows: Int, columns: Int, inner: Int, first: Int = 0, whole: Int? = nil,
        accumulate: Bool = false, into c: Buffer
    ) {
        var product = lk_pair_product(
            rows: rows, columns: columns, inner: inner, row_a: inner, pair_a: 2,
            panel_b: Self.panelSize(inner: whole ?? inner), row_c: columns, narrow: false, streams: false)
        lk_multiply_pairs(
            &product, a.pointer, buffer.advanced(by: first * Self.panel).pointer, nil,
            accumulate ? c.floats : nil, c.pointer)
    }

    /// c = a · B for the columns from `firstColumn` on, a multiple of a panel's.
    func multiplied(
        by a: Buffer, rows: Int, columns: Range<Int>, inner: Int, into c: Buffer
    ) {
        let panelSize = Self.panelSize(inner: inner)
        var product = lk_pair_product(
            rows: rows, columns: columns.count, inner: inner, row_a: inner, pair_a: 2,
            panel_b: panelSize, row_c: columns.count, narrow: false,
            streams: false)
        lk_multiply_pairs(
            &product, a.pointer,
            buffer.advanced(by: columns.lowerBound / Self.panel * panelSize).pointer, nil, nil,
            c.pointer)
    }

    /// c += A · B, of whole operands.
    func multiplied(
        byTransposed a: PairOperand, rows: Int, columns: Int, inner: Int, addedTo c: Buffer
    ) {
        var product = lk_pair_product(
            rows: rows, columns: columns, inner: (inner + 1) / 2 * 2, row_a: 2,
            pair_a: 2 * Self.rounded(rows, to: 32), panel_b: Self.panelSize(inner: inner),
            row_c: columns, narrow: false, streams: false)
        lk_multiply_pairs(
            &product, a.buffer.pointer, buffer.pointer, nil, c.floats, c.pointer)
    }
}

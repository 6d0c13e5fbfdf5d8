private import CKernels

/// Room for one operand of products that the processor makes of pairs of bfloat16 numbers.
///
/// As B of a product it holds panels of 64 columns, (columns/64, inner/2, 64) pairs along `inner`;
/// as A, (inner/2, rows) pairs. An odd extent's last pair is filled up with zeros.
struct PairOperand {
    /// Columns of a panel.
    static let panel = 64
    /// Whether the processor has such products.
    static let isSupported = lk_has_pair_products()

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
    func setRows(_ x: HeadRows, inner: Int, columns: Int) {
        lk_pair_rows(
            x.buffer.pointer, x.stride, inner, columns, Self.panel, Self.panelSize(inner: inner),
            buffer.pointer)
    }

    /// B = xᵀ of x (columns, inner).
    func setColumns(_ x: HeadRows, inner: Int, columns: Int) {
        lk_pair_columns(
            x.buffer.pointer, x.stride, columns, inner, Self.panelSize(inner: inner),
            buffer.pointer)
    }

    /// A = xᵀ of x (inner, rows), dense.
    func setTransposed(_ x: Buffer, rows: Int, inner: Int) {
        lk_pair_rows(
            x.pointer, rows, inner, rows, Self.rounded(rows, to: 32), 0, buffer.pointer)
    }

    /// C (queries, keys) = a · B for some columns of B, the first of which begins a panel; c dense.
    ///
    /// Of keys that no query sees, C may stay undefined.
    func multiply(
        _ a: HeadRows, _ seen: SeenKeys, columns: Range<Int>, inner: Int, into c: Buffer
    ) {
        let panelSize = Self.panelSize(inner: inner)
        var product = lk_pair_product(
            rows: seen.queries, columns: columns.count, inner: inner,
            part: seen.part(LK_COLUMNS_SEEN), seen: seen.count, row_a: a.stride, pair_a: 2,
            panel_b: panelSize, row_c: columns.count, narrow: false, streams: false)
        lk_multiply_pairs(
            &product, a.buffer.pointer,
            buffer.advanced(by: columns.lowerBound / Self.panel * panelSize).pointer, nil, nil,
            c.pointer, nil)
    }

    /// c (queries, columns) = a · B (+ c) for some rows of B, of `whole`; a (queries, keys) and c dense.
    /// - Parameter rows: begin at an even number; of the others, `a` has zeros.
    func multiply(
        _ a: Buffer, _ seen: SeenKeys, rows: Range<Int>, of whole: Int, columns: Int,
        adding: Bool = false, into c: Buffer
    ) {
        var product = lk_pair_product(
            rows: seen.queries, columns: columns, inner: rows.count,
            part: seen.part(LK_INNER_SEEN), seen: seen.count, row_a: rows.count, pair_a: 2,
            panel_b: Self.panelSize(inner: whole), row_c: columns, narrow: false, streams: false)
        lk_multiply_pairs(
            &product, a.pointer, buffer.advanced(by: rows.lowerBound * Self.panel).pointer, nil,
            adding ? c.floats : nil, c.pointer, nil)
    }

    /// c (keys, columns) += A · B, A (keys, queries) transposed and all of B; c dense.
    func multiply(
        transposed a: PairOperand, _ seen: SeenKeys, keys: Int, columns: Int, addedTo c: Buffer
    ) {
        var product = lk_pair_product(
            rows: keys, columns: columns, inner: (seen.queries + 1) / 2 * 2,
            part: seen.part(LK_INNER_SEEING), seen: seen.count, row_a: 2,
            pair_a: 2 * Self.rounded(keys, to: 32),
            panel_b: Self.panelSize(inner: seen.queries), row_c: columns, narrow: false,
            streams: false)
        lk_multiply_pairs(
            &product, a.buffer.pointer, buffer.pointer, nil, c.floats, c.pointer, nil)
    }
}

/// Some queries of one head, and how many of some keys they see.
struct SeenKeys {
    let queries: Int
    /// Of the keys, those that the first query sees, and each further one sees one more; negative
    /// where it takes some queries before one sees any. `nil` where all see all.
    let first: Int?

    /// `first`, for the loops.
    var count: Int { first ?? 0 }

    /// What a product leaves out: `part` (LK_…), or nothing where all see all.
    func part(_ part: Int) -> Int32 { Int32(first == nil ? LK_ALL : part) }
}

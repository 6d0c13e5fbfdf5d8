private import CKernels

/// Room for one operand of products that the processor makes of pairs of bfloat16 numbers, in vectors or on
/// matrix tiles.
///
/// As B of a product it holds panels of some columns, (columns/panel, inner/2, panel) pairs along `inner`;
/// as A, (inner/2, rows) pairs, or tiles. What an odd extent's last pair lacks, and the last tiles, are zeros.
struct PairOperand {
    /// Columns of a panel of B are this or a part of it.
    static let panel = 64
    /// Whether the processor has such products.
    static let isSupported = lk_has_pair_products()

    let buffer: Buffer
    private let tiles: MatrixTiles

    /// Room for B of these extents at most.
    init(inner: Int, columns: Int, _ workspace: Workspace) {
        tiles = workspace.matrices.tiles
        buffer = workspace.buffer(
            Self.panelSize(inner: inner, tiles) / Self.width(tiles)
                * Self.rounded(columns, to: Self.panel), .bfloat16)
    }

    /// Room for A of these extents at most.
    init(rows: Int, inner: Int, _ workspace: Workspace) {
        tiles = workspace.matrices.tiles
        buffer = workspace.buffer(
            Self.rounded(inner, to: tiles == .none ? 2 : 32) * Self.rounded(rows, to: 32), .bfloat16
        )
    }

    private static func rounded(_ count: Int, to multiple: Int) -> Int {
        (count + multiple - 1) / multiple * multiple
    }

    private static func width(_ tiles: MatrixTiles) -> Int {
        tiles == .none ? panel : Int(LK_TILE_BLOCK)
    }

    /// Numbers from one panel to the next.
    private static func panelSize(inner: Int, _ tiles: MatrixTiles) -> Int {
        tiles == .none
            ? rounded(inner, to: 2) * panel : rounded(inner, to: 32) * Int(LK_TILE_BLOCK)
    }

    /// B = x (inner, columns).
    func setRows(_ x: HeadRows, inner: Int, columns: Int) {
        let size = Self.panelSize(inner: inner, tiles)
        if tiles == .none {
            lk_pair_rows(
                x.buffer.pointer, x.stride, inner, columns, Self.panel, size, buffer.pointer)
        } else {
            pack(x, columns: columns, inner: inner, transposed: false, size)
        }
    }

    /// B = xᵀ of x (columns, inner).
    func setColumns(_ x: HeadRows, inner: Int, columns: Int) {
        let size = Self.panelSize(inner: inner, tiles)
        if tiles == .none {
            lk_pair_columns(x.buffer.pointer, x.stride, columns, inner, size, buffer.pointer)
        } else {
            pack(x, columns: columns, inner: inner, transposed: true, size)
        }
    }

    private func pack(
        _ x: HeadRows, columns: Int, inner: Int, transposed: Bool, _ size: Int
    ) {
        var packing = lk_tile_packing(
            x: x.buffer.pointer, stride: x.stride, extent: columns, inner: inner,
            transposed: transposed, panel: size, y: buffer.pointer)
        lk_pack_tile_steps(&packing, 0, lk_tile_steps(&packing))
    }

    /// A = xᵀ of x (inner, rows), dense.
    func setTransposed(_ x: Buffer, rows: Int, inner: Int) {
        if tiles == .none {
            lk_pair_rows(
                x.pointer, rows, inner, rows, Self.rounded(rows, to: 32), 0, buffer.pointer)
        } else {
            lk_pack_tile_rows(x.pointer, rows, rows, inner, true, buffer.pointer)
        }
    }

    /// C (queries, keys) = a · B for some columns of B, the first of which begins a panel; c dense.
    ///
    /// Of keys that no query sees, C may stay undefined.
    func multiply(
        _ a: HeadRows, _ seen: SeenKeys, columns: Range<Int>, inner: Int, into c: Buffer
    ) {
        let size = Self.panelSize(inner: inner, tiles)
        multiply(
            Extents(rows: seen.queries, columns: columns.count, inner: inner),
            seen, LK_COLUMNS_SEEN, a.buffer, .rows(stride: a.stride),
            panels: buffer.advanced(by: columns.lowerBound / Self.width(tiles) * size),
            panelSize: size, start: nil, into: c)
    }

    /// c (queries, columns) = a · B (+ c) for some rows of B, of `whole`; a (queries, keys) and c dense.
    /// - Parameter rows: begin at a multiple of 64; of the others, `a` has zeros.
    func multiply(
        _ a: Buffer, _ seen: SeenKeys, rows: Range<Int>, of whole: Int, columns: Int,
        adding: Bool = false, into c: Buffer
    ) {
        multiply(
            Extents(rows: seen.queries, columns: columns, inner: rows.count),
            seen, LK_INNER_SEEN, a, .rows(stride: rows.count),
            panels: buffer.advanced(by: rows.lowerBound * Self.width(tiles)),
            panelSize: Self.panelSize(inner: whole, tiles), start: adding ? c : nil, into: c)
    }

    /// c (keys, columns) += A · B, A (keys, queries) transposed and all of B; c dense.
    func multiply(
        transposed a: PairOperand, _ seen: SeenKeys, keys: Int, columns: Int, addedTo c: Buffer
    ) {
        multiply(
            Extents(rows: keys, columns: columns, inner: Self.rounded(seen.queries, to: 2)),
            seen, LK_INNER_SEEING, a.buffer, .transposed,
            panels: buffer, panelSize: Self.panelSize(inner: seen.queries, tiles), start: c, into: c
        )
    }

    private struct Extents {
        let rows, columns, inner: Int
    }

    /// How A lies: as it is, or as ``setTransposed(_:rows:inner:)`` made it.
    private enum Left {
        case rows(stride: Int)
        case transposed
    }

    private func multiply(
        _ extents: Extents, _ seen: SeenKeys, _ part: Int, _ a: Buffer, _ left: Left,
        panels: Buffer, panelSize: Int, start: Buffer?, into c: Buffer
    ) {
        guard tiles == .none else {
            return multiplyTiles(
                extents, seen, part, a, left, panels: panels, panelSize: panelSize, start: start,
                into: c)
        }
        var product = lk_pair_product(
            rows: extents.rows, columns: extents.columns, inner: extents.inner,
            part: seen.part(part), seen: seen.count, row_a: 2, pair_a: 2, panel_b: panelSize,
            row_c: extents.columns, narrow: false, streams: false)
        switch left {
        case .rows(let stride): product.row_a = stride
        case .transposed: product.pair_a = 2 * Self.rounded(extents.rows, to: 32)
        }
        lk_multiply_pairs(
            &product, a.pointer, panels.pointer, nil, start?.floats, c.pointer, nil)
    }

    private func multiplyTiles(
        _ extents: Extents, _ seen: SeenKeys, _ part: Int, _ a: Buffer, _ left: Left,
        panels: Buffer, panelSize: Int, start: Buffer?, into c: Buffer
    ) {
        let block = Int(LK_TILE_BLOCK)
        var product = lk_tile_product(
            rows: extents.rows, columns: extents.columns, inner: extents.inner,
            part: seen.part(part), seen: seen.count, row_a: 32, step_a: 32 * block,
            half_a: 16 * 32, block_a: Self.rounded(extents.inner, to: 32) * block,
            panel_b: panelSize, row_c: extents.columns, padded: true, narrow: false,
            streams: false)
        if case .rows(let stride) = left {
            (product.row_a, product.step_a, product.padded) = (stride, 32, false)
            (product.half_a, product.block_a) = (16 * stride, block * stride)
        }
        lk_multiply_tiles(
            &product, a.pointer, panels.pointer, nil, start?.floats, nil, nil, c.pointer,
            tiles == .emulated)
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

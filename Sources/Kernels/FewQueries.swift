private import CKernels

/// Attention of few queries over cached keys and values, in steps that threads may divide: a head is a row's group
/// of heads that share keys, a unit one part of a head's keys. A row's answer does not depend on its company.
struct FewQueries {
    private let shape: AttentionShape
    private let queries: HeadRows
    private let cache: CachedHeads
    private let rows: CachedRows
    private let options: AttentionOptions
    private let output: Buffer
    private let workspace: Workspace
    /// (rows, H, T, D), rotated: of the type of y, and float32 where that is another.
    private let rotated: Buffer
    private let inputs: Buffer
    /// Of each unit and row of its head the largest score, the sum of exponentials, and the sums (D).
    private let partials: Buffer
    /// ALiBi's slopes (H, T), float32: each head's for each of its queries; `nil` without.
    private let slopes: Buffer?
    /// The first unit of each head, and how many there are at the end.
    let firstUnits: [Int]
    private let parts: [Range<Int>]

    /// - Parameters:
    ///   - queries: (rows, T, H·D), not rotated.
    ///   - output: (rows, T, H·D).
    init(
        _ shape: AttentionShape, _ queries: HeadRows, over cache: CachedHeads, _ rows: CachedRows,
        _ options: AttentionOptions, into output: Buffer, _ workspace: Workspace
    ) {
        (self.shape, self.queries, self.cache, self.rows) = (shape, queries, cache, rows)
        (self.options, self.output, self.workspace) = (options, output, workspace)
        parts = rows.lengths.map { length in
            let low = shape.window > 0 ? max(0, length + 1 - shape.window) : 0
            return low / CachedHeads.part..<(length + shape.queries - 1) / CachedHeads.part + 1
        }
        var units = [0]
        for part in parts {
            for _ in 0..<shape.groups { units.append(units[units.count - 1] + part.count) }
        }
        firstUnits = units
        let count = rows.lengths.count * shape.heads * shape.queries * shape.headSize
        rotated = workspace.buffer(count, output.type)
        inputs = output.type == .float32 ? rotated : workspace.buffer(count, .float32)
        let headRows = shape.headsPerGroup * shape.queries
        partials = workspace.buffer(
            units[units.count - 1] * headRows * (shape.headSize + 2), .float32)
        slopes =
            options.slopes.isEmpty
            ? nil : workspace.buffer(shape.heads * shape.queries, .float32)
        if let slopes {
            let numbers = options.slopes.flatMap { Array(repeating: $0, count: shape.queries) }
            workspace.store(numbers, into: slopes)
        }
    }

    /// Query rows of a head.
    private var headRows: Int { shape.headsPerGroup * shape.queries }

    func units(of head: Int) -> Range<Int> { firstUnits[head]..<firstUnits[head + 1] }

    /// Rotates a head's queries.
    func prepare(_ head: Int) {
        let (row, group) = head.quotientAndRemainder(dividingBy: shape.groups)
        let count = shape.queries * shape.headSize
        for place in 0..<shape.headsPerGroup {
            let own = group * shape.headsPerGroup + place
            let target = (row * shape.heads + own) * count
            workspace.packHead(
                queries.head(own, token: row * shape.queries, size: shape.headSize),
                stride: queries.stride, tokens: shape.queries, size: shape.headSize,
                position: rows.lengths[row], options, into: rotated.advanced(by: target))
        }
        guard rotated.type != .float32 else { return }
        let first = (row * shape.heads + group * shape.headsPerGroup) * count
        lk_convert(
            rotated.type.rawValue, rotated.advanced(by: first).pointer, inputs.type.rawValue,
            inputs.advanced(by: first).pointer, shape.headsPerGroup * count)
    }

    /// Sums over one part of a head's keys. The head has been prepared.
    func attend(_ unit: Int, of head: Int) {
        let (row, group) = head.quotientAndRemainder(dividingBy: shape.groups)
        let (size, length) = (shape.headSize, rows.lengths[row])
        let first = (parts[row].lowerBound + unit - firstUnits[head]) * CachedHeads.part
        var part = lk_cached_part()
        part.rows = headRows
        part.queries = shape.queries
        part.size = size
        part.keys = min(CachedHeads.part, length + shape.queries - first)
        part.first_query = length
        part.first_key = first
        part.window = shape.window
        part.scale = shape.scale
        part.softcap = shape.softcap
        part.slopes = slopes.map { UnsafePointer($0.floats) + group * headRows }
        part.bias = options.bias.map {
            UnsafePointer($0.head(group * shape.headsPerGroup).floats + $0.zero)
        }
        part.bias_width = options.bias?.width ?? 0
        let place = cache.offset(rows.sequences[row], group) + first * size
        lk_cached_attention(
            &part, cache.keys.type.rawValue, inputs.floats + head * headRows * size,
            cache.keys.advanced(by: place).pointer, cache.values.advanced(by: place).pointer,
            partials.floats + unit * headRows * (size + 2))
    }

    /// A head's attention from its units, all of which have been attended.
    func merge(_ head: Int) {
        let (row, group) = head.quotientAndRemainder(dividingBy: shape.groups)
        let (size, units) = (shape.headSize, units(of: head))
        for inGroup in 0..<headRows {
            let (place, query) = inGroup.quotientAndRemainder(dividingBy: shape.queries)
            let own = group * shape.headsPerGroup + place
            let target = ((row * shape.queries + query) * shape.heads + own) * size
            let first = (units.lowerBound * headRows + inGroup) * (size + 2)
            lk_merge_attention(
                partials.floats + first, units.count, headRows * (size + 2), size,
                output.type.rawValue, output.advanced(by: target).pointer)
        }
    }
}

/// Queries of several heads that share their keys, one head's rows after the other's: one product of
/// oneDNN serves them all.
struct AttentionBlock {
    let heads: Range<Int>
    let queries: Range<Int>
    /// The keys that some of the queries may see.
    let keys: Range<Int>

    var rows: Int { heads.count * queries.count }

    /// The keys in pieces of at most `AttentionShape.keyTile`; an empty piece if there are none.
    func forEachTile(_ body: (Range<Int>) -> Void) {
        let end = max(keys.upperBound, keys.lowerBound + 1)
        for start in stride(from: keys.lowerBound, to: end, by: AttentionShape.keyTile) {
            body(start..<min(start + AttentionShape.keyTile, keys.upperBound))
        }
    }
}

/// Some queries of a sequence, and the keys that some of them may see.
struct QueryBlock {
    let queries, keys: Range<Int>
}

extension AttentionShape {
    /// The blocks of a sequence's queries, the same for all heads.
    func queryBlocks(_ mask: AttentionMask, sequence: Int) -> [QueryBlock] {
        var blocks: [QueryBlock] = []
        let row = sequence * queries
        let end = row + queries
        var start = row
        while start < end {
            let rows = start..<mask.blockEnd(start..<end, most: blockQueries)
            let own = rows.lowerBound - row..<rows.upperBound - row
            let keys = mask.narrowed(
                visibleKeys(own, ends: mask.keyEnds.map { $0[rows] }), from: sequence * keys,
                to: rows)
            blocks.append(QueryBlock(queries: own, keys: keys))
            start = rows.upperBound
        }
        return blocks
    }

    /// Keys that backward works on at once: its four strips then stay in a core's cache.
    static let keyTile = 256
    /// Products of more rows are hardly faster, and their strips leave the cache.
    private static let rows = 192

    /// Queries of each head in a block. Short blocks skip more of what causality hides.
    var blockQueries: Int { min(64, max(queries, 1)) }

    /// Heads in a block: as few blocks as the bound on rows allows, of nearly equal size.
    var blockHeads: Int {
        let most = max(1, Self.rows / blockQueries)
        let blocks = (headsPerGroup + most - 1) / most
        return (headsPerGroup + blocks - 1) / blocks
    }

    /// The rows of the largest block.
    var mostRows: Int { blockQueries * blockHeads }
}

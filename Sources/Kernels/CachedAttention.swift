private import CKernels

/// The keys and values of one layer, kept for the tokens to come: (B, G) heads of each.
///
/// Keys are rotated when they come and lie by blocks of sixteen tokens, (B, G, capacity/16, D, 16);
/// values (B, G, capacity, D). Both are read as one stream.
package struct CachedHeads {
    package let keys: Buffer
    package let values: Buffer
    package let sequences: Int
    package let groups: Int
    package let headSize: Int
    /// Tokens each head has room for, a multiple of a part's.
    package let capacity: Int

    /// Room for `tokens` tokens of each sequence.
    package init(
        sequences: Int, groups: Int, headSize: Int, tokens: Int, type: ElementType,
        in workspace: Workspace
    ) {
        precondition(
            headSize <= LK_LARGEST_HEAD,
            "attention: a head of \(headSize) dimensions, the largest is \(LK_LARGEST_HEAD)")
        let part = Self.part
        capacity = max((tokens + part - 1) / part, 1) * part
        self.sequences = sequences
        self.groups = groups
        self.headSize = headSize
        let count = sequences * groups * capacity * headSize
        keys = workspace.buffer(count, type)
        values = workspace.buffer(count, type)
    }

    /// Tokens of a part: what one unit of work goes over.
    static var part: Int { LK_PART_KEYS }

    /// Elements before a head's.
    func offset(_ sequence: Int, _ group: Int) -> Int {
        (sequence * groups + group) * capacity * headSize
    }

    /// Copies the first `tokens` tokens of each sequence from a cache that is not larger.
    ///
    /// - Parameter sources: the sequence that each is copied from; the same one unless given.
    package func take(_ other: CachedHeads, tokens: [Int], from sources: [Int]? = nil) {
        for sequence in 0..<sequences {
            let source = sources?[sequence] ?? sequence
            // Whole blocks of keys; the places behind the last token mean nothing in either.
            let count = (tokens[sequence] + 15) / 16 * 16 * headSize
            for group in 0..<groups {
                let (from, to) = (other.offset(source, group), offset(sequence, group))
                for (x, y) in [(other.keys, keys), (other.values, values)] {
                    lk_convert(
                        x.type.rawValue, x.advanced(by: from).pointer, y.type.rawValue,
                        y.advanced(by: to).pointer, count)
                }
            }
        }
    }
}

extension CachedHeads {
    /// Makes the first `tokens` tokens of a sequence those of another, of which it has as many.
    package func copy(_ tokens: Int, from source: Int, to target: Int) {
        // Whole blocks of keys; the places behind the last token mean nothing in either.
        let count = (tokens + 15) / 16 * 16 * headSize
        for group in 0..<groups {
            let (from, to) = (offset(source, group), offset(target, group))
            for x in [keys, values] {
                lk_convert(
                    x.type.rawValue, x.advanced(by: from).pointer, x.type.rawValue,
                    x.advanced(by: to).pointer, count)
            }
        }
    }
}

/// Which sequences of a cache a pass feeds, and how many tokens each holds before it.
package struct CachedRows {
    package let sequences: [Int]
    package let lengths: [Int]

    package init(sequences: [Int], lengths: [Int]) {
        self.sequences = sequences
        self.lengths = lengths
    }
}

extension Workspace {
    /// Adds keys and values (rows, T, G·D) behind what the cache holds, the keys rotated.
    package func append(
        _ k: HeadRows, _ v: HeadRows, tokens: Int, to cache: CachedHeads, _ rows: CachedRows,
        _ options: AttentionOptions
    ) {
        let size = cache.headSize
        let type = cache.keys.type
        let count = tokens * size
        let packed = buffer(rows.sequences.count * cache.groups * count, type)
        threads.divide(
            rows.sequences.count * cache.groups, atLeast: max(1, 512 / max(count, 1))
        ) { heads, _ in
            for place in heads {
                let (row, group) = place.quotientAndRemainder(dividingBy: cache.groups)
                let start = rows.lengths[row]
                let head = cache.offset(rows.sequences[row], group)
                let keys = packed.advanced(by: place * count)
                packHead(
                    k.head(group, token: row * tokens, size: size), stride: k.stride,
                    tokens: tokens, size: size, position: start, options, into: keys)
                lk_place_keys(
                    type.rawValue, keys.pointer, tokens, size, start,
                    cache.keys.advanced(by: head).pointer)
                packHead(
                    v.head(group, token: row * tokens, size: size), stride: v.stride,
                    tokens: tokens, size: size, position: nil, options,
                    into: cache.values.advanced(by: head + start * size))
            }
        }
    }

    /// softmax(scale · q kᵀ) v of the last tokens over all that the cache holds, causal.
    ///
    /// q and y (rows, T, H·D), the T last tokens of each row already in the cache. Few queries go
    /// over parts of the keys, whose sums are merged, so that threads share one sequence; more
    /// go by way of matrix products. The result does not depend on the number of threads.
    /// Source: Dao et al. 2022, arXiv:2205.14135, section 3.1.
    package func attention(
        _ shape: AttentionShape, _ q: HeadRows, over cache: CachedHeads, _ rows: CachedRows,
        _ options: AttentionOptions, into y: Buffer
    ) {
        precondition(
            rows.lengths.allSatisfy { options.bias?.covers(shape, first: $0) ?? true },
            "attention: a bias without some of the cache's distances")
        if shape.queries * shape.headsPerGroup <= Self.fewQueryRows {
            attendFew(shape, q, over: cache, rows, options, into: y)
        } else {
            attendMany(shape, q, over: cache, rows, options, into: y)
        }
    }

    /// Query rows of a group up to which scores are computed without matrix products.
    private static var fewQueryRows: Int { 32 }

    /// y (tokens, size) = one head of x, rotated where it has a position.
    func packHead(
        _ x: Buffer, stride: Int, tokens: Int, size: Int, position: Int?,
        _ options: AttentionOptions, into y: Buffer
    ) {
        precondition(
            options.rotary?.rowsPerSequence ?? 0 == 0, "attention: a cache counts positions itself")
        AttentionUnit.withAngles(options, position) { cosine, sine, rotated in
            lk_pack_head(
                x.type.rawValue, x.pointer, stride, tokens, size, cosine, sine, rotated,
                options.rotary?.pairsNeighbours ?? false, y.pointer)
        }
    }

    private func attendFew(
        _ shape: AttentionShape, _ q: HeadRows, over cache: CachedHeads, _ rows: CachedRows,
        _ options: AttentionOptions, into y: Buffer
    ) {
        let few = FewQueries(shape, q, over: cache, rows, options, into: y, self)
        let heads = rows.lengths.count * shape.groups
        let work = shape.headsPerGroup * shape.queries * CachedHeads.part * shape.headSize
        let least = max(1, 98_304 / work)
        // Threads divide heads, or the parts of few.
        if heads >= 4 * threads.threads {
            threads.share(heads, atLeast: least) { range in
                for head in range {
                    few.prepare(head)
                    for unit in few.units(of: head) { few.attend(unit, of: head) }
                    few.merge(head)
                }
            }
        } else {
            for head in 0..<heads { few.prepare(head) }
            let units = (0..<heads).flatMap { head in few.units(of: head).map { (head, $0) } }
            threads.share(units.count, atLeast: least) { range in
                for (head, unit) in units[range] { few.attend(unit, of: head) }
            }
            for head in 0..<heads { few.merge(head) }
        }
    }

    private func attendMany(
        _ shape: AttentionShape, _ q: HeadRows, over cache: CachedHeads, _ rows: CachedRows,
        _ options: AttentionOptions, into y: Buffer
    ) {
        let size = shape.headSize
        for (row, sequence) in rows.sequences.enumerated() {
            var single = shape
            single.batch = 1
            single.firstPosition = rows.lengths[row]
            single.keys = rows.lengths[row] + shape.queries
            let query = HeadRows(
                q.buffer.advanced(by: row * shape.queries * q.stride), stride: q.stride)
            let output = y.advanced(by: row * shape.queries * shape.heads * size)
            let logSums = buffer(shape.heads * shape.queries, .float32)
            let scratches = (0..<min(threads.threads, shape.groups)).map { _ in
                AttentionScratch(single, y.type, self)
            }
            let blocks = single.queryBlocks(options.mask, sequence: 0)
            threads.divide(shape.groups) { [single] range, thread in
                let scratch = scratches[thread]
                for group in range {
                    let unit = AttentionUnit(
                        single, options, group, self, thread, scratch, blocks: blocks)
                    let head = cache.offset(sequence, group)
                    lk_gather_keys(
                        y.type.rawValue, cache.keys.advanced(by: head).pointer, single.keys, size,
                        scratch.keys.pointer)
                    lk_convert(
                        y.type.rawValue, cache.values.advanced(by: head).pointer, y.type.rawValue,
                        scratch.values.pointer, single.keys * size)
                    scratch.pairs?.set(
                        keys: HeadRows(scratch.keys, stride: size),
                        values: HeadRows(scratch.values, stride: size), single)
                    unit.forward(query, into: output, logSums: logSums)
                }
            }
        }
    }
}

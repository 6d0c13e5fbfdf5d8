/// What else an attention depends on.
package struct AttentionOptions {
    package var rotary: RotaryTable?
    package var mask = AttentionMask()
    package var dropout: DropoutMask?
    /// A key for each sequence of the batch.
    package var dropoutKeys: [UInt64] = []
    /// ALiBi: by head, what each position of distance takes from a score; none if empty.
    package var slopes: [Float] = []
    package var bias: DistanceBias?

    package init() {}
}

/// Which tokens see one another, beyond what ``AttentionShape`` says of positions.
package struct AttentionMask: Sendable {
    /// (B, queries) and (B, keys): a query sees only keys of its own segment. Where there are none, its
    /// output is zero. Both or neither.
    package let querySegments, keySegments: [Int32]?
    /// (B, queries), in place of ``AttentionShape/ahead``: the number of the first key from which on
    /// the query sees none, as of a prefix that is seen whole.
    package var keyEnds: [Int32]?

    /// Everybody sees everybody.
    package init() { self.init(segments: nil) }

    /// Tokens see only tokens of their own segment, (B, T).
    package init(segments: [Int32]?) {
        querySegments = segments
        keySegments = segments
    }

    /// Queries see keys of another sequence.
    package init(queries: [Int32], keys: [Int32]) {
        querySegments = queries
        keySegments = keys
    }

    /// `keys` without those at its ends that no query of `queries` sees by its segment. Where segments lie
    /// one behind the other, as texts that are packed into a row do, a query's work is that of its own
    /// text.
    ///
    /// - Parameters:
    ///   - queries: counted over all sequences.
    ///   - keys: counted within the sequence.
    ///   - firstKey: of the sequence, counted over all sequences.
    func narrowed(_ keys: Range<Int>, from firstKey: Int, to queries: Range<Int>) -> Range<Int> {
        guard let querySegments, let keySegments, !queries.isEmpty else { return keys }
        var (low, high) = (keys.lowerBound, keys.upperBound)
        let seen = querySegments.withUnsafeBufferPointer { segments in
            var (least, most) = (segments[queries.lowerBound], segments[queries.lowerBound])
            for query in queries {
                least = min(least, segments[query])
                most = max(most, segments[query])
            }
            return least...most
        }
        keySegments.withUnsafeBufferPointer { segments in
            while low < high, !seen.contains(segments[firstKey + low]) { low += 1 }
            while high > low, !seen.contains(segments[firstKey + high - 1]) { high -= 1 }
        }
        // Products begin with a whole panel.
        return max(keys.lowerBound, low / PairOperand.panel * PairOperand.panel)..<high
    }

    /// Where a block of queries ends that begins with the first of `queries` and has at most `most`: behind
    /// the first segment that ends in the block's second half, so that short texts packed into a row see
    /// few keys of others; else after `most`.
    ///
    /// - Parameters:
    ///   - queries: the rest of a sequence's, counted over all sequences.
    func blockEnd(_ queries: Range<Int>, most: Int) -> Int {
        let end = min(queries.lowerBound + most, queries.upperBound)
        guard let querySegments, end > queries.lowerBound + 1 else { return end }
        return querySegments.withUnsafeBufferPointer { segments in
            let middle = queries.lowerBound + (end - queries.lowerBound + 1) / 2
            let boundary = (middle..<end).first { segments[$0] != segments[$0 - 1] }
            return boundary ?? end
        }
    }

    /// The same with keys before those that there are, which all queries of a sequence see.
    ///
    /// - Parameters:
    ///   - count: keys to put before a sequence's.
    ///   - keys: of a sequence so far; as many as it has queries.
    package func withKeys(_ count: Int, before keys: Int, batch: Int) -> AttentionMask {
        guard querySegments != nil || keyEnds != nil else { return self }
        var mask = self
        if let querySegments, let keySegments {
            let extended = (0..<batch).flatMap { sequence in
                let own = sequence * keys..<(sequence + 1) * keys
                return Array(repeating: querySegments[own.lowerBound], count: count)
                    + keySegments[own]
            }
            mask = AttentionMask(queries: querySegments, keys: extended)
        }
        mask.keyEnds = keyEnds?.map { $0 + Int32(count) }
        return mask
    }

    /// The same with tokens before those that there are: each sees those before itself, and all tokens of
    /// the sequence see them.
    package func withTokens(_ count: Int, before tokens: Int, batch: Int) -> AttentionMask {
        guard querySegments != nil || keyEnds != nil else { return self }
        let keys = withKeys(count, before: tokens, batch: batch)
        func extended(_ numbers: [Int32]?, _ front: (ArraySlice<Int32>) -> [Int32]) -> [Int32]? {
            numbers.map { numbers in
                (0..<batch).flatMap { sequence in
                    let own = numbers[sequence * tokens..<(sequence + 1) * tokens]
                    return front(own) + own
                }
            }
        }
        var mask = AttentionMask()
        if let queries = extended(
            querySegments, { Array(repeating: $0.first ?? 0, count: count) }),
            let keySegments = keys.keySegments
        {
            mask = AttentionMask(queries: queries, keys: keySegments)
        }
        mask.keyEnds = extended(keys.keyEnds) { _ in (0..<count).map { Int32($0 + 1) } }
        return mask
    }

    func fits(_ shape: AttentionShape) -> Bool {
        let (queries, keys) = (shape.batch * shape.queries, shape.batch * shape.keys)
        return querySegments?.count ?? queries == queries && keySegments?.count ?? keys == keys
            && keyEnds?.count ?? queries == queries
    }
}

/// What is added to scores by the distance of key and query. Source: arXiv:1910.10683, section 2.1.
package struct DistanceBias {
    /// (H, ``width``) float32; that of key j and query i is at `zero` + j − i.
    package let buffer: Buffer
    package let zero: Int
    package let width: Int

    package init(_ buffer: Buffer, zero: Int, width: Int) {
        self.buffer = buffer
        self.zero = zero
        self.width = width
    }

    /// Whether it has every distance that occurs where queries are at `first` and the next positions.
    func covers(_ shape: AttentionShape, first: Int) -> Bool {
        let ahead = min(shape.keys - 1 - first, shape.ahead ?? shape.keys)
        return zero >= first + shape.queries - 1 && width > zero + max(ahead, 0)
    }

    func head(_ head: Int) -> Buffer { buffer.advanced(by: head * width) }
}

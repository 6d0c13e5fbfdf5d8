/// The extents of one attention and what each query may see.
package struct AttentionShape: Sendable {
    package var batch: Int
    /// Queries, the first of them at position `firstPosition`.
    package var queries: Int
    /// Keys, the first of them at position 0.
    package var keys: Int
    package var heads: Int
    /// Heads of keys and values; each serves `heads / groups` query heads.
    package var groups: Int
    package var headSize: Int
    package var firstPosition = 0
    /// How many positions back a query sees, itself included; 0 means all.
    package var window = 0
    /// How many positions ahead a query sees: none where it is causal; `nil` means all.
    package var ahead: Int? = 0
    /// Factor on q·k, usually 1/√headSize.
    package var scale: Float
    /// Scores become softcap · tanh(scores / softcap); 0 means they stay.
    package var softcap: Float = 0

    package init(
        batch: Int, queries: Int, keys: Int, heads: Int, groups: Int, headSize: Int, scale: Float
    ) {
        precondition(heads % groups == 0, "attention: \(heads) heads over \(groups) groups")
        precondition(scale > 0, "attention: scale \(scale)")  // hidden scores are −∞
        self.batch = batch
        self.queries = queries
        self.keys = keys
        self.heads = heads
        self.groups = groups
        self.headSize = headSize
        self.scale = scale
    }

    var headsPerGroup: Int { heads / groups }

    /// The keys that some query of `range` may see, from the start of a panel on.
    /// - Parameter ends: where given, the keys from which on each query sees none, for ``ahead``.
    func visibleKeys(_ range: Range<Int>, ends: ArraySlice<Int32>? = nil) -> Range<Int> {
        let last = ahead.map { firstPosition + range.upperBound + $0 } ?? keys
        let high = min(keys, ends.map { Int($0.max() ?? 0) } ?? last)
        let low = window > 0 ? max(0, firstPosition + range.lowerBound + 1 - window) : 0
        return min(low / PairOperand.panel * PairOperand.panel, high)..<high
    }
}

/// Rows of heads: head h of token t starts at `buffer[t · stride + h · headSize]`.
package struct HeadRows {
    package let buffer: Buffer
    /// Elements from one token to the next.
    package let stride: Int

    package init(_ buffer: Buffer, stride: Int) {
        self.buffer = buffer
        self.stride = stride
    }

    func head(_ head: Int, token: Int, size: Int) -> Buffer {
        buffer.advanced(by: token * stride + head * size)
    }
}

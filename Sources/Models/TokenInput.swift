package import Autograd
package import Kernels

/// What a model reads: tokens, and what is said of each of them.
package struct TokenInput {
    package enum Tokens {
        /// (B, T), rows of the embedding table.
        case ids([Int32])
        /// (B, T, C) float32, in place of rows of the table: an image's part, a prompt that is learned.
        case embeddings(Tensor)
    }

    package let tokens: Tokens
    package let batch: Int
    package let length: Int
    /// (B), tokens of each row, where others fill it up.
    package var lengths: [Int]?
    /// (B), tokens of each row's whole text, on which rotary angles may depend: with a last one that is only a
    /// target, without what fills the row up. `nil` where a text is what all rows hold.
    package var textLengths: [Int]?
    /// (B, T), where tokens do not stand at 0, 1, … of their row.
    package var positions: [Int32]?
    /// (B, T), which of a pair's texts a token belongs to; for models that have a table of them.
    package var types: [Int32]?
    /// Which tokens see one another. Keys of a source belong to segment 1 where tokens may see them.
    package var mask: AttentionMask
    /// What an encoder reads, where the tokens are those of a decoder behind it.
    package var source: TokenSource?

    /// - Parameters:
    ///   - ids: (B, T).
    ///   - segments: (B, T); tokens see only tokens of their own segment, at whose first they count their positions
    ///     from 0. Those of segment 0 fill up.
    package init(ids: [Int32], batch: Int, segments: [Int32]? = nil) {
        tokens = .ids(ids)
        self.batch = batch
        length = ids.count / max(batch, 1)
        mask = AttentionMask(segments: segments)
        positions = segments.map { Self.positions($0, length: length) }
    }

    /// Positions within each segment: what a text packed with others is to a model is what it is alone.
    private static func positions(_ segments: [Int32], length: Int) -> [Int32] {
        var position: Int32 = 0
        return segments.indices.map { place in
            let goesOn = place % length > 0 && segments[place] == segments[place - 1]
            position = goesOn && segments[place] > 0 ? position + 1 : 0
            return position
        }
    }

    /// Rows that are filled up behind their texts: nobody sees what fills them up.
    ///
    /// - Parameters:
    ///   - ids: (B, T).
    ///   - lengths: (B), tokens of each text.
    package init(ids: [Int32], lengths: [Int]) {
        self.init(ids: ids, batch: lengths.count)
        self.lengths = lengths
        let columns = length
        guard lengths.contains(where: { $0 < columns }) else { return }
        mask = AttentionMask(
            queries: Array(repeating: 1, count: ids.count),
            keys: lengths.flatMap { own in (0..<columns).map { $0 < own ? 1 : 0 } })
    }

    /// - Parameter embeddings: (B, T, C) float32.
    package init(embeddings: Tensor, mask: AttentionMask = AttentionMask()) {
        tokens = .embeddings(embeddings)
        batch = embeddings.shape.extents[0]
        length = embeddings.shape.extents[1]
        self.mask = mask
    }

    /// The highest position that a token stands at, and one more; `first` is that of a row's first token.
    func positionCount(first: Int) -> Int {
        positions.map { Int($0.max() ?? -1) + 1 } ?? first + length
    }
}

/// What an encoder-decoder reads before it writes.
package final class TokenSource {
    package let tokens: TokenInput
    /// The encoder's states of them (B, S, C) float32, where they are known.
    package let states: Tensor?
    /// What one pass leaves for the next ones, in generation.
    let memory: SourceMemory?

    /// - Parameter tokens: with a mask of queries and keys where some only fill up.
    package init(_ tokens: TokenInput, states: Tensor? = nil) {
        self.tokens = tokens
        self.states = states
        memory = nil
    }

    /// A text that is read once: the first pass of a generation computes its states, and keys and
    /// values of them for each layer of the decoder, which all passes use. What is written may go on in
    /// several rows, which all have this source.
    package init(readOnce ids: [Int32]) {
        tokens = TokenInput(ids: ids, batch: 1)
        states = nil
        memory = SourceMemory()
    }
}

/// What the layers of a decoder keep of a source.
final class SourceMemory {
    /// By layer, keys and values (1, S, H·D) of the compute type; empty before the first pass.
    var layers: [(keys: Tensor, values: Tensor)] = []
}

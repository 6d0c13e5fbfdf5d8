package import Kernels

/// The keys and values of the tokens seen so far, for one sequence or several.
///
/// A pass feeds the same number of new tokens to each of its sequences; the sequences themselves may
/// be of different lengths. Memory grows by doubling, so that few steps allocate. What finetuning puts before
/// each text (virtual tokens) is held besides: no length that a caller gives counts it.
package final class KeyValueCache {
    /// Tokens a sequence can have.
    package let capacity: Int
    /// Tokens seen, by sequence, the virtual ones included.
    private var lengths: [Int]
    /// Virtual tokens that each sequence begins with.
    package private(set) var virtualTokens = 0
    /// The sequences that the next passes feed, in the order of their rows.
    package var active: [Int] {
        didSet {
            precondition(
                active.allSatisfy(lengths.indices.contains) && Set(active).count == active.count,
                "the cache has no sequences \(active)")
        }
    }
    private var layers: [CachedHeads] = []
    /// Factors of few ranks, by their first: a cache is of weights that stay as they are.
    private var factors: [ObjectIdentifier: (first: Parameter, arranged: ArrangedFactors)] = [:]
    private var layer = 0

    /// - Parameters:
    ///   - capacity: tokens a sequence can have.
    ///   - sequences: how many there are; the next passes feed all of them.
    package init(capacity: Int, sequences: Int = 1) {
        self.capacity = capacity
        lengths = Array(repeating: 0, count: sequences)
        active = Array(0..<sequences)
    }

    /// Tokens seen by the longest of the sequences that the next passes feed, the virtual ones included.
    package var length: Int { active.reduce(0) { max($0, lengths[$1]) } }

    /// The position of each row's next token, behind the virtual ones.
    package var positions: [Int] { active.map { lengths[$0] } }

    /// What a token of a sequence takes in all layers, once a pass has been made.
    package var bytesOfToken: Int {
        layers.reduce(0) { $0 + 2 * $1.groups * $1.headSize * $1.keys.type.bytes }
    }

    /// Lets sequences begin with virtual tokens.
    ///
    /// - Returns: those of the active ones that are empty, to which the tokens have to be fed.
    package func begin(virtualTokens: Int) -> [Int] {
        self.virtualTokens = virtualTokens
        return active.filter { lengths[$0] == 0 }
    }

    /// Factors as they were arranged for the first pass.
    ///
    /// - Parameter first: of the two.
    func arranged(_ first: Parameter, _ arrange: () -> ArrangedFactors) -> ArrangedFactors {
        let key = ObjectIdentifier(first)
        if let known = factors[key] { return known.arranged }
        let new = arrange()
        factors[key] = (first, new)
        return new
    }

    /// Ends a pass over `tokens` tokens of each fed sequence.
    package func advance(by tokens: Int) {
        for sequence in active { lengths[sequence] += tokens }
        layer = 0
    }

    /// Forgets all but the first `length` tokens of a sequence.
    package func rewind(to length: Int, sequence: Int = 0) {
        let held = max(0, lengths[sequence] - virtualTokens)
        precondition(
            (0...held).contains(length),
            "the cache holds \(held) tokens, cannot go back to \(length)")
        if lengths[sequence] > 0 { lengths[sequence] = virtualTokens + length }
    }

    /// Forgets all of a sequence, its virtual tokens too.
    package func forget(sequence: Int = 0) { lengths[sequence] = 0 }

    /// Makes the first `tokens` tokens of a sequence those of another; what else it had is forgotten.
    package func copy(_ tokens: Int, from source: Int, to target: Int) {
        let held = lengths[source] - virtualTokens
        precondition(
            tokens >= 0 && tokens <= held,
            "the cache holds \(held) tokens of sequence \(source), not \(tokens)")
        for heads in layers { heads.copy(virtualTokens + tokens, from: source, to: target) }
        lengths[target] = virtualTokens + tokens
    }

    /// Makes each of the first sequences a copy of another, as beams go on from others: sequence i
    /// of `sources[i]`, with its length.
    package func reorder(_ sources: [Int], in workspace: Workspace) {
        precondition(
            sources.count <= lengths.count && sources.allSatisfy(lengths.indices.contains),
            "the cache has \(lengths.count) sequences, not \(sources)")
        let all = sources + Array(lengths.indices.dropFirst(sources.count))
        guard all != Array(lengths.indices) else { return }
        lengths = all.map { lengths[$0] }
        for (number, old) in layers.enumerated() {
            let new = CachedHeads(
                sequences: old.sequences, groups: old.groups, headSize: old.headSize,
                tokens: old.capacity, type: old.keys.type, in: workspace)
            new.take(old, tokens: lengths, from: all)
            layers[number] = new
        }
    }

    /// Adds the keys and values of this pass's tokens to the next layer's and returns what it holds.
    func append(
        _ k: HeadRows, _ v: HeadRows, _ shape: AttentionShape, _ options: AttentionOptions,
        type: ElementType, in workspace: Workspace
    ) -> (heads: CachedHeads, rows: CachedRows) {
        let needed = length + shape.queries
        let room = virtualTokens + capacity
        precondition(needed <= room, "the cache holds \(room) tokens, not \(needed)")
        precondition(
            shape.batch == active.count,
            "\(shape.batch) sequences for a cache that is fed \(active.count)")
        if layer == layers.count { layers.append(heads(for: needed, shape, type, workspace)) }
        if layers[layer].capacity < needed {
            let larger = heads(
                for: min(max(needed, 2 * layers[layer].capacity), room), shape, type, workspace)
            larger.take(layers[layer], tokens: lengths)
            layers[layer] = larger
        }
        let rows = CachedRows(sequences: active, lengths: positions)
        workspace.append(k, v, tokens: shape.queries, to: layers[layer], rows, options)
        layer += 1
        return (layers[layer - 1], rows)
    }

    private func heads(
        for tokens: Int, _ shape: AttentionShape, _ type: ElementType, _ workspace: Workspace
    ) -> CachedHeads {
        CachedHeads(
            sequences: lengths.count, groups: shape.groups, headSize: shape.headSize,
            tokens: tokens, type: type, in: workspace)
    }
}

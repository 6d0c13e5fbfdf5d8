package import Autograd

/// What finetuning puts before every text of a decoder.
package protocol VirtualTokens: AnyObject {
    /// How many there are.
    var count: Int { get }

    /// What they are, computed anew in each pass.
    func front(in pass: ForwardPass) -> TextFront
}

/// Virtual tokens in the form in which a decoder takes them.
package enum TextFront {
    /// (P, C) float32, in place of rows of the embedding table.
    case embeddings(Tensor)
    /// (P, layers · 2 · G·D) float32: of each layer its keys, then its values.
    case keysAndValues(Tensor)
}

/// The slot of a decoder for virtual tokens. Callers see neither them nor their states.
package final class VirtualTokenSlot {
    package var tokens: (any VirtualTokens)?
    package let layers: Int
    /// Heads of keys and values of a layer, and their size.
    package let groups: Int
    package let headSize: Int
    /// What rows of the embedding table are multiplied by before they are embeddings.
    package let embeddingScale: Float

    init(layers: Int, groups: Int, headSize: Int, embeddingScale: Float = 1) {
        self.layers = layers
        self.groups = groups
        self.headSize = headSize
        self.embeddingScale = embeddingScale
    }

    /// The description of a model whose first positions the virtual tokens take.
    func shortening(_ description: ModelDescription) -> ModelDescription {
        guard let tokens else { return description }
        var shorter = description
        shorter.maximumPositions -= tokens.count
        for change in shorter.angleChanges.indices {
            shorter.angleChanges[change].after -= tokens.count
        }
        return shorter
    }

    /// Runs a decoder with virtual tokens before each text.
    ///
    /// - Parameters:
    ///   - embed: the rows of the input's tokens (B, T, C) float32, without positions.
    ///   - body: hidden states of an input, of which each layer reads a prefix where there is one.
    /// - Returns: (B, T, C), the states of the input's own tokens.
    func run(
        _ input: TokenInput, in pass: ForwardPass, embed: (TokenInput) -> Tensor,
        body: (TokenInput, Tensor?) -> Tensor
    ) -> Tensor {
        guard let tokens, pass.appliesAdapters else { return body(input, nil) }
        if let cache = pass.cache {
            let known = pass.textLength
            // Angles that depend on a text's length count what is read behind the virtual tokens.
            pass.textLength = known ?? input.length
            begin(cache, tokens, pass) { _ = body($0, nil) }
            pass.textLength = known
            return body(input, nil)
        }
        switch tokens.front(in: pass) {
        case .embeddings(let rows):
            let x = pass.putting(rows, before: embed(input))
            return pass.dropping(first: tokens.count, of: body(input.behind(tokens.count, x), nil))
        case .keysAndValues(let rows):
            return body(input, rows)
        }
    }

    /// Feeds the virtual tokens to those of a cache's sequences that have none yet.
    private func begin(
        _ cache: KeyValueCache, _ tokens: any VirtualTokens, _ pass: ForwardPass,
        _ body: (TokenInput) -> Void
    ) {
        let empty = cache.begin(virtualTokens: tokens.count)
        guard !empty.isEmpty else { return }
        let active = cache.active
        cache.active = empty
        switch tokens.front(in: pass) {
        case .embeddings(let rows):
            let none = pass.workspace.tensor([empty.count, 0, rows.shape.width], .float32)
            body(TokenInput(embeddings: pass.putting(rows, before: none)))
            cache.advance(by: tokens.count)
        case .keysAndValues(let rows):
            pass.beginCache(with: rows, groups: groups, headSize: headSize)
        }
        cache.active = active
    }
}

extension TokenInput {
    /// The same with virtual tokens before each row's own.
    ///
    /// - Parameter x: (B, P + T, C) float32, the embeddings of both.
    fileprivate func behind(_ count: Int, _ x: Tensor) -> TokenInput {
        var input = TokenInput(
            embeddings: x, mask: mask.withTokens(count, before: length, batch: batch))
        func extended(_ numbers: [Int32]?, by shift: Int32, front: (Int) -> Int32) -> [Int32]? {
            numbers.map { numbers in
                (0..<batch).flatMap { row in
                    (0..<count).map(front)
                        + numbers[row * length..<(row + 1) * length].map { $0 + shift }
                }
            }
        }
        input.lengths = lengths?.map { $0 + count }
        input.textLengths = textLengths?.map { $0 + count }
        input.positions = extended(positions, by: Int32(count)) { Int32($0) }
        input.types = extended(types, by: 0) { _ in 0 }
        input.source = source
        return input
    }
}

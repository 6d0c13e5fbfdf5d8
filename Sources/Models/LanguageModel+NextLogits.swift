package import Autograd
import Kernels

extension LanguageModel {
    /// Logits (V) of the token after `ids`, which follow what the pass's cache holds.
    ///
    /// - Parameter source: what an encoder reads before.
    package func nextLogits(
        _ ids: [Int32], source: TokenSource? = nil, in pass: ForwardPass
    ) -> [Float] {
        nextLogits(ids, batch: 1, source: source, in: pass)[0]
    }

    /// Logits (V) of the next token of each sequence; ids (B, T) follow what the pass's cache holds.
    ///
    /// - Parameter source: what an encoder reads before, of all of them.
    package func nextLogits(
        _ ids: [Int32], batch: Int, source: TokenSource? = nil, in pass: ForwardPass
    ) -> [[Float]] {
        guard let cache = pass.cache,
            let groups = rowsByAngles(batch: batch, length: ids.count / batch, cache)
        else { return nextLogitsOfAll(ids, batch: batch, source: source, in: pass) }
        let (active, length) = (cache.active, ids.count / batch)
        defer { cache.active = active }
        var all = Array(repeating: [Float](), count: batch)
        for rows in groups {
            cache.active = rows.map { active[$0] }
            let logits = nextLogitsOfAll(
                rows.flatMap { ids[$0 * length..<($0 + 1) * length] }, batch: rows.count,
                source: source, in: pass)
            for (row, logits) in zip(rows, logits) { all[row] = logits }
        }
        return all
    }

    /// The rows of a pass grouped by the rotary angles of their lengths, so that a row's do not depend on the
    /// others; `nil` where all have the same.
    private func rowsByAngles(batch: Int, length: Int, _ cache: KeyValueCache) -> [[Int]]? {
        let description = description
        guard batch > 1, !description.angleChanges.isEmpty else { return nil }
        let angles = cache.positions.map {
            description.angleLength(of: max(0, $0 - cache.virtualTokens) + length)
        }
        let groups = Dictionary(grouping: angles.indices) { angles[$0] }
        return groups.count > 1 ? groups.sorted { $0.key < $1.key }.map(\.value) : nil
    }

    private func nextLogitsOfAll(
        _ ids: [Int32], batch: Int, source: TokenSource?, in pass: ForwardPass
    ) -> [[Float]] {
        var input = TokenInput(ids: ids, batch: batch)
        input.source = source
        let hidden = hiddenStates(input, in: pass)
        let (length, width) = (ids.count / batch, hidden.shape.width)
        pass.cache?.advance(by: length)
        let last: Tensor
        if batch == 1 || length == 1 {
            last = Tensor(
                shape: [batch, width],
                buffer: hidden.buffer.advanced(by: (length - 1) * width))
        } else {
            last = pass.workspace.tensor([batch, width], hidden.type)
            for row in 0..<batch {
                pass.workspace.convert(
                    hidden.buffer.advanced(by: ((row + 1) * length - 1) * width),
                    to: last.buffer.advanced(by: row * width), count: width)
            }
        }
        let logits = languageHead.logits(last, in: pass)
        let vocabulary = logits.shape.width
        return pass.workspace.threads.map(batch) {
            pass.workspace.numbers(
                logits.buffer.advanced(by: $0 * vocabulary), count: vocabulary)
        }
    }

    /// Computes keys and values of `ids` into the pass's cache, and nothing else.
    package func fill(_ ids: [Int32], source: TokenSource? = nil, in pass: ForwardPass) {
        var input = TokenInput(ids: ids, batch: 1)
        input.source = source
        _ = hiddenStates(input, in: pass)
        pass.cache?.advance(by: ids.count)
    }
}

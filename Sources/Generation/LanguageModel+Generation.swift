import Autograd
package import Kernels
package import Models

extension LanguageModel {
    /// Continues `prompt`, one token at a time, until `ends` or `count` tokens are there; an
    /// encoder-decoder reads it and writes another text.
    ///
    /// - Parameter body: called with each new token; returning false ends it.
    @discardableResult
    package func generate(
        after prompt: [Int32], count: Int, sampler: Sampler, ends: Set<Int32>,
        computeType: ElementType, in workspace: Workspace, _ body: (Int32) -> Bool
    ) -> GenerationEnd {
        guard !prompt.isEmpty else { return .count }
        let start = GenerationStart(prompt, of: self)
        let session = GenerationSession(
            self, source: start.source, computeType: computeType, in: workspace,
            limit: start.ids.count + count + 1)
        return session.generate(after: start.ids, count: count, sampler: sampler, ends: ends, body)
    }

    /// Continues several prompts together, `count` tokens each at most. → the new tokens of each,
    /// without the one that ended it.
    ///
    /// Prompts are computed one by one, then every step computes the next token of all that have
    /// not ended. A prompt that leaves no room for a token stays without continuation. Texts that an
    /// encoder reads are gone through one after another.
    package func generate(
        afterEach prompts: [[Int32]], count: Int, sampler: Sampler, ends: Set<Int32>,
        computeType: ElementType, in workspace: Workspace
    ) -> [[Int32]] {
        generate(
            afterEach: prompts, count: count, samplers: prompts.map { _ in sampler }, ends: ends,
            computeType: computeType, in: workspace)
    }

    /// The same with a sampler for each prompt.
    ///
    /// - Parameters:
    ///   - stepped: called after each step, to see that it goes on.
    ///   - isEnded: asked after each token of a row, with the new ones, whether its text is at its end; not
    ///     of texts that an encoder reads.
    package func generate(
        afterEach prompts: [[Int32]], count: Int, samplers: [Sampler], ends: Set<Int32>,
        computeType: ElementType, in workspace: Workspace, stepped: () -> Void = {},
        isEnded: (ArraySlice<Int32>) -> Bool = { _ in false }
    ) -> [[Int32]] {
        precondition(
            samplers.count == prompts.count,
            "generation: \(samplers.count) samplers for \(prompts.count) prompts")
        if description.kind == .encoderDecoder {
            return zip(prompts, samplers).map { prompt, sampler in
                var text: [Int32] = []
                generate(
                    after: prompt, count: count, sampler: sampler, ends: ends,
                    computeType: computeType, in: workspace
                ) {
                    text.append($0)
                    stepped()
                    return true
                }
                stepped()
                return text
            }
        }
        let room = description.hasFixedPositions ? description.maximumPositions : Int.max
        let longest = prompts.reduce(0) { max($0, $1.count) }
        let cache = KeyValueCache(
            capacity: min(room, longest + count), sequences: prompts.count)
        let newPass = {
            ForwardPass(workspace: workspace, computeType: computeType, cache: cache)
        }
        var histories = prompts
        /// Takes each row's next token; → the rows that go on.
        func take(_ logits: [[Float]], _ rows: [Int]) -> [Int] {
            let tokens = Sampler.next(
                rows.map { samplers[$0] }, logits, histories: rows.map { histories[$0] },
                on: workspace.threads)
            return zip(rows, tokens).filter { row, token in
                guard !ends.contains(token) else { return false }
                histories[row].append(token)
                return histories[row].count - prompts[row].count < count
                    && histories[row].count < room
                    && !isEnded(histories[row][prompts[row].count...])
            }.map(\.0)
        }
        var open: [Int] = []
        for (row, prompt) in prompts.enumerated() {
            guard !prompt.isEmpty, prompt.count < room, count > 0 else { continue }
            cache.active = [row]
            open += take([nextLogits(prompt, in: newPass())], [row])
            stepped()
        }
        while !open.isEmpty {
            let logits = nextLogits(
                behind: open.map { histories[$0] }, rows: open, of: cache, newPass: newPass)
            open = take(logits, open)
            stepped()
        }
        return zip(histories, prompts).map { Array($0.dropFirst($1.count)) }
    }
}

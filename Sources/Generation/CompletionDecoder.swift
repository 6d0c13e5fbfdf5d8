import Autograd
package import Configuration
package import Kernels
package import Models

/// What a model wrote after a prompt, as ids.
package struct DecodedCompletion: Sendable, Equatable {
    /// With the token that ended it, where one did.
    package var ids: [Int32]
    /// Whether it ended by itself; else it was cut at its greatest length.
    package var hasEnded: Bool
}

/// Writes several completions of each of some prompts, all of them together: a read of the weights serves
/// the next token of all.
package struct CompletionDecoder {
    private let model: any LanguageModel
    private let sampling: SamplingSettings
    private let ends: Set<Int32>
    private let longest: Int
    private let rowsAtOnce: Int
    private let computeType: ElementType
    private let workspace: Workspace

    /// Rows whose bits do not depend on how many there are.
    package static var independentRows: Int { Workspace.fewRows }

    /// - Parameters:
    ///   - model: a decoder, with the weights that it has when completions are asked for.
    ///   - sampling: whose seed is not used.
    ///   - ends: tokens that end a completion.
    ///   - longest: tokens of a completion at most.
    ///   - rowsAtOnce: rows that are computed together. As many as there are unless given, which reads
    ///     weights once; with ``independentRows`` no bit of a row depends on the others.
    package init(
        _ model: any LanguageModel, _ sampling: SamplingSettings, ends: Set<Int32>, longest: Int,
        rowsAtOnce: Int? = nil, computeType: ElementType, in workspace: Workspace
    ) {
        precondition(model.description.kind == .decoder, "completions of no decoder")
        self.model = model
        self.sampling = sampling
        self.ends = ends
        self.longest = longest
        self.rowsAtOnce = rowsAtOnce ?? Int.max
        self.computeType = computeType
        self.workspace = workspace
    }

    /// Completions of each prompt, as many as it has keys. A prompt is computed once.
    ///
    /// A completion is a function of weights, prompt and key: token t of it is drawn with (key, t), t being
    /// its place behind the prompt's beginning.
    ///
    /// - Parameters:
    ///   - prompts: at least one token each, with room behind them.
    ///   - keys: of each prompt's completions.
    ///   - stepped: called after each token, to see that it goes on.
    package func completions(
        afterEach prompts: [[Int32]], keys: [[UInt64]], stepped: () -> Void = {}
    ) -> [[DecodedCompletion]] {
        precondition(
            prompts.count == keys.count && prompts.allSatisfy { !$0.isEmpty },
            "completions: \(prompts.count) prompts, keys of \(keys.count)")
        let samplers = keys.flatMap { $0 }.map(sampler)
        let room =
            model.description.hasFixedPositions
            ? model.description.maximumPositions : Int.max
        let cache = KeyValueCache(
            capacity: min(room, prompts.reduce(0) { max($0, $1.count) } + longest),
            sequences: max(1, samplers.count))
        // (rows): each prompt's completions one behind another.
        let owners = keys.indices.flatMap { Array(repeating: $0, count: keys[$0].count) }
        var histories = owners.map { prompts[$0] }
        var completions = owners.map { _ in DecodedCompletion(ids: [], hasEnded: false) }
        /// Takes the rows' next tokens; → those that go on.
        func take(_ logits: [[Float]], _ rows: [Int]) -> [Int] {
            let tokens = Sampler.next(
                rows.map { samplers[$0] }, logits, histories: rows.map { histories[$0] },
                on: workspace.threads)
            for (row, token) in zip(rows, tokens) {
                completions[row].ids.append(token)
                completions[row].hasEnded = ends.contains(token)
                histories[row].append(token)
            }
            return rows.filter {
                !completions[$0].hasEnded && completions[$0].ids.count < longest
                    && histories[$0].count < room
            }
        }
        let first = begin(prompts, owners, cache, stepped)
        var open = take(owners.map { first[$0] }, Array(owners.indices))
        while !open.isEmpty {
            var next: [Int] = []
            for start in stride(from: 0, to: open.count, by: min(rowsAtOnce, open.count)) {
                let rows = Array(open[start..<min(start + min(rowsAtOnce, open.count), open.count)])
                let logits = model.nextLogits(
                    behind: rows.map { histories[$0] }, rows: rows, of: cache
                ) { pass(cache) }
                next += take(logits, rows)
            }
            open = next
            stepped()
        }
        return prompts.indices.map { prompt in
            zip(owners, completions).filter { $0.0 == prompt }.map(\.1)
        }
    }

    /// Logits behind each prompt, whose keys and values all its rows get.
    private func begin(
        _ prompts: [[Int32]], _ owners: [Int], _ cache: KeyValueCache, _ stepped: () -> Void
    ) -> [[Float]] {
        var logits: [[Float]] = []
        var sources = Array(owners.indices)
        for (number, prompt) in prompts.enumerated() {
            guard let row = owners.firstIndex(of: number) else {
                logits.append([])
                continue
            }
            cache.active = [row]
            logits.append(model.nextLogits(prompt, in: pass(cache)))
            for other in owners.indices where owners[other] == number { sources[other] = row }
            stepped()
        }
        cache.reorder(sources, in: workspace)
        return logits
    }

    private func pass(_ cache: KeyValueCache) -> ForwardPass {
        ForwardPass(workspace: workspace, computeType: computeType, cache: cache)
    }

    private func sampler(_ key: UInt64) -> Sampler {
        var settings = sampling
        settings.seed = key
        return Sampler(settings)
    }
}

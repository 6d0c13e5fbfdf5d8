import Kernels
import Testing

/// Attention over a cache that was filled by pieces against attention of the whole sequence.
@Suite struct CachedAttentionTests {
    private struct Form {
        var heads = 4
        var groups = 2
        var size = 8
        var window = 0
        var rotated = true
        var hasBias = false
    }

    // Lengths around a part's 128 keys and a block's sixteen; heads of a group that fill no tile of
    // four; a head size that is no multiple of sixteen.
    private static let forms = [
        Form(), Form(heads: 3, groups: 1, size: 20), Form(heads: 7, groups: 1, size: 64),
        Form(heads: 2, groups: 2, size: 16, window: 5), Form(heads: 6, groups: 3, window: 130),
        Form(heads: 5, groups: 5, size: 32, rotated: false),
        Form(heads: 6, groups: 3, rotated: false, hasBias: true),
    ]

    // The same sums in another order. In narrow types the whole sequence's probabilities are rounded
    // before they weigh the values, here they are not, and both round the result.
    @Test(arguments: ElementType.all, [1, 2, 3])
    func piecesGiveWhatTheWholeSequenceGives(type: ElementType, threads: Int) {
        let workspace = Workspace(threads: threads)
        let tolerance = type == .float32 ? 2e-6 : 3 * type.roundoff
        for (index, form) in Self.forms.enumerated() {
            for (tokens, pieces) in [
                (19, [1]), (40, [7, 9, 1, 16, 3]), (300, [126, 1, 1, 1, 40]), (150, [150]),
            ] {
                let run = Run(workspace, form, tokens: tokens, type: type, name: "\(index)")
                let found = run.cached(pieces: pieces)
                let difference = zip(found, run.whole()).reduce(0.0) {
                    max($0, abs(Double($1.0) - Double($1.1)))
                }
                #expect(difference < tolerance, "form \(index), \(tokens) tokens by \(pieces)")
            }
        }
    }

    @Test func theResultDoesNotDependOnTheThreads() {
        let results = [1, 2, 5].map { threads in
            Run(
                Workspace(threads: threads), Form(heads: 6, groups: 2, size: 32), tokens: 400,
                type: .float32, name: "threads"
            ).cached(pieces: [200, 1])
        }
        #expect(results[0] == results[1] && results[0] == results[2])
    }

    @Test func sequencesOfUnequalLengthsAndGrowthKeepApart() {
        let workspace = Workspace(threads: 2)
        let form = Form(heads: 4, groups: 2, size: 16)
        let runs = [31, 140, 5].map {
            Run(workspace, form, tokens: $0, type: .float32, name: "ragged \($0)")
        }
        let small = CachedHeads(
            sequences: 3, groups: 2, headSize: 16, tokens: 100, type: .float32, in: workspace)
        let before = [30, 90, 4]
        for (sequence, run) in runs.enumerated() {
            _ = run.attend(
                0..<before[sequence], CachedRows(sequences: [sequence], lengths: [0]), small)
        }
        let large = CachedHeads(
            sequences: 3, groups: 2, headSize: 16, tokens: 200, type: .float32, in: workspace)
        large.take(small, tokens: before)
        for step in 90..<139 {
            _ = runs[1].attend(
                step..<step + 1, CachedRows(sequences: [1], lengths: [step]), large)
        }
        // The last token of each at once, the rows in another order than the sequences.
        let order = [2, 0, 1]
        let last = order.map { runs[$0].tokens - 1 }
        let found = Run.attend(
            order.map { runs[$0] }, at: last, CachedRows(sequences: order, lengths: last), large)
        for (row, sequence) in order.enumerated() {
            let expected = runs[sequence].whole().suffix(64)
            let difference = zip(found[row], expected).map { abs($0 - $1) }.max() ?? 1
            #expect(difference < 2e-6, "sequence \(sequence)")
        }
    }

    /// One sequence's q, k and v.
    private struct Run {
        let workspace: Workspace
        let form: Form
        let tokens: Int
        let type: ElementType
        let q, k, v: [Float]
        var options = AttentionOptions()

        init(
            _ workspace: Workspace, _ form: Form, tokens: Int, type: ElementType, name: String
        ) {
            (self.workspace, self.form, self.tokens, self.type) = (workspace, form, tokens, type)
            var numbers = TestNumbers("cached attention \(name)")
            q = workspace.rounded(numbers.array(tokens * form.heads * form.size, -3, 3), to: type)
            k = workspace.rounded(numbers.array(tokens * form.groups * form.size), to: type)
            v = workspace.rounded(numbers.array(tokens * form.groups * form.size), to: type)
            if form.rotated {
                options.rotary = RotaryTable(
                    inverseFrequencies: (0..<form.size / 2).map { 1 / Double(1 + $0) },
                    positions: 512)
            }
            guard form.hasBias else { return }
            // The distances 1 − T … 0, ahead of which a causal query sees nothing.
            options.bias = DistanceBias(
                workspace.buffer(numbers.array(form.heads * tokens, -2, 2), .float32),
                zero: tokens - 1, width: tokens)
        }

        private func shape(queries: Int, batch: Int = 1) -> AttentionShape {
            var shape = AttentionShape(
                batch: batch, queries: queries, keys: queries, heads: form.heads,
                groups: form.groups, headSize: form.size, scale: 0.4)
            shape.window = form.window
            return shape
        }

        private func rows(_ numbers: [Float], _ range: Range<Int>, _ heads: Int) -> [Float] {
            Array(
                numbers[range.lowerBound * heads * form.size..<range.upperBound * heads * form.size]
            )
        }

        private func heads(_ numbers: [Float], _ heads: Int) -> HeadRows {
            HeadRows(workspace.buffer(numbers, type), stride: heads * form.size)
        }

        /// Attention of all tokens, (T, H·D).
        func whole() -> [Float] {
            let y = workspace.buffer(q.count, type)
            workspace.attention(
                shape(queries: tokens), heads(q, form.heads), heads(k, form.groups),
                heads(v, form.groups), options, into: y,
                logSums: workspace.buffer(form.heads * tokens, .float32))
            return workspace.numbers(y, count: q.count)
        }

        /// The same by pieces, the last size repeated.
        func cached(pieces: [Int]) -> [Float] {
            let cache = CachedHeads(
                sequences: 1, groups: form.groups, headSize: form.size, tokens: tokens, type: type,
                in: workspace)
            var (result, sizes): ([Float], ArraySlice<Int>) = ([], pieces[...])
            while result.count < q.count {
                let start = result.count / (form.heads * form.size)
                let end = min(start + (sizes.first ?? 1), tokens)
                if sizes.count > 1 { sizes.removeFirst() }
                result += attend(
                    start..<end, CachedRows(sequences: [0], lengths: [start]), cache)
            }
            return result
        }

        /// Adds the tokens of `range` to a cache and attends from them.
        func attend(_ range: Range<Int>, _ rows: CachedRows, _ cache: CachedHeads) -> [Float] {
            let new = { (numbers: [Float], heads: Int) in
                self.heads(self.rows(numbers, range, heads), heads)
            }
            workspace.append(
                new(k, form.groups), new(v, form.groups), tokens: range.count, to: cache, rows,
                options)
            let count = range.count * form.heads * form.size
            let y = workspace.buffer(count, type)
            workspace.attention(
                shape(queries: range.count), new(q, form.heads), over: cache, rows, options, into: y
            )
            return workspace.numbers(y, count: count)
        }

        /// One token of each run in one pass.
        static func attend(
            _ runs: [Run], at tokens: [Int], _ rows: CachedRows, _ cache: CachedHeads
        ) -> [[Float]] {
            let first = runs[0]
            let gather = { (numbers: (Run) -> [Float], heads: Int) in
                first.heads(
                    zip(runs, tokens).flatMap { $0.rows(numbers($0), $1..<$1 + 1, heads) }, heads)
            }
            first.workspace.append(
                gather(\.k, first.form.groups), gather(\.v, first.form.groups), tokens: 1,
                to: cache, rows, first.options)
            let width = first.form.heads * first.form.size
            let y = first.workspace.buffer(runs.count * width, first.type)
            first.workspace.attention(
                first.shape(queries: 1, batch: runs.count), gather(\.q, first.form.heads),
                over: cache, rows, first.options, into: y)
            return runs.indices.map {
                first.workspace.numbers(y.advanced(by: $0 * width), count: width)
            }
        }
    }
}

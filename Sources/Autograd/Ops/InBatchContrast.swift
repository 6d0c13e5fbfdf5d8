import Kernels

/// How vectors of texts that belong together are told from the others of a step.
package struct ContrastForm: Sendable, Equatable {
    /// What cosines are multiplied by, 1/τ.
    package var scale: Float
    /// Whether each positive has to find its anchor too; both directions count half.
    package var isSymmetric: Bool
    /// Added to the logits of an anchor's own hard negatives.
    package var ownNegativeBias: Float

    package init(scale: Float, isSymmetric: Bool = false, ownNegativeBias: Float = 0) {
        self.scale = scale
        self.isSymmetric = isSymmetric
        self.ownNegativeBias = ownNegativeBias
    }
}

/// Losses of some samples, and the gradient of the whole step's loss by their vectors.
package struct ContrastOutcome: Sendable {
    package let losses: [Double]  // (samples)
    package let gradient: [Float]  // (samples, texts · C)
}

extension Workspace {
    /// −log softmax(scale · a·cᵀ)[own positive] of each anchor a, over the positives and hard
    /// negatives c of all samples (InfoNCE with in-batch negatives).
    ///
    /// All ranks compute all scores, block by block of the same sizes, and the gradients of their own
    /// samples alone; so the numbers do not depend on how samples are divided among ranks.
    /// Source: Gao et al. 2021, arXiv:2104.08821, eq. 5; sentence-transformers,
    /// `MultipleNegativesRankingLoss` and `MultipleNegativesSymmetricRankingLoss`; ownNegativeBias is
    /// SimCSE's `hard_negative_weight`.
    /// - Parameters:
    ///   - vectors: (N, texts · C), of each sample its anchor, its positive, and hard negatives, all of
    ///     length 1.
    ///   - samples: those whose losses and gradients are wanted, ascending.
    ///   - identities: (N, texts), equal where texts are: a text that equals an anchor or its positive, and the
    ///     positive of an equal anchor, are no negatives then. Without, each text counts.
    package func contrast(
        _ vectors: [Float], texts: Int, width: Int, of samples: [Int], _ form: ContrastForm,
        identities: [UInt64]? = nil
    ) -> ContrastOutcome {
        precondition(
            texts > 1 && vectors.count % (texts * width) == 0,
            "contrast: \(vectors.count) numbers of \(texts) vectors of \(width)")
        guard !vectors.isEmpty else { return ContrastOutcome(losses: [], gradient: []) }
        let scores = ContrastScores(
            vectors, texts: texts, width: width, samples: samples, form.scale, in: self)
        let share: Float = form.isSymmetric ? 0.5 : 1
        func equals(_ query: Int, _ candidates: [Int]) -> EqualTexts? {
            identities.map {
                EqualTexts($0, texts: texts, query: query, candidates: candidates)
            }
        }
        let documents = Array(1..<texts)
        scores.add(
            queries: 0, candidates: documents, weight: share,
            ownNegativeBias: form.ownNegativeBias, equals(0, documents))
        if form.isSymmetric {
            scores.add(queries: 1, candidates: [0], weight: share, equals(1, [0]))
        }
        return scores.outcome()
    }
}

/// Which candidates are no negatives of a query, though they belong to another sample.
private struct EqualTexts {
    private let identities: [UInt64]  // (N, texts)
    private let texts: Int
    private let query: Int
    private let target: Int
    private let rows: Int
    /// Places of candidates by their texts.
    private var placesOfTexts: [UInt64: [Int]] = [:]
    /// Samples by their queries.
    private var rowsOfQueries: [UInt64: [Int]] = [:]

    init(_ identities: [UInt64], texts: Int, query: Int, candidates: [Int]) {
        self.identities = identities
        self.texts = texts
        self.query = query
        target = candidates[0]
        rows = identities.count / texts
        for row in 0..<rows {
            rowsOfQueries[identities[row * texts + query], default: []].append(row)
            for (number, candidate) in candidates.enumerated() {
                placesOfTexts[identities[row * texts + candidate], default: []]
                    .append(number * rows + row)
            }
        }
    }

    /// The places of candidates among a query's scores.
    func places(of row: Int) -> [Int] {
        let (own, wanted) = (identities[row * texts + query], identities[row * texts + target])
        let equal =
            (placesOfTexts[own] ?? []) + (placesOfTexts[wanted] ?? []) + (rowsOfQueries[own] ?? [])
        return equal.filter { $0 != row }
    }
}

/// The scores of a step, and what becomes of them.
private final class ContrastScores {
    /// Samples that are scored at once.
    private static let blockLength = 256

    private let workspace: Workspace
    private let scale: Float
    private let rows: Int
    /// Elements from one sample to the next.
    private let stride: Int
    private let width: Int
    private let samples: [Int]
    private let blocks: [Range<Int>]
    /// Blocks with samples whose gradients are wanted.
    private let ownBlocks: [Range<Int>]
    private let vectors: Buffer  // (rows, stride)
    private let gradient: Buffer  // (rows, stride)
    private var losses: [Double]

    init(
        _ numbers: [Float], texts: Int, width: Int, samples: [Int], _ scale: Float,
        in workspace: Workspace
    ) {
        self.workspace = workspace
        self.scale = scale
        self.width = width
        self.samples = samples
        stride = texts * width
        let rows = numbers.count / stride
        self.rows = rows
        blocks = Swift.stride(from: 0, to: rows, by: Self.blockLength).map {
            $0..<min($0 + Self.blockLength, rows)
        }
        ownBlocks = blocks.filter { block in samples.contains(where: block.contains) }
        vectors = workspace.buffer(numbers.count, .float32)
        workspace.store(numbers, into: vectors)
        gradient = workspace.zeros(numbers.count, .float32)
        losses = Array(repeating: 0, count: rows)
    }

    /// Adds the loss of one text of each sample that has to find another one of it among candidates.
    ///
    /// - Parameters:
    ///   - queries: the number of the text that looks.
    ///   - candidates: numbers of the texts among which it looks; it has to find the first one.
    ///   - weight: by which the loss is multiplied.
    ///   - equals: which candidates are left out.
    func add(
        queries: Int, candidates: [Int], weight: Float, ownNegativeBias: Float = 0,
        _ equals: EqualTexts?
    ) {
        let columns = rows * candidates.count
        let scores = workspace.buffer(Self.blockLength * columns, .float32)
        let rowLosses = workspace.buffer(Self.blockLength, .float32)
        let bias = workspace.tensor([1], [ownNegativeBias]).buffer
        // Far below all others, so that its share of the softmax is 0.
        let leftOut = workspace.tensor([1], [-1e30]).buffer
        for block in blocks {
            let block = (range: block, start: block.lowerBound * stride + queries * width)
            let count = block.range.count
            for (number, candidate) in candidates.enumerated() {
                workspace.matrices.multiply(
                    MatrixProduct(
                        rows: count, columns: rows, inner: width, transposeB: true,
                        strideA: stride, strideB: stride, strideC: columns),
                    vectors.advanced(by: block.start), vectors.advanced(by: candidate * width),
                    into: scores.advanced(by: number * rows))
            }
            workspace.scale(scores, by: scale, count: count * columns)
            if ownNegativeBias != 0 {
                for row in 0..<count {
                    for number in candidates.indices.dropFirst() {
                        let place = row * columns + number * rows + block.range.lowerBound + row
                        workspace.add(bias, to: scores.advanced(by: place), count: 1)
                    }
                }
            }
            for (row, sample) in block.range.enumerated() {
                for place in equals?.places(of: sample) ?? [] {
                    workspace.add(
                        leftOut, to: scores.advanced(by: row * columns + place), count: 1)
                }
            }
            let targets = block.range.map { Int32($0) }
            workspace.crossEntropy(
                logits: scores, targets: targets[...], rows: count, width: columns,
                gradientScale: weight * scale, dlogits: scores, losses: rowLosses)
            for (row, loss) in zip(block.range, workspace.numbers(rowLosses, count: count)) {
                losses[row] += Double(weight) * Double(loss)
            }
            addGradients(of: scores, (block.range, block.start), candidates)
        }
    }

    /// What a block's scores say of its own queries, and of candidates.
    private func addGradients(
        of scores: Buffer, _ block: (range: Range<Int>, start: Int), _ candidates: [Int]
    ) {
        let columns = rows * candidates.count
        let isOwn = ownBlocks.contains(block.range)
        for (number, candidate) in candidates.enumerated() {
            let part = scores.advanced(by: number * rows)
            if isOwn {
                workspace.matrices.multiply(
                    MatrixProduct(
                        rows: block.range.count, columns: width, inner: rows, strideA: columns,
                        strideB: stride, strideC: stride, accumulate: true),
                    part, vectors.advanced(by: candidate * width),
                    into: gradient.advanced(by: block.start))
            }
            for own in ownBlocks {
                workspace.matrices.multiply(
                    MatrixProduct(
                        rows: own.count, columns: width, inner: block.range.count,
                        transposeA: true, strideA: columns, strideB: stride, strideC: stride,
                        accumulate: true),
                    part.advanced(by: own.lowerBound), vectors.advanced(by: block.start),
                    into: gradient.advanced(by: own.lowerBound * stride + candidate * width))
            }
        }
    }

    func outcome() -> ContrastOutcome {
        ContrastOutcome(
            losses: samples.map { losses[$0] },
            gradient: samples.flatMap {
                workspace.numbers(gradient.advanced(by: $0 * stride), count: stride)
            })
    }
}

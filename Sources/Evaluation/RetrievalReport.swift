import Autograd
package import Kernels
package import Metrics
package import Objectives
package import TextData

/// How well held-out anchors find their positives: the loss, and figures of retrieval.
///
/// Rows are the vectors of each example's texts, one behind another.
package struct RetrievalReport {
    private let examples: [ContrastiveExample]
    private let objective: ContrastiveLearning
    private let batch: Int

    /// Queries that are scored at once.
    private static let blockLength = 256

    /// - Parameters:
    ///   - examples: in the order of the rows.
    ///   - batch: examples that are each other's negatives in the loss.
    package init(_ examples: [ContrastiveExample], _ objective: ContrastiveLearning, batch: Int) {
        self.examples = examples
        self.objective = objective
        self.batch = batch
    }

    private var width: Int { objective.model.description.width }

    /// The mean loss of the rows, of which so many after one another are a batch: the same on any number
    /// of ranks.
    package func loss(_ rows: [HeldOutRow], in workspace: Workspace) -> Double {
        let pass = ForwardPass(workspace: workspace, computeType: .float32)
        var sum = 0.0
        for first in stride(from: 0, to: rows.count, by: batch) {
            let part = rows[first..<min(first + batch, rows.count)]
            let identities = examples[first..<first + part.count].flatMap { example in
                example.texts.map(\.identity)
            }
            sum += objective.contrast(
                part.flatMap(\.values), texts: examples[0].texts.count,
                of: Array(0..<part.count), identities: identities, in: pass
            ).losses.reduce(0, +)
        }
        return sum / Double(max(rows.count, 1))
    }

    /// How well each different anchor finds the positives it has in any row, among all different positives
    /// and hard negatives. None of texts that belong to themselves alone.
    package func figures(_ rows: [HeldOutRow], in workspace: Workspace) -> [Figure] {
        guard examples.contains(where: { $0.texts[0].ids != $0.texts[1].ids }) else { return [] }
        var queries = Texts()
        var candidates = Texts()
        var relevant: [Set<Int>] = []
        for (row, values) in zip(examples, rows.map(\.values)) {
            let numbers = row.texts.indices.map { text in
                let vector = values[text * width..<(text + 1) * width]
                return text == 0
                    ? queries.add(row.texts[0].ids, vector)
                    : candidates.add(row.texts[text].ids, vector)
            }
            if numbers[0] == relevant.count { relevant.append([]) }
            relevant[numbers[0]].insert(numbers[1])
        }
        return RetrievalMetrics.figures(
            rankings(queries, candidates, relevant, in: workspace))
    }

    private func rankings(
        _ queries: Texts, _ candidates: Texts, _ relevant: [Set<Int>], in workspace: Workspace
    ) -> [RetrievalMetrics.Ranking] {
        let (count, columns) = (relevant.count, candidates.count)
        let q = workspace.buffer(queries.vectors.count, .float32)
        let c = workspace.buffer(candidates.vectors.count, .float32)
        workspace.store(queries.vectors, into: q)
        workspace.store(candidates.vectors, into: c)
        let scores = workspace.buffer(Self.blockLength * columns, .float32)
        var rankings: [RetrievalMetrics.Ranking] = []
        for first in stride(from: 0, to: count, by: Self.blockLength) {
            let rows = min(Self.blockLength, count - first)
            workspace.matrices.multiply(
                MatrixProduct(rows: rows, columns: columns, inner: width, transposeB: true),
                q.advanced(by: first * width), c, into: scores)
            for row in 0..<rows {
                let own = relevant[first + row]
                let nearest = Self.nearest(
                    workspace.numbers(scores.advanced(by: row * columns), count: columns))
                rankings.append(
                    RetrievalMetrics.Ranking(
                        isRelevant: nearest.map(own.contains), relevant: own.count))
            }
        }
        return rankings
    }

    /// The numbers of the greatest scores, the greatest first, the first of equals before the others.
    package static func nearest(_ scores: [Float]) -> [Int] {
        let depth = min(RetrievalMetrics.depth, scores.count)
        var best: [Int] = []
        best.reserveCapacity(depth + 1)
        for (number, score) in scores.enumerated() {
            if best.count == depth, score <= scores[best[depth - 1]] { continue }
            var (low, high) = (0, best.count)
            while low < high {
                let middle = (low + high) / 2
                if scores[best[middle]] >= score { low = middle + 1 } else { high = middle }
            }
            best.insert(number, at: low)
            if best.count > depth { best.removeLast() }
        }
        return best
    }
}

/// Different texts with a vector each.
private struct Texts {
    private var numbers: [[Int32]: Int] = [:]
    private(set) var vectors: [Float] = []  // (count, C)

    var count: Int { numbers.count }

    /// The number of a text, which is new or was there.
    mutating func add(_ ids: [Int32], _ vector: ArraySlice<Float>) -> Int {
        if let known = numbers[ids] { return known }
        numbers[ids] = numbers.count
        vectors += vector
        return numbers.count - 1
    }
}

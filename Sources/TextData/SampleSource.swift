package import Templates

/// Numbered samples, each of which can be put into a row of a batch.
package protocol SampleSource: Sendable {
    var count: Int { get }
    /// Whether tokens see only tokens of their own segment.
    var hasSegments: Bool { get }
    /// The columns a batch needs for its longest sample, T.
    func columns(forLongest length: Int) -> Int
    /// Places that a sample takes in a row.
    func length(of sample: Int) -> Int
    /// Writes a sample's ids, targets (and segments) into a cleared row.
    ///
    /// - Throws: ``CorpusError`` where a file has changed since it was opened.
    func fill(row: Int, of batch: inout TokenBatch, with sample: Int) throws(CorpusError)
}

/// One part of a dataset of running text; all samples are equally long.
package struct ShardSamples: SampleSource {
    /// The part that is trained on, or the one held out.
    package enum Part: Sendable { case training, heldOut }

    private let dataset: TokenDataset
    private let split: HeldOutSplit
    private let part: Part

    package init(_ dataset: TokenDataset, _ split: HeldOutSplit, part: Part) {
        self.dataset = dataset
        self.split = split
        self.part = part
    }

    package var count: Int { part == .training ? split.trainingCount : split.evaluationCount }
    package var hasSegments: Bool { false }

    package func columns(forLongest length: Int) -> Int { dataset.sampleTokens }

    package func length(of sample: Int) -> Int { dataset.sampleTokens }

    package func fill(
        row: Int, of batch: inout TokenBatch, with sample: Int
    ) throws(CorpusError) {
        let number =
            part == .training ? split.trainingSample(sample) : split.evaluationSample(sample)
        let columns = dataset.sampleTokens
        var failure: CorpusError?
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: columns + 1) { scratch in
            do throws(CorpusError) {
                try dataset.copySample(number, into: scratch)
            } catch {
                failure = error
                return
            }
            let first = row * columns
            for column in 0..<columns {
                batch.ids[first + column] = scratch[column]
                batch.targets[first + column] = scratch[column + 1]
            }
        }
        if let failure { throw failure }
    }
}

/// Instruction examples of different lengths. Rows are filled up with ids that carry no loss and
/// that nothing before them sees.
package struct ExampleSamples: SampleSource {
    private let examples: [TokenizedExample]
    private let longest: Int
    package let hasSegments: Bool

    /// - Parameter longest: columns that no batch exceeds.
    package init(_ examples: [TokenizedExample], longest: Int) {
        self.examples = examples
        self.longest = longest
        hasSegments = examples.contains { $0.segments != nil }
    }

    package var count: Int { examples.count }

    package func columns(forLongest length: Int) -> Int {
        Self.columns(forLongest: length, atMost: longest)
    }

    /// Lengths are rounded up to multiples of 16, so that few shapes of products occur.
    static func columns(forLongest length: Int, atMost longest: Int) -> Int {
        max(length, min((length + 15) / 16 * 16, longest))
    }

    /// Tokens of an example's whole text, of the longest of its segments where it has any.
    ///
    /// - Parameter count: ids of the example.
    static func textLength(_ count: Int, segments: [Int32]?) -> Int {
        guard let segments else { return count }
        var (longest, length) = (0, 0)
        for place in segments.indices {
            length = place > 0 && segments[place] == segments[place - 1] ? length + 1 : 1
            longest = max(longest, length)
        }
        return longest
    }

    /// The last id has no target, so it takes no place.
    package func length(of sample: Int) -> Int { max(1, examples[sample].ids.count - 1) }

    package func fill(row: Int, of batch: inout TokenBatch, with sample: Int) {
        let example = examples[sample]
        let first = row * batch.columns
        for column in 0..<min(length(of: sample), example.ids.count) {
            batch.ids[first + column] = example.ids[column]
            guard column + 1 < example.ids.count else { continue }
            batch.targets[first + column] = example.labels[column + 1]
        }
        batch.textLengths[row] = Self.textLength(example.ids.count, segments: example.segments)
        guard batch.segments != nil else { return }
        // Filling places form a segment of their own.
        for column in 0..<batch.columns {
            let segment = example.segments.map { $0.indices.contains(column) ? $0[column] : -1 }
            batch.segments?[first + column] = segment ?? 0
        }
    }
}

/// What a run reads, in which order: samples and seed together.
package struct TrainingSamples: Sendable {
    let source: any SampleSource
    /// The order of the samples within each epoch.
    package let order: SampleOrder
    /// Positions of an epoch; those beyond its samples are filling rows.
    package let epochLength: Int
    private let takenCount: Int
    private let groups: LengthGroups?

    /// - Parameters:
    ///   - seed: of the order; each epoch has its own unless `shuffled` is false.
    ///   - globalBatch: if given, an epoch ends with its last step, which may be short; otherwise
    ///     a step may hold the last samples of one epoch and the first of the next.
    ///   - leftOut: samples at an epoch's end that no step takes.
    ///   - grouped: whether the samples of a step are of similar length; only with `globalBatch`.
    package init(
        _ source: any SampleSource, seed: UInt64, shuffled: Bool, globalBatch: Int? = nil,
        leftOut: Int = 0, grouped: Bool = false
    ) {
        self.source = source
        order = SampleOrder(count: source.count, seed: seed, shuffled: shuffled)
        let taken = source.count - leftOut
        takenCount = taken
        epochLength = globalBatch.map { (taken + $0 - 1) / $0 * $0 } ?? taken
        precondition(!grouped || globalBatch != nil, "samples grouped by length, but not in steps")
        let order = order
        groups =
            grouped
            ? globalBatch.map { LengthGroups(source, order, step: $0, seed: seed) } : nil
    }

    /// The sample at a position of the run; `nil` for a filling row.
    package func sample(at position: Int) -> Int? {
        let (epoch, place) = position.quotientAndRemainder(dividingBy: epochLength)
        guard place < takenCount else { return nil }
        return groups?.sample(at: place, epoch: epoch)
            ?? order.index(at: epoch * order.count + place)
    }
}

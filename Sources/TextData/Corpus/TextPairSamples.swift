package import Masking
package import Tokenizers

/// How pairs of texts are made of a dataset.
package struct PairForm: Sendable {
    private let frame: [PostProcessor.Part]
    private let length: Int
    private let shortShare: Double
    private let seed: UInt64

    /// - Parameters:
    ///   - frame: what stands around the texts.
    ///   - length: tokens of a pair, special ones included.
    package init(frame: [PostProcessor.Part], length: Int, shortShare: Double, seed: UInt64) {
        self.frame = frame
        self.length = length
        self.shortShare = shortShare
        self.seed = seed
    }

    /// Tokens of both texts.
    package var budget: Int {
        length
            - frame.reduce(0) { sum, part in
                if case .special(let ids, _) = part { sum + ids.count } else { sum }
            }
    }

    package func pairs(
        _ dataset: TokenDataset, _ marks: SentenceText
    ) throws(CorpusError) -> SentencePairs {
        SentencePairs(
            try SentenceTable(dataset, marks), budget: budget, shortShare: shortShare, seed: seed)
    }
}

/// Pairs of texts by number, with 0 for the second text that follows the first and 1 for another one.
package struct TextPairSamples: SampleSource {
    private let dataset: TokenDataset
    private let pairs: SentencePairs
    private let frame: [PostProcessor.Part]
    private let split: HeldOutSplit?
    private let part: ShardSamples.Part

    /// - Parameter split: which pairs there are of; `nil` for all.
    package init(
        _ dataset: TokenDataset, _ pairs: SentencePairs, _ frame: [PostProcessor.Part],
        _ split: HeldOutSplit? = nil, part: ShardSamples.Part = .training
    ) {
        self.dataset = dataset
        self.pairs = pairs
        self.frame = frame
        self.split = split
        self.part = part
    }

    package var count: Int {
        guard let split else { return pairs.pairs.count }
        return part == .training ? split.trainingCount : split.evaluationCount
    }
    package var hasSegments: Bool { false }
    package func columns(forLongest length: Int) -> Int { length }

    package func length(of sample: Int) -> Int {
        let pair = pair(sample)
        return frame.reduce(0) { sum, part in
            switch part {
            case .special(let ids, _): sum + ids.count
            case .first: sum + pair.first.tokens.count
            case .second: sum + pair.second.tokens.count
            }
        }
    }

    private func pair(_ sample: Int) -> SentencePairs.Pair {
        let number =
            switch (split, part) {
            case (nil, _): sample
            case (let split?, .training): split.trainingSample(sample)
            case (let split?, .heldOut): split.evaluationSample(sample)
            }
        return pairs.pairs[number]
    }

    /// The ids alone, without targets.
    package func fill(
        row: Int, of batch: inout TokenBatch, with sample: Int
    ) throws(CorpusError) {
        for (column, id) in try example(sample).ids.enumerated() {
            batch.ids[row * batch.columns + column] = id
        }
    }

    package func batch(
        _ samples: [Int?], ids: [UInt64]
    ) throws(CorpusError) -> LabeledBatch {
        var examples: [LabeledExample?] = []
        for sample in samples {
            guard let sample else {
                examples.append(nil)
                continue
            }
            examples.append(try example(sample))
        }
        return LabeledBatch(examples, sampleIDs: ids)
    }

    private func example(_ sample: Int) throws(CorpusError) -> LabeledExample {
        let pair = pair(sample)
        var (ids, types): ([Int32], [Int32]) = ([], [])
        func add(_ more: [Int32], _ type: Int32) {
            ids += more
            types += more.map { _ in type }
        }
        for part in frame {
            switch part {
            case .special(let more, let type): add(more, type)
            case .first(let type): add(try tokens(pair.first), type)
            case .second(let type): add(try tokens(pair.second), type)
            }
        }
        return LabeledExample(ids: ids, types: types, label: .one(pair.follows ? 0 : 1))
    }

    private func tokens(_ text: SentencePairs.Text) throws(CorpusError) -> [Int32] {
        var ids: [Int32] = []
        for places in pairs.places(of: text) { ids += try dataset.ids(places) }
        return ids
    }
}

import Foundation

/// Texts with blocks taken out, which are written behind them in a drawn order: GLM's, drawn from the run's seed
/// and the sample's position alone.
///
/// Source: Du et al. 2022, arXiv:2103.10360, sections 2.1 and 2.2; `ConstructBlockStrategy` of its code.
package struct BlankMasking: Sendable {
    /// The tokens that stand for what is left out and for its ends.
    package struct Marks: Sendable, Equatable {
        /// First of a text.
        package let classifier: Int32
        /// In a block's place, and in that of all the rest.
        package let mask, restMask: Int32
        /// Before a block that is read and behind one that is written.
        package let start, end: Int32

        package init(
            classifier: Int32, mask: Int32, restMask: Int32, start: Int32, end: Int32
        ) {
            (self.classifier, self.mask, self.restMask) = (classifier, mask, restMask)
            (self.start, self.end) = (start, end)
        }
    }

    /// What a model reads of a sample: the text with its blanks, and the blocks behind it.
    package struct Sample: Sendable, Equatable {
        package fileprivate(set) var ids: [Int32] = []
        /// The next token at each place of the blocks, −100 elsewhere.
        package fileprivate(set) var targets: [Int32] = []
        /// Places in the text with its blanks; all of a block have that of its blank.
        package fileprivate(set) var positions: [Int32] = []
        /// 0 in the text, 1, 2, … within each block.
        package fileprivate(set) var blockPositions: [Int32] = []
        /// Tokens of the text with its blanks, which see one another.
        package fileprivate(set) var textLength = 0

        /// Of nothing.
        package init() {}
    }

    /// The part of the tokens that is taken out.
    package var share = 0.15
    /// The part of the samples whose end is taken out as one block.
    package var restRate = 0.0
    /// The least part that such a block is of its sample.
    package var leastRest = 0.25
    /// The mean of a block's length.
    package var mean = 3.0 {
        didSet { lengthShares = Self.shares(mean) }
    }
    package let marks: Marks
    package let endOfText: Int32?
    package let seed: UInt64
    private var lengthShares: [Double]

    package init(marks: Marks, endOfText: Int32?, seed: UInt64) {
        self.marks = marks
        self.endOfText = endOfText
        self.seed = seed
        lengthShares = Self.shares(3)
    }

    /// How likely blocks of 1 to 39 tokens are, but for a factor: Poisson's.
    private static func shares(_ mean: Double) -> [Double] {
        var share = exp(-mean)
        return (1...39).map { length in
            share *= mean / Double(length)
            return share
        }
    }

    /// - Parameter sample: the sample's position in the run's order, another one in each epoch.
    package func callAsFunction(_ ids: ArraySlice<Int32>, sample: UInt64) -> Sample {
        let ids = Array(ids)
        var draws = Draws(seed: seed, sample: sample)
        if draws.uniform() < restRate, ids.count > 1 {
            let least = max(1, Int(leastRest * Double(ids.count)))
            let length = least + draws.below(max(1, ids.count - least))
            let rest = min(length, ids.count - 1)
            return Self.sample(
                ids, blocks: [ids.count - rest..<ids.count], order: [0], mask: marks.restMask, marks
            )
        }
        let blocks = blocks(of: ids, &draws)
        return Self.sample(
            ids, blocks: blocks, order: draws.order(blocks.count), mask: marks.mask, marks)
    }

    /// - Parameters:
    ///   - blocks: ascending, with a token or more between two.
    ///   - order: in which they are written.
    package static func sample(
        _ ids: [Int32], blocks: [Range<Int>], order: [Int], mask: Int32, _ marks: Marks
    ) -> Sample {
        var sample = Sample()
        sample.ids = [marks.classifier]
        var (start, blanks): (Int, [Int32]) = (0, [])
        for block in blocks {
            sample.ids += ids[start..<block.lowerBound]
            blanks.append(Int32(sample.ids.count))
            sample.ids.append(mask)
            start = block.upperBound
        }
        sample.ids += ids[start...]
        sample.textLength = sample.ids.count
        sample.positions = (0..<sample.ids.count).map(Int32.init)
        sample.blockPositions = sample.ids.map { _ in 0 }
        sample.targets = sample.ids.map { _ in HiddenTokens.ignoredTarget }
        for number in order {
            let block = Array(ids[blocks[number]])
            sample.ids += [marks.start] + block
            sample.targets += block + [marks.end]
            sample.positions += Array(repeating: blanks[number], count: block.count + 1)
            sample.blockPositions += (1...Int32(block.count + 1))
        }
        return sample
    }

    /// Blocks within documents, ascending.
    private func blocks(of ids: [Int32], _ draws: inout Draws) -> [Range<Int>] {
        var drawn: [Int] = []
        while drawn.reduce(0, +) < Int(share * Double(ids.count)) {
            drawn.append(1 + draws.choice(lengthShares))
        }
        let lengths = draws.order(drawn.count).map { drawn[$0] }
        let documents = documents(of: ids)
        var (blocks, next): ([Range<Int>], Int) = ([], 0)
        for (number, document) in documents.enumerated() {
            let isLast = number == documents.count - 1
            let room = isLast ? document.count : Int(share * Double(document.count))
            var own: [Int] = []
            while next < lengths.count,
                own.reduce(lengths[next], +) + (isLast ? own.count : 0) <= room
            {
                own.append(lengths[next])
                next += 1
            }
            blocks += Self.places(of: own, in: document, &draws)
        }
        return blocks.sorted { $0.lowerBound < $1.lowerBound }
    }

    /// Without what ends them, the shortest first, later ones before earlier of the same length.
    private func documents(of ids: [Int32]) -> [Range<Int>] {
        var (documents, start): ([Range<Int>], Int) = ([], 0)
        for (place, id) in ids.enumerated() where id == endOfText {
            documents.append(start..<place)
            start = place + 1
        }
        documents.append(start..<ids.count)
        return documents.sorted {
            ($0.count, -$0.lowerBound) < ($1.count, -$1.lowerBound)
        }
    }

    /// Places of blocks in their order, each way of leaving a token or more between two as likely as its
    /// drawn numbers are.
    private static func places(
        of lengths: [Int], in document: Range<Int>, _ draws: inout Draws
    ) -> [Range<Int>] {
        let free = document.count - lengths.reduce(0, +) - lengths.count + 1
        guard free >= 0 else { return [] }
        let gaps = lengths.map { _ in draws.below(free + 1) }.sorted()
        var before = document.lowerBound
        return zip(gaps, lengths).map { gap, length in
            defer { before += length + 1 }
            return before + gap..<before + gap + length
        }
    }
}

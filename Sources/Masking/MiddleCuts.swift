/// Texts whose middle is written last: fill in the middle, drawn from the run's seed and the sample's position
/// alone.
///
/// Each document of a sample, or the part of it that lies there, is cut at two characters. Source: Bavarian et
/// al. 2022, arXiv:2207.14255, section 3; the sample's length stays, as in Megatron's `gpt_fim_dataset`.
package struct MiddleCuts: Sendable {
    /// What stands before the three parts.
    package struct Marks: Sendable, Equatable {
        package let prefix, suffix, middle: Int32
        /// Stands behind the middle; `nil` for nothing but the document's end.
        package let end: Int32?

        package init(prefix: Int32, suffix: Int32, middle: Int32, end: Int32?) {
            (self.prefix, self.suffix, self.middle, self.end) = (prefix, suffix, middle, end)
        }

        var all: [Int32] { [prefix, suffix, middle] + (end.map { [$0] } ?? []) }
    }

    /// The chance of a document to be cut (`fim_rate`).
    package var rate = 0.5
    /// The part of those whose suffix comes first (`fim_spm_rate`).
    package var suffixFirst = 0.5
    package let marks: Marks
    /// What ends a document; never within one.
    package let endOfText: Int32?
    package let seed: UInt64
    private let encode: @Sendable ([UInt8]) -> [Int32]?
    private let decode: @Sendable ([Int32]) -> [UInt8]

    /// - Parameters:
    ///   - encode: the ids of a part of a text, `nil` where they would not give the part again.
    ///   - decode: the bytes of ids.
    package init(
        marks: Marks, endOfText: Int32?, seed: UInt64,
        encode: @escaping @Sendable ([UInt8]) -> [Int32]?,
        decode: @escaping @Sendable ([Int32]) -> [UInt8]
    ) {
        self.marks = marks
        self.endOfText = endOfText
        self.seed = seed
        self.encode = encode
        self.decode = decode
    }

    /// The sample with documents in their new order, without what no longer fits; shorter than `ids` where
    /// its parts have fewer tokens.
    ///
    /// - Parameter sample: the sample's position in the run's order, another one in each epoch.
    package func callAsFunction(_ ids: [Int32], sample: UInt64) -> [Int32] {
        var draws = Draws(seed: seed, sample: sample)
        var cut: [Int32] = []
        var start = 0
        while start < ids.count, cut.count < ids.count {
            let end = ids[start...].firstIndex { $0 == endOfText } ?? ids.count
            // As many draws for each document, whatever comes of them.
            let numbers = (0..<4).map { _ in draws.uniform() }
            let document = Array(ids[start..<end])
            cut += numbers[0] < rate ? parts(of: document, numbers) ?? document : document
            if end < ids.count { cut.append(ids[end]) }
            start = end + 1
        }
        return Array(cut.prefix(ids.count))
    }

    /// `nil` for a document that cannot be cut: an empty one, bytes that are no text, marks within it.
    private func parts(of document: [Int32], _ numbers: [Double]) -> [Int32]? {
        guard !document.isEmpty, !marks.all.contains(where: document.contains) else { return nil }
        let bytes = decode(document)
        guard !bytes.isEmpty, String(validating: bytes, as: UTF8.self) != nil else { return nil }
        // A character is a scalar: where one begins there is no continuation byte.
        let starts = bytes.indices.filter { bytes[$0] & 0xC0 != 0x80 } + [bytes.count]
        let cuts = numbers[1...2].map { starts[Int($0 * Double(starts.count))] }.sorted()
        let pieces = [bytes[..<cuts[0]], bytes[cuts[0]..<cuts[1]], bytes[cuts[1]...]].map {
            $0.isEmpty ? [] : encode(Array($0))
        }
        guard let prefix = pieces[0], let middle = pieces[1], let suffix = pieces[2] else {
            return nil
        }
        let end = marks.end.map { [$0] } ?? []
        return numbers[3] < suffixFirst
            ? [marks.prefix, marks.suffix] + suffix + [marks.middle] + prefix + middle + end
            : [marks.prefix] + prefix + [marks.suffix] + suffix + [marks.middle] + middle + end
    }
}

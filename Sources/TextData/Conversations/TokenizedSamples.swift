/// Examples of a mapped file as samples: what ``ExampleSamples`` makes of the same ones in memory.
struct TokenizedSamples: SampleSource {
    private let file: TokenizedFile
    private let places: Range<Int>
    private let longest: Int
    let hasSegments: Bool

    /// - Parameters:
    ///   - places: of the examples in the file.
    ///   - longest: columns that no batch exceeds.
    init(_ file: TokenizedFile, _ places: Range<Int>, longest: Int) {
        self.file = file
        self.places = places
        self.longest = longest
        hasSegments = places.contains { file.place(ofExample: $0).hasSegments }
    }

    var count: Int { places.count }

    func columns(forLongest length: Int) -> Int {
        ExampleSamples.columns(forLongest: length, atMost: longest)
    }

    func length(of sample: Int) -> Int {
        max(1, file.place(ofExample: places.lowerBound + sample).ids.count - 1)
    }

    func fill(row: Int, of batch: inout TokenBatch, with sample: Int) throws(CorpusError) {
        let (ids, hasSegments) = file.place(ofExample: places.lowerBound + sample)
        let (start, count) = (ids.lowerBound, ids.count)
        let first = row * batch.columns
        for column in 0..<min(max(1, count - 1), count) {
            batch.ids[first + column] = file.number(start + column)
            guard column + 1 < count else { continue }
            batch.targets[first + column] = file.number(start + count + column + 1)
        }
        batch.textLengths[row] = ExampleSamples.textLength(
            count,
            segments: hasSegments ? (0..<count).map { file.number(start + 2 * count + $0) } : nil)
        if batch.segments != nil {
            // Filling places form a segment of their own.
            for column in 0..<batch.columns {
                let segment =
                    !hasSegments ? 0 : column < count ? file.number(start + 2 * count + column) : -1
                batch.segments?[first + column] = segment
            }
        }
        try file.checkSize()
    }
}

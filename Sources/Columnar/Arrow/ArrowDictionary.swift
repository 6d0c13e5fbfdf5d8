/// The values of a dictionary: one batch, and further ones that were added to it. Columns that use it see
/// what it holds when a row is written.
final class ArrowDictionary {
    private var parts: [(values: any ArrowColumn, owners: [UnpackedBytes])] = []
    /// How many values lie before each part.
    private var starts: [Int] = []
    private(set) var count = 0

    /// Adds a batch of values.
    ///
    /// - Parameters:
    ///   - owners: of what the values point into.
    ///   - isAddition: whether the earlier values stay.
    /// - Throws: ``ArrowProblem/damaged(_:)`` for more values than can be numbered.
    func add(
        _ values: any ArrowColumn, _ owners: [UnpackedBytes], isAddition: Bool
    ) throws(ArrowProblem) {
        if !isAddition { (parts, starts, count) = ([], [], 0) }
        let (sum, overflow) = count.addingReportingOverflow(values.count)
        guard !overflow else { throw .damaged("has a dictionary of \(count) values and more") }
        parts.append((values, owners))
        starts.append(count)
        count = sum
    }

    /// The batch that value `index` lies in, and its number there; `nil` where there is no such value.
    func place(of index: Int) -> (values: any ArrowColumn, row: Int)? {
        guard index >= 0, index < count else { return nil }
        // The first part is all of most dictionaries.
        var (low, high) = (0, parts.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= index { low = middle } else { high = middle }
        }
        return (parts[low].values, index - starts[low])
    }
}

/// Values that are numbers of a dictionary's values.
struct ArrowIndices<Index: FixedWidthInteger & BitwiseCopyable>: ArrowColumn {
    let name: String
    let count: Int
    let valid: ArrowBitmap
    let indices: ByteView
    let dictionary: ArrowDictionary

    func write(_ row: Int, to line: inout JSONLine) throws(ArrowProblem) {
        guard let place = try place(row) else { return line.null() }
        try place.values.write(place.row, to: &line)
    }

    func letters(_ row: Int) throws(ArrowProblem) -> ByteView? {
        guard let place = try place(row) else { return nil }
        return try place.values.letters(place.row)
    }

    private func place(
        _ row: Int
    ) throws(ArrowProblem) -> (values: any ArrowColumn, row: Int)? {
        guard valid[row] else { return nil }
        let index = indices.element(row, as: Index.self)
        guard let place = Int(exactly: index).flatMap(dictionary.place(of:)) else {
            throw .damaged(
                "column \(name) has value \(index) of a dictionary of \(dictionary.count) values")
        }
        return place
    }
}

/// The values that a column's pages name by number, written as JSON once.
struct ColumnDictionary {
    private let json: [UInt8]
    /// Where each value ends.
    private let ends: [Int]
    /// Texts that are not UTF-8, which matters only where a row has them.
    private var invalid: Set<Int> = []

    init(
        _ values: inout ValueReader, _ count: Int, _ column: ParquetColumn
    ) throws(ParquetProblem) {
        var line = JSONLine()
        var ends: [Int] = []
        ends.reserveCapacity(count)
        for number in 0..<count {
            line.follows = false
            if column.form == .text {
                let letters = try values.nextText()
                if letters.isUTF8 { line.text(letters) } else { invalid.insert(number) }
            } else {
                try values.write(column.form, column.physical, into: &line)
            }
            ends.append(line.bytes.count)
        }
        guard !values.hasMore else {
            throw .damaged("a dictionary with more bytes than its values need")
        }
        json = line.bytes
        self.ends = ends
    }

    @inline(__always)
    func write(_ number: Int, into line: inout JSONLine) throws(ParquetProblem) {
        guard number < ends.count else {
            throw .damaged("value \(number) of a dictionary of \(ends.count)")
        }
        if !invalid.isEmpty, invalid.contains(number) { throw ValueReader.invalidText }
        line.value(json[(number == 0 ? 0 : ends[number - 1])..<ends[number]])
    }
}

/// Lists whose elements follow one another, and where each list begins.
struct ArrowLists<Offset: FixedWidthInteger & BitwiseCopyable>: ArrowColumn {
    let name: String
    let count: Int
    let valid: ArrowBitmap
    let offsets: ByteView
    let elements: any ArrowColumn

    func write(_ row: Int, to line: inout JSONLine) throws(ArrowProblem) {
        guard let range = try range(row) else { return line.null() }
        try line.write(elements, range)
    }

    /// The elements of list `row`; `nil` for null.
    func range(_ row: Int) throws(ArrowProblem) -> Range<Int>? {
        guard valid[row] else { return nil }
        let start = Int(offsets.element(row, as: Offset.self))
        let end = Int(offsets.element(row + 1, as: Offset.self))
        guard start >= 0, end >= start, end <= elements.count else {
            throw .damaged("column \(name) has a list that lies outside of its elements")
        }
        return start..<end
    }
}

/// Lists with a place and a size each, in any order.
struct ArrowListViews<Offset: FixedWidthInteger & BitwiseCopyable>: ArrowColumn {
    let name: String
    let count: Int
    let valid: ArrowBitmap
    let offsets: ByteView
    let sizes: ByteView
    let elements: any ArrowColumn

    func write(_ row: Int, to line: inout JSONLine) throws(ArrowProblem) {
        guard valid[row] else { return line.null() }
        let start = Int(offsets.element(row, as: Offset.self))
        let size = Int(sizes.element(row, as: Offset.self))
        guard start >= 0, size >= 0, start <= elements.count, size <= elements.count - start else {
            throw .damaged("column \(name) has a list that lies outside of its elements")
        }
        try line.write(elements, start..<start + size)
    }
}

/// Lists of one size.
struct ArrowFixedLists: ArrowColumn {
    let count: Int
    let valid: ArrowBitmap
    let size: Int
    let elements: any ArrowColumn

    func write(_ row: Int, to line: inout JSONLine) throws(ArrowProblem) {
        guard valid[row] else { return line.null() }
        try line.write(elements, row * size..<(row + 1) * size)
    }
}

/// Maps: objects where the keys are texts, else lists of [key, value].
struct ArrowMaps: ArrowColumn {
    let lists: ArrowLists<Int32>
    let keys: any ArrowColumn
    let values: any ArrowColumn
    let haveTexts: Bool

    var count: Int { lists.count }

    func write(_ row: Int, to line: inout JSONLine) throws(ArrowProblem) {
        guard let range = try lists.range(row) else { return line.null() }
        guard haveTexts else { return try writePairs(range, to: &line) }
        line.beginObject()
        var seen: Set<String> = []
        for index in range {
            guard let letters = try keys.letters(index), letters.isUTF8 else {
                throw .damaged("column \(lists.name) has a map with a key that is no text")
            }
            let key = String(decoding: letters.raw, as: UTF8.self)
            guard seen.insert(key).inserted else {
                throw .unsupported(
                    found: "column \(lists.name) with the key \(key) twice in a map",
                    advice: "leave one value a key before the table is written")
            }
            line.key(JSONLine.quoted(key))
            try values.write(index, to: &line)
            try line.checkSize()
        }
        line.endObject()
    }

    private func writePairs(
        _ range: Range<Int>, to line: inout JSONLine
    ) throws(ArrowProblem) {
        line.beginArray()
        for index in range {
            line.beginArray()
            try keys.write(index, to: &line)
            try values.write(index, to: &line)
            line.endArray()
            try line.checkSize()
        }
        line.endArray()
    }
}

extension JSONLine {
    /// Writes some of a column's values as a list.
    fileprivate mutating func write(
        _ elements: any ArrowColumn, _ range: Range<Int>
    ) throws(ArrowProblem) {
        beginArray()
        for index in range {
            try elements.write(index, to: &self)
            try checkSize()
        }
        endArray()
    }
}

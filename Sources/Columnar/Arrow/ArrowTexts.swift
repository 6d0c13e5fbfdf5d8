import Files

/// Texts one after another, and where each begins.
struct ArrowTexts<Offset: FixedWidthInteger & BitwiseCopyable>: ArrowColumn {
    let name: String
    let count: Int
    let valid: ArrowBitmap
    let offsets: ByteView
    let letters: ByteView

    func write(_ row: Int, to line: inout JSONLine) throws(ArrowProblem) {
        try line.write(try letters(row), name)
    }

    func letters(_ row: Int) throws(ArrowProblem) -> ByteView? {
        guard valid[row] else { return nil }
        let start = Int(offsets.element(row, as: Offset.self))
        let end = Int(offsets.element(row + 1, as: Offset.self))
        // Both are in range of Int; their difference may not be.
        guard start >= 0, end >= start, let part = letters.part(start, end - start) else {
            throw .damaged("column \(name) has a text that lies outside of its letters")
        }
        return part
    }
}

/// Texts of which short ones lie within their views (Columnar.rst, "Variable-size Binary View Layout").
struct ArrowTextViews: ArrowColumn {
    let name: String
    let count: Int
    let valid: ArrowBitmap
    let views: ByteView
    let buffers: [ByteView]

    func write(_ row: Int, to line: inout JSONLine) throws(ArrowProblem) {
        try line.write(try letters(row), name)
    }

    func letters(_ row: Int) throws(ArrowProblem) -> ByteView? {
        guard valid[row] else { return nil }
        let length = Int(views.element(4 * row, as: Int32.self))
        let part: ByteView?
        if length <= 12 {
            part = views.part(16 * row + 4, length)
        } else {
            let index = Int(views.element(4 * row + 2, as: Int32.self))
            let start = Int(views.element(4 * row + 3, as: Int32.self))
            part = buffers.indices.contains(index) ? buffers[index].part(start, length) : nil
        }
        guard let part else {
            throw .damaged("column \(name) has a text that lies outside of its letters")
        }
        return part
    }
}

/// Texts that are JSON (extension type arrow.json): the values, as `datasets` reads its type Json.
struct ArrowJSONTexts: ArrowColumn {
    let name: String
    let texts: any ArrowColumn

    var count: Int { texts.count }

    func write(_ row: Int, to line: inout JSONLine) throws(ArrowProblem) {
        guard let letters = try texts.letters(row) else { return line.null() }
        do throws(JSONProblem) {
            line.value(try JSONValueReader.read(Array(letters.raw)[...]).text().utf8)
        } catch {
            throw .damaged(
                "column \(name) has JSON that does not parse (\(error.found), expected "
                    + "\(error.expected))")
        }
    }
}

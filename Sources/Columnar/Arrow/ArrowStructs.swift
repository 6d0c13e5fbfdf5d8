/// Structs, as objects with their members in the schema's order.
struct ArrowStructs: ArrowColumn {
    let count: Int
    let valid: ArrowBitmap
    let members: [Member]

    struct Member {
        /// Its name in quotation marks.
        let key: [UInt8]
        let values: any ArrowColumn
    }

    func write(_ row: Int, to line: inout JSONLine) throws(ArrowProblem) {
        guard valid[row] else { return line.null() }
        line.beginObject()
        for member in members {
            line.key(member.key)
            try member.values.write(row, to: &line)
        }
        line.endObject()
    }
}

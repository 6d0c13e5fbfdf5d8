/// The end of a file in the IPC file format (File.fbs, IPC.rst "IPC File Format"): its schema, and where its
/// messages lie.
struct ArrowFooter {
    static let magic = "ARROW1"

    let schema: ArrowSchema
    /// Where messages of dictionaries begin, in order.
    let dictionaries: [Int]
    /// Where messages of rows begin, in order.
    let batches: [Int]

    /// - Parameter file: the whole file, which begins with ``magic``.
    /// - Throws: ``ArrowProblem``.
    init(_ file: ByteView) throws(ArrowProblem) {
        let tail = file.count - 4 - Self.magic.utf8.count
        guard tail >= 8, file.elementsEqual(Self.magic, at: tail + 4) else {
            throw .damaged("ends without a footer (truncated)")
        }
        let length: Int32 = try file.value(at: tail)
        guard length > 0, length <= tail - 8,
            let description = file.part(tail - Int(length), Int(length))
        else { throw .damaged("has a footer of \(length) bytes") }
        let table = try FlatTable(root: description)
        guard let schema = try table.table(1) else {
            throw .damaged("has a footer without a schema")
        }
        self.schema = try ArrowSchema(schema, bytes: description.count)
        dictionaries = try Self.places(table, 2, before: tail - Int(length))
        batches = try Self.places(table, 3, before: tail - Int(length))
    }

    private static func places(
        _ table: FlatTable, _ field: Int, before end: Int
    ) throws(ArrowProblem) -> [Int] {
        guard let blocks = try table.vector(field, stride: 24) else { return [] }
        var places: [Int] = []
        for index in 0..<blocks.count {
            let place: Int64 = try blocks.value(index)
            guard place >= 8, place < end else {
                throw .damaged("has a footer that points outside of the file")
            }
            places.append(Int(place))
        }
        return places
    }
}

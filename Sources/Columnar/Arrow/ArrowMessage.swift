/// An encapsulated message: a description and a body of buffers (Message.fbs, IPC.rst "Encapsulated message
/// format").
struct ArrowMessage {
    enum Header {
        case schema(FlatTable)
        case dictionary(FlatTable)
        case records(FlatTable)
    }

    let header: Header
    /// Bytes of the description.
    let descriptionBytes: Int
    let body: ByteView
    /// Whether it is of metadata version 4, in which unions have a bitmap.
    let isVersion4: Bool
    /// Where the next message begins.
    let end: Int

    /// Reads the message that begins at `start`.
    ///
    /// - Returns: `nil` where the end-of-stream mark stands there.
    /// - Throws: ``ArrowProblem``.
    static func read(_ file: ByteView, at start: Int) throws(ArrowProblem) -> ArrowMessage? {
        guard start <= file.count - 4 else {
            throw .damaged("ends without its end-of-stream mark (truncated)")
        }
        var place = start + 4
        var length: Int32 = try file.value(at: start)
        // Before Arrow 0.15 no continuation mark stood before the length.
        if length == -1 {
            guard place <= file.count - 4 else {
                throw .damaged("ends in the middle of a message (truncated)")
            }
            length = try file.value(at: place)
            place += 4
        }
        if length == 0 { return nil }
        guard length > 0 else {
            throw .damaged("has a message whose description has \(length) bytes")
        }
        guard let description = file.part(place, Int(length)) else {
            throw .damaged("ends in the middle of a message (truncated)")
        }
        return try ArrowMessage(description, file, body: place + Int(length))
    }

    private init(
        _ description: ByteView, _ file: ByteView, body start: Int
    ) throws(ArrowProblem) {
        let table = try FlatTable(root: description)
        let version: Int16 = try table.number(0)
        isVersion4 = version == 3
        guard version == 3 || version == 4 else { throw Self.refusal(ofVersion: version) }
        for entry in try table.tables(4)
        where try entry.text(0) == "ARROW:experimental_compression" {
            throw .unsupported(
                found: "a table packed as Arrow 0.17 packed it",
                advice: "read it with pyarrow.feather.read_table and write it again")
        }
        let length: Int64 = try table.number(3)
        guard length >= 0, let body = file.part(start, Int(length)) else {
            throw .damaged("ends in the middle of a batch (truncated)")
        }
        guard let content = try table.table(2) else { throw .damaged("has a message of no kind") }
        let kind: UInt8 = try table.number(1)
        switch kind {
        case 1: header = .schema(content)
        case 2: header = .dictionary(content)
        case 3: header = .records(content)
        case 4, 5:
            throw .unsupported(
                found: "a tensor", advice: "write the data as a table (pyarrow.table)")
        default: throw .damaged("has a message of the unknown kind \(kind)")
        }
        descriptionBytes = description.count
        self.body = body
        end = start + Int(length)
    }

    private static func refusal(ofVersion version: Int16) -> ArrowProblem {
        guard (0..<3).contains(version) else {
            return .damaged("has a message of the unknown metadata version \(Int(version) + 1)")
        }
        return .unsupported(
            found: "metadata version \(Int(version) + 1) (before Arrow 0.8)",
            advice: "read it with an old pyarrow and write it again with a newer one")
    }
}

import Files

/// Takes a batch apart into its columns: nodes and buffers lie in the order of the schema's fields, depth
/// first (IPC.rst, "RecordBatch message").
struct ArrowBatchReader {
    /// Rows of the batch.
    let rows: Int
    let dictionaries: [Int64: ArrowDictionary]
    /// Buffers that were unpacked; columns point into them.
    private(set) var unpacked: [UnpackedBytes] = []
    private let body: ByteView
    private let nodes: FlatVector?
    private let buffers: FlatVector?
    private let variadic: FlatVector?
    private let compression: ArrowCompression?
    private let isVersion4: Bool
    private var nextNode = 0
    private var nextBuffer = 0
    private var nextVariadic = 0

    /// Values of one column, or of one level of a nested one.
    struct Node {
        let count: Int
        let nulls: Int
    }

    /// Elements that what takes no bytes may have: more are a forged length.
    static let mostWithoutBytes = 1 << 24

    /// - Parameters:
    ///   - table: the batch's description (Message.fbs, table RecordBatch).
    ///   - message: what it came with.
    ///   - dictionaries: those of the whole table.
    /// - Throws: ``ArrowProblem``.
    init(
        _ table: FlatTable, of message: ArrowMessage, _ dictionaries: [Int64: ArrowDictionary]
    ) throws(ArrowProblem) {
        let rows: Int64 = try table.number(0)
        guard rows >= 0 else { throw .damaged("has a batch of \(rows) rows") }
        self.rows = Int(rows)
        self.dictionaries = dictionaries
        body = message.body
        isVersion4 = message.isVersion4
        nodes = try table.vector(1, stride: 16)
        buffers = try table.vector(2, stride: 16)
        compression = try table.table(3).map { compression throws(ArrowProblem) in
            try ArrowCompression(compression)
        }
        variadic = try table.vector(4, stride: 8)
    }

    /// The next node.
    ///
    /// - Parameter name: the column, for messages.
    mutating func node(_ name: String) throws(ArrowProblem) -> Node {
        guard let nodes else { throw .damaged("has a batch without columns") }
        let count = try nodes.value(nextNode, 0, as: Int64.self)
        let nulls = try nodes.value(nextNode, 8, as: Int64.self)
        nextNode += 1
        guard count >= 0, nulls >= 0, nulls <= count else {
            throw .damaged("column \(name) has \(nulls) nulls among \(count) values")
        }
        return Node(count: Int(count), nulls: Int(nulls))
    }

    /// The next buffer, unpacked.
    ///
    /// - Parameters:
    ///   - count: elements that it has to hold at least.
    ///   - bits: of an element.
    mutating func buffer(
        _ name: String, _ count: Int, bits: Int
    ) throws(ArrowProblem) -> ByteView {
        let packed = try packedBuffer(name)
        let bytes: ByteView
        if let compression, packed.count > 0 {
            bytes = try compression.unpack(packed, name, &unpacked)
        } else {
            bytes = packed
        }
        let (wanted, overflow) = count.multipliedReportingOverflow(by: bits)
        guard !overflow, wanted <= Int.max - 7, (wanted + 7) / 8 <= bytes.count else {
            throw .damaged(
                "column \(name) has a buffer of \(bytes.count) bytes for \(count) values")
        }
        return bytes
    }

    /// The next buffer, which says which values are not null.
    mutating func bitmap(_ name: String, _ node: Node) throws(ArrowProblem) -> ArrowBitmap {
        let hasBitmap = try !isNextBufferEmpty()
        guard hasBitmap else {
            nextBuffer += 1
            guard node.nulls == 0 else {
                throw .damaged("column \(name) has \(node.nulls) nulls and no bitmap of them")
            }
            return ArrowBitmap(bits: nil)
        }
        let bits = try buffer(name, node.count, bits: 1)
        guard bits.setBits(node.count) == node.count - node.nulls else {
            throw .damaged("column \(name) has \(node.nulls) nulls, but its bitmap has others")
        }
        return ArrowBitmap(bits: node.nulls == 0 ? nil : bits)
    }

    /// The buffers that hold the letters of a column of views.
    mutating func viewedBuffers(_ name: String) throws(ArrowProblem) -> [ByteView] {
        var letters: [ByteView] = []
        for _ in 0..<(try viewedBufferCount(name)) {
            letters.append(try buffer(name, 0, bits: 8))
        }
        return letters
    }

    /// Passes over a column and its children.
    mutating func skip(_ field: ArrowField, _ name: String) throws(ArrowProblem) {
        _ = try node(name)
        if field.dictionary != nil {
            nextBuffer += 2
            return
        }
        nextBuffer += field.type.buffers
        switch field.type {
        case .union where isVersion4: nextBuffer += 1
        case .textView, .binaryView: nextBuffer += try viewedBufferCount(name)
        default: break
        }
        for child in field.children { try skip(child, name) }
    }

    /// - Throws: ``ArrowProblem/damaged(_:)`` where columns are left that the schema does not have.
    func finish() throws(ArrowProblem) {
        guard nextNode == nodes?.count ?? 0, nextBuffer == buffers?.count ?? 0,
            nextVariadic == variadic?.count ?? 0
        else { throw .damaged("has a batch with other columns than its schema") }
    }

    private mutating func viewedBufferCount(_ name: String) throws(ArrowProblem) -> Int {
        guard let variadic, let buffers else {
            throw .damaged("column \(name) has no count of its buffers")
        }
        let count: Int64 = try variadic.value(nextVariadic)
        nextVariadic += 1
        guard count >= 0, count <= buffers.count - nextBuffer else {
            throw .damaged("column \(name) has \(count) buffers")
        }
        return Int(count)
    }

    private func isNextBufferEmpty() throws(ArrowProblem) -> Bool {
        try buffers?.value(nextBuffer, 8, as: Int64.self) == 0
    }

    private mutating func packedBuffer(_ name: String) throws(ArrowProblem) -> ByteView {
        guard let buffers else { throw .damaged("has a batch without buffers") }
        let offset = try buffers.value(nextBuffer, 0, as: Int64.self)
        let length = try buffers.value(nextBuffer, 8, as: Int64.self)
        nextBuffer += 1
        guard let bytes = body.part(Int(offset), Int(length)) else {
            throw .damaged("column \(name) has a buffer outside of its batch")
        }
        return bytes
    }
}

/// A table of a FlatBuffer (https://flatbuffers.dev/internals/), every offset of which is checked where it is
/// followed.
///
/// Offsets to tables, vectors and texts point forward, so that following them ends.
struct FlatTable {
    private let bytes: ByteView
    private let start: Int
    /// Bytes of the table itself.
    private let size: Int
    /// Where its fields' offsets begin, and bytes of them with the two sizes before them.
    private let offsets: Int
    private let offsetBytes: Int

    /// The table that a FlatBuffer begins with.
    ///
    /// - Throws: ``ArrowProblem/damaged(_:)``, as everything here.
    init(root bytes: ByteView) throws(ArrowProblem) {
        try self.init(bytes, at: Int(bytes.value(at: 0, as: UInt32.self)))
    }

    private init(_ bytes: ByteView, at start: Int) throws(ArrowProblem) {
        self.bytes = bytes
        self.start = start
        offsets = try start - Int(bytes.value(at: start, as: Int32.self))
        offsetBytes = try Int(bytes.value(at: offsets, as: UInt16.self))
        size = try Int(bytes.value(at: offsets + 2, as: UInt16.self))
        guard offsetBytes >= 4, size >= 4, bytes.part(offsets, offsetBytes) != nil,
            bytes.part(start, size) != nil
        else { throw Self.damage }
    }

    private static var damage: ArrowProblem {
        .damaged("its description (FlatBuffers) does not decode")
    }

    /// The number in a field; `missing` where the table has none.
    func number<Number: FixedWidthInteger & BitwiseCopyable>(
        _ field: Int, missing: Number = 0
    ) throws(ArrowProblem) -> Number {
        guard let place = try place(field, MemoryLayout<Number>.size) else { return missing }
        return try bytes.value(at: place)
    }

    /// Whether a field's byte is one.
    func flag(_ field: Int) throws(ArrowProblem) -> Bool {
        try number(field, missing: UInt8(0)) != 0
    }

    /// The table that a field points to.
    func table(_ field: Int) throws(ArrowProblem) -> FlatTable? {
        guard let place = try place(field, 4) else { return nil }
        return try table(at: place)
    }

    /// The text that a field points to.
    func text(_ field: Int) throws(ArrowProblem) -> String? {
        guard let vector = try vector(field, stride: 1) else { return nil }
        guard let part = bytes.part(vector.start, vector.count),
            let text = String(validating: part.raw, as: UTF8.self)
        else { throw .damaged("a name in its description is no UTF-8") }
        return text
    }

    /// The tables that a field's vector points to; none where the field is missing.
    func tables(_ field: Int) throws(ArrowProblem) -> [FlatTable] {
        guard let vector = try vector(field, stride: 4) else { return [] }
        var tables: [FlatTable] = []
        for index in 0..<vector.count { tables.append(try table(at: vector.start + 4 * index)) }
        return tables
    }

    /// The vector of numbers or structs of `stride` bytes that a field points to.
    func vector(_ field: Int, stride: Int) throws(ArrowProblem) -> FlatVector? {
        guard let place = try place(field, 4) else { return nil }
        let start = try place + Int(bytes.value(at: place, as: UInt32.self))
        let count = try Int(bytes.value(at: start, as: UInt32.self))
        guard bytes.part(start + 4, count * stride) != nil else { throw Self.damage }
        return FlatVector(bytes: bytes, start: start + 4, count: count, stride: stride)
    }

    private func table(at place: Int) throws(ArrowProblem) -> FlatTable {
        try FlatTable(bytes, at: place + Int(bytes.value(at: place, as: UInt32.self)))
    }

    private func place(_ field: Int, _ width: Int) throws(ArrowProblem) -> Int? {
        let entry = 4 + 2 * field
        guard entry + 2 <= offsetBytes else { return nil }
        let offset = try Int(bytes.value(at: offsets + entry, as: UInt16.self))
        guard offset != 0 else { return nil }
        guard offset >= 4, offset + width <= size else { throw Self.damage }
        return start + offset
    }
}

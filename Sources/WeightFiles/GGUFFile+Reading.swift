import Files

/// What the header of a GGUF file says.
struct GGUFHeader {
    let version: Int
    let metadata: [String: GGUFValue]
    let entries: [GGUFFile.Entry]
    let dataStart: Int
    let alignment: Int
}

/// Reads a header from front to back.
struct GGUFHeaderReader {
    private let bytes: UnsafeRawBufferPointer
    private let path: String
    private var cursor: GGUFCursor

    private static let mostAxes = 4  // GGML_MAX_DIMS
    /// Keys of metadata; a model has some dozens.
    private static let mostPairs = 1 << 16
    /// The fewest bytes of a tensor's description: name, axes, type, offset.
    private static let leastTensorBytes = 8 + 4 + 4 + 8

    init(_ mapped: MappedBytes, path: String) {
        bytes = mapped.buffer
        self.path = path
        cursor = GGUFCursor(
            bytes: mapped.buffer, payload: .mapped(mapped, 0..<mapped.buffer.count), path: path)
    }

    /// Reads everything before the tensors' bytes.
    mutating func header() throws(WeightFileError) -> GGUFHeader {
        let version = try version()
        let tensorCount = try cursor.count("tensor count", of: Self.leastTensorBytes)
        let pairs = try cursor.count("metadata count", of: 8 + 4 + 1)
        guard pairs <= Self.mostPairs else {
            throw cursor.malformed(
                "metadata count is \(pairs), expected at most \(Self.mostPairs); it is damaged")
        }
        var metadata: [String: GGUFValue] = [:]
        metadata.reserveCapacity(pairs)
        for index in 0..<pairs {
            let key = try cursor.string("the name of metadata \(index)")
            let kind = try cursor.kind("the type of \(key)")
            let value = try cursor.value(kind, of: key, nesting: 0)
            guard metadata.updateValue(value, forKey: key) == nil else {
                throw cursor.malformed("metadata \(key) is there twice")
            }
        }
        let alignment = try alignment(metadata)
        var descriptions: [Description] = []
        descriptions.reserveCapacity(tensorCount)
        var names: Set<String> = []
        for index in 0..<tensorCount {
            let description = try description(index)
            guard names.insert(description.name).inserted else {
                throw cursor.malformed("tensor \(description.name) is there twice")
            }
            descriptions.append(description)
        }
        let dataStart = (cursor.position + alignment - 1) / alignment * alignment
        var entries: [GGUFFile.Entry] = []
        entries.reserveCapacity(tensorCount)
        for description in descriptions {
            entries.append(try entry(description, dataStart: dataStart, alignment: alignment))
        }
        return GGUFHeader(
            version: version, metadata: metadata, entries: entries, dataStart: dataStart,
            alignment: alignment)
    }

    private mutating func version() throws(WeightFileError) -> Int {
        guard bytes.count >= 4, bytes[0..<4].elementsEqual("GGUF".utf8) else {
            let found = bytes.prefix(4).map { String($0, radix: 16) }.joined(separator: " ")
            throw cursor.malformed(
                "it starts with bytes '\(found)', expected 'GGUF'; give a .gguf file, whole")
        }
        cursor.skip(4)
        let version = try cursor.number(UInt32.self, "the version")
        if version.byteSwapped == 2 || version.byteSwapped == 3 {
            throw cursor.malformed("it is a big-endian GGUF file; convert it to little-endian")
        }
        guard version >= 2 else {
            throw cursor.malformed(
                "it has GGUF version \(version), expected 2 or 3; convert the model again")
        }
        guard version <= 3 else {
            throw .unsupportedFormat(found: Int(version), newest: 3, file: path)
        }
        return Int(version)
    }

    private func alignment(_ metadata: [String: GGUFValue]) throws(WeightFileError) -> Int {
        guard let value = metadata["general.alignment"] else { return 32 }
        guard let alignment = value.integer, alignment > 0, alignment <= 1 << 20,
            alignment & (alignment - 1) == 0
        else {
            throw cursor.malformed("general.alignment is \(value), expected a power of two")
        }
        return alignment
    }
}

// MARK: - Tensors

extension GGUFHeaderReader {
    private struct Description {
        let name: String
        let extents: [Int]  // outermost first
        let typeID: UInt32
        let offset: UInt64
    }

    private mutating func description(_ index: Int) throws(WeightFileError) -> Description {
        let name = try cursor.string("the name of tensor \(index)")
        let axes = try cursor.number(UInt32.self, "the axis count of \(name)")
        guard axes <= Self.mostAxes else {
            throw cursor.malformed(
                "\(name) has \(axes) axes, expected at most \(Self.mostAxes); it is damaged, "
                    + "copy it again")
        }
        var extents: [Int] = []
        for axis in 0..<axes {
            let extent = try cursor.number(UInt64.self, "axis \(axis) of \(name)")
            guard extent > 0, let extent = Int(exactly: extent) else {
                throw cursor.malformed(
                    "\(name) has extent \(extent), expected a positive one; it is damaged, "
                        + "copy it again")
            }
            extents.insert(extent, at: 0)
        }
        return Description(
            name: name, extents: extents,
            typeID: try cursor.number(UInt32.self, "the type of \(name)"),
            offset: try cursor.number(UInt64.self, "the offset of \(name)"))
    }

    /// Where the tensor's bytes are; none for a type whose size is not known.
    private func entry(
        _ tensor: Description, dataStart: Int, alignment: Int
    ) throws(WeightFileError) -> GGUFFile.Entry {
        func entry(_ range: Range<Int>) -> GGUFFile.Entry {
            GGUFFile.Entry(
                name: tensor.name, extents: tensor.extents, typeID: tensor.typeID, range: range)
        }
        guard let elements = ArrayDescription.elements(of: tensor.extents) else {
            throw cursor.malformed("\(tensor.name) has shape \(tensor.extents); it is damaged")
        }
        guard let type = GGUFTensorType.of(tensor.typeID) else { return entry(0..<0) }
        guard (tensor.extents.last ?? 1) % type.blockElements == 0 else {
            throw cursor.malformed(
                "\(tensor.name) has shape \(tensor.extents) of \(type.name), expected rows of a "
                    + "multiple of \(type.blockElements)")
        }
        guard tensor.offset % UInt64(alignment) == 0 else {
            throw cursor.malformed(
                "\(tensor.name) starts at byte \(tensor.offset) of the data, expected a multiple "
                    + "of \(alignment)")
        }
        let (size, overflow) = (elements / type.blockElements).multipliedReportingOverflow(
            by: type.blockBytes)
        guard let offset = Int(exactly: tensor.offset), !overflow,
            dataStart <= bytes.count, offset <= bytes.count - dataStart,
            size <= bytes.count - dataStart - offset
        else {
            throw cursor.malformed(
                "\(tensor.name) \(tensor.extents) of \(type.name) at byte \(tensor.offset) of the "
                    + "data ends beyond the file's \(bytes.count) bytes; it is truncated, copy it "
                    + "again")
        }
        return entry(dataStart + offset..<dataStart + offset + size)
    }
}

/// What the header of a GGUF file says.
struct GGUFHeader {
    let version: Int
    let metadata: [String: GGUFValue]
    let entries: [GGUFFile.Entry]
    let dataStart: Int
    let alignment: Int
}

/// Reads a header from front to back; no byte is read that was not checked to be there.
struct GGUFHeaderReader {
    private let bytes: UnsafeRawBufferPointer
    private let path: String
    private var position = 0

    /// Arrays in arrays: the format allows them, but a damaged file must not exhaust the stack.
    private static let mostNesting = 8
    private static let mostAxes = 4  // GGML_MAX_DIMS
    /// The fewest bytes of a tensor's description: name, axes, type, offset.
    private static let leastTensorBytes = 8 + 4 + 4 + 8

    init(bytes: UnsafeRawBufferPointer, path: String) {
        self.bytes = bytes
        self.path = path
    }

    private var left: Int { bytes.count - position }

    /// Reads everything before the tensors' bytes.
    mutating func header() throws(CheckpointError) -> GGUFHeader {
        let version = try version()
        let tensorCount = try count("tensor count", of: Self.leastTensorBytes)
        let pairs = try count("metadata count", of: 8 + 4 + 1)
        var metadata: [String: GGUFValue] = [:]
        metadata.reserveCapacity(pairs)
        for index in 0..<pairs {
            let key = try string("the name of metadata \(index)")
            let kind = try kind("the type of \(key)")
            let value = try value(kind, of: key, nesting: 0)
            guard metadata.updateValue(value, forKey: key) == nil else {
                throw malformed("metadata \(key) is there twice")
            }
        }
        let alignment = try alignment(metadata)
        var descriptions: [Description] = []
        descriptions.reserveCapacity(tensorCount)
        var names: Set<String> = []
        for index in 0..<tensorCount {
            let description = try description(index)
            guard names.insert(description.name).inserted else {
                throw malformed("tensor \(description.name) is there twice")
            }
            descriptions.append(description)
        }
        let dataStart = (position + alignment - 1) / alignment * alignment
        var entries: [GGUFFile.Entry] = []
        entries.reserveCapacity(tensorCount)
        for description in descriptions {
            entries.append(try entry(description, dataStart: dataStart, alignment: alignment))
        }
        return GGUFHeader(
            version: version, metadata: metadata, entries: entries, dataStart: dataStart,
            alignment: alignment)
    }

    private mutating func version() throws(CheckpointError) -> Int {
        guard bytes.count >= 4, bytes[0..<4].elementsEqual("GGUF".utf8) else {
            let found = bytes.prefix(4).map { String($0, radix: 16) }.joined(separator: " ")
            throw malformed(
                "it starts with bytes '\(found)', expected 'GGUF'; give a .gguf file, whole")
        }
        position = 4
        let version = try number(UInt32.self, "the version")
        if version.byteSwapped == 2 || version.byteSwapped == 3 {
            throw malformed("it is a big-endian GGUF file; convert it to little-endian")
        }
        guard version >= 2 else {
            throw malformed(
                "it has GGUF version \(version), expected 2 or 3; convert the model again")
        }
        guard version <= 3 else {
            throw .unsupportedFormat(found: Int(version), newest: 3, file: path)
        }
        return Int(version)
    }

    private func alignment(_ metadata: [String: GGUFValue]) throws(CheckpointError) -> Int {
        guard let value = metadata["general.alignment"] else { return 32 }
        guard let alignment = value.integer, alignment > 0, alignment <= 1 << 20,
            alignment & (alignment - 1) == 0
        else {
            throw malformed("general.alignment is \(value), expected a power of two")
        }
        return alignment
    }
}

// MARK: - Values

extension GGUFHeaderReader {
    private func malformed(_ detail: String) -> CheckpointError {
        .malformed(detail: detail, file: path)
    }

    private func truncated(_ what: String, needs: String) -> CheckpointError {
        malformed(
            "\(what) at byte \(position) needs \(needs) bytes but \(left) follow; it is truncated "
                + "or damaged, copy it again")
    }

    private mutating func number<Number: FixedWidthInteger>(
        _ type: Number.Type, _ what: String
    ) throws(CheckpointError) -> Number {
        let size = MemoryLayout<Number>.size
        guard left >= size else { throw truncated(what, needs: "\(size)") }
        defer { position += size }
        return Number(
            littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Number.self))
    }

    /// A count of things that take at least `size` bytes each, so that it cannot exceed the file.
    private mutating func count(_ what: String, of size: Int) throws(CheckpointError) -> Int {
        let count = try number(UInt64.self, what)
        guard count <= left / size else {
            throw malformed(
                "\(what) is \(count) but only \(left) bytes follow; it is truncated or damaged, "
                    + "copy it again")
        }
        return Int(count)
    }

    private mutating func string(_ what: String) throws(CheckpointError) -> String {
        let length = try number(UInt64.self, "the length of \(what)")
        guard length <= left else { throw truncated(what, needs: "\(length)") }
        let end = position + Int(length)
        defer { position = end }
        guard let text = String(validating: bytes[position..<end], as: UTF8.self) else {
            throw malformed("\(what) at byte \(position) is no UTF-8 text; copy it again")
        }
        return text
    }

    private mutating func kind(_ what: String) throws(CheckpointError) -> GGUFValue.Kind {
        let raw = try number(UInt32.self, what)
        guard let kind = GGUFValue.Kind(rawValue: raw) else {
            throw malformed("\(what) is \(raw), expected 0 to 12; it is damaged, copy it again")
        }
        return kind
    }

    private mutating func value(
        _ kind: GGUFValue.Kind, of key: String, nesting: Int
    ) throws(CheckpointError) -> GGUFValue {
        switch kind {
        case .uint8: return .uint8(try number(UInt8.self, key))
        case .int8: return .int8(try number(Int8.self, key))
        case .uint16: return .uint16(try number(UInt16.self, key))
        case .int16: return .int16(try number(Int16.self, key))
        case .uint32: return .uint32(try number(UInt32.self, key))
        case .int32: return .int32(try number(Int32.self, key))
        case .uint64: return .uint64(try number(UInt64.self, key))
        case .int64: return .int64(try number(Int64.self, key))
        case .float32:
            return .float32(Float(bitPattern: try number(UInt32.self, key)))
        case .float64:
            return .float64(Double(bitPattern: try number(UInt64.self, key)))
        case .bool:
            let byte = try number(UInt8.self, key)
            guard byte <= 1 else {
                throw malformed("\(key) is a bool of value \(byte); it is damaged, copy it again")
            }
            return .bool(byte == 1)
        case .string: return .string(try string(key))
        case .array:
            let kind = try self.kind("the element type of \(key)")
            let count = try count("the count of \(key)", of: kind.leastBytes)
            guard nesting < Self.mostNesting else {
                throw malformed("\(key) has arrays more than \(Self.mostNesting) deep")
            }
            var values: [GGUFValue] = []
            values.reserveCapacity(count)
            for _ in 0..<count {
                values.append(try value(kind, of: key, nesting: nesting + 1))
            }
            return .array(kind, values)
        }
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

    private mutating func description(_ index: Int) throws(CheckpointError) -> Description {
        let name = try string("the name of tensor \(index)")
        let axes = try number(UInt32.self, "the axis count of \(name)")
        guard axes <= Self.mostAxes else {
            throw malformed(
                "\(name) has \(axes) axes, expected at most \(Self.mostAxes); it is damaged, "
                    + "copy it again")
        }
        var extents: [Int] = []
        for axis in 0..<axes {
            let extent = try number(UInt64.self, "axis \(axis) of \(name)")
            guard extent > 0, let extent = Int(exactly: extent) else {
                throw malformed(
                    "\(name) has extent \(extent), expected a positive one; it is damaged, "
                        + "copy it again")
            }
            extents.insert(extent, at: 0)
        }
        return Description(
            name: name, extents: extents,
            typeID: try number(UInt32.self, "the type of \(name)"),
            offset: try number(UInt64.self, "the offset of \(name)"))
    }

    /// Where the tensor's bytes are; none for a type whose size is not known.
    private func entry(
        _ tensor: Description, dataStart: Int, alignment: Int
    ) throws(CheckpointError) -> GGUFFile.Entry {
        func entry(_ range: Range<Int>) -> GGUFFile.Entry {
            GGUFFile.Entry(
                name: tensor.name, extents: tensor.extents, typeID: tensor.typeID, range: range)
        }
        guard let elements = ArrayDescription.elements(of: tensor.extents) else {
            throw malformed("\(tensor.name) has shape \(tensor.extents); it is damaged")
        }
        guard let type = GGUFTensorType.of(tensor.typeID) else { return entry(0..<0) }
        guard (tensor.extents.last ?? 1) % type.blockElements == 0 else {
            throw malformed(
                "\(tensor.name) has shape \(tensor.extents) of \(type.name), expected rows of a "
                    + "multiple of \(type.blockElements)")
        }
        guard tensor.offset % UInt64(alignment) == 0 else {
            throw malformed(
                "\(tensor.name) starts at byte \(tensor.offset) of the data, expected a multiple "
                    + "of \(alignment)")
        }
        let (size, overflow) = (elements / type.blockElements).multipliedReportingOverflow(
            by: type.blockBytes)
        guard let offset = Int(exactly: tensor.offset), !overflow,
            dataStart <= bytes.count, offset <= bytes.count - dataStart,
            size <= bytes.count - dataStart - offset
        else {
            throw malformed(
                "\(tensor.name) \(tensor.extents) of \(type.name) at byte \(tensor.offset) of the "
                    + "data ends beyond the file's \(bytes.count) bytes; it is truncated, copy it "
                    + "again")
        }
        return entry(dataStart + offset..<dataStart + offset + size)
    }
}

/// A place in the bytes of a GGUF file; no byte is read that was not checked to be there.
struct GGUFCursor {
    private let bytes: UnsafeRawBufferPointer
    /// The same bytes, for arrays that are to outlive the cursor.
    private let payload: GGUFArray.Payload
    private let path: String
    private(set) var position = 0

    /// Arrays in arrays: the format allows them, but a damaged file must not exhaust the stack.
    private static let mostNesting = 8

    /// - Parameter payload: holds `bytes`, whole.
    init(bytes: UnsafeRawBufferPointer, payload: GGUFArray.Payload, path: String) {
        self.bytes = bytes
        self.payload = payload
        self.path = path
    }

    /// Bytes from the cursor to the end.
    var left: Int { bytes.count - position }

    func malformed(_ detail: String) -> WeightFileError {
        .malformed(detail: detail, file: path)
    }

    private func truncated(_ what: String, needs: String) -> WeightFileError {
        malformed(
            "\(what) at byte \(position) needs \(needs) bytes but \(left) follow; it is truncated "
                + "or damaged, copy it again")
    }

    /// Passes over bytes that are there.
    mutating func skip(_ count: Int) { position += count }

    mutating func number<Number: FixedWidthInteger>(
        _ type: Number.Type, _ what: @autoclosure () -> String
    ) throws(WeightFileError) -> Number {
        let size = MemoryLayout<Number>.size
        guard left >= size else { throw truncated(what(), needs: "\(size)") }
        defer { position += size }
        return Number(
            littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Number.self))
    }

    /// A count of things that take at least `size` bytes each, so that it cannot exceed the file.
    mutating func count(
        _ what: @autoclosure () -> String, of size: Int
    ) throws(WeightFileError) -> Int {
        let count = try number(UInt64.self, what())
        guard count <= left / size else {
            throw malformed(
                "\(what()) is \(count) but only \(left) bytes follow; it is truncated or damaged, "
                    + "copy it again")
        }
        return Int(count)
    }

    mutating func string(_ what: @autoclosure () -> String) throws(WeightFileError) -> String {
        let length = try number(UInt64.self, "the length of \(what())")
        guard length <= left else { throw truncated(what(), needs: "\(length)") }
        let end = position + Int(length)
        defer { position = end }
        guard let text = String(validating: bytes[position..<end], as: UTF8.self) else {
            throw malformed("\(what()) at byte \(position) is no UTF-8 text; copy it again")
        }
        return text
    }

    mutating func kind(_ what: @autoclosure () -> String) throws(WeightFileError) -> GGUFValue.Kind
    {
        let raw = try number(UInt32.self, what())
        guard let kind = GGUFValue.Kind(rawValue: raw) else {
            throw malformed("\(what()) is \(raw), expected 0 to 12; it is damaged, copy it again")
        }
        return kind
    }

    mutating func value(
        _ kind: GGUFValue.Kind, of key: @autoclosure () -> String, nesting: Int
    ) throws(WeightFileError) -> GGUFValue {
        switch kind {
        case .uint8: return .uint8(try number(UInt8.self, key()))
        case .int8: return .int8(try number(Int8.self, key()))
        case .uint16: return .uint16(try number(UInt16.self, key()))
        case .int16: return .int16(try number(Int16.self, key()))
        case .uint32: return .uint32(try number(UInt32.self, key()))
        case .int32: return .int32(try number(Int32.self, key()))
        case .uint64: return .uint64(try number(UInt64.self, key()))
        case .int64: return .int64(try number(Int64.self, key()))
        case .float32:
            return .float32(Float(bitPattern: try number(UInt32.self, key())))
        case .float64:
            return .float64(Double(bitPattern: try number(UInt64.self, key())))
        case .bool:
            let byte = try number(UInt8.self, key())
            try checkBool(byte, key())
            return .bool(byte == 1)
        case .string: return .string(try string(key()))
        case .array:
            let (kind, count) = try arrayHead(key(), nesting: nesting)
            let start = position
            try pass(over: count, kind, of: key(), nesting: nesting + 1)
            return .array(
                GGUFArray(kind: kind, count: count, payload: payload.part(start..<position)))
        }
    }

    private mutating func arrayHead(
        _ key: @autoclosure () -> String, nesting: Int
    ) throws(WeightFileError) -> (kind: GGUFValue.Kind, count: Int) {
        let kind = try kind("the element type of \(key())")
        let count = try count("the count of \(key())", of: kind.leastBytes)
        guard nesting < Self.mostNesting else {
            throw malformed("\(key()) has arrays more than \(Self.mostNesting) deep")
        }
        return (kind, count)
    }

    /// Checks an array's elements without keeping them.
    private mutating func pass(
        over count: Int, _ kind: GGUFValue.Kind, of key: @autoclosure () -> String, nesting: Int
    ) throws(WeightFileError) {
        switch kind {
        case .string:
            for _ in 0..<count { _ = try string(key()) }
        case .array:
            for _ in 0..<count {
                let (inner, elements) = try arrayHead(key(), nesting: nesting)
                try pass(over: elements, inner, of: key(), nesting: nesting + 1)
            }
        case .bool:
            if let byte = bytes[position..<position + count].first(where: { $0 > 1 }) {
                try checkBool(byte, key())
            }
            skip(count)
        default:
            // At least as many bytes are there: ``count(_:of:)``.
            skip(count * kind.leastBytes)
        }
    }

    private func checkBool(
        _ byte: UInt8, _ key: @autoclosure () -> String
    ) throws(WeightFileError) {
        guard byte <= 1 else {
            throw malformed("\(key()) is a bool of value \(byte); it is damaged, copy it again")
        }
    }
}

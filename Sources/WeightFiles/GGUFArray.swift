/// An array of a GGUF file's metadata. It stays bytes, as the file has them, until its elements are
/// asked for: an array that nobody needs costs nothing, however long it is.
package struct GGUFArray: Equatable, Sendable {
    /// Of the elements; an empty array has one too.
    package let kind: GGUFValue.Kind
    package let count: Int
    /// The elements one after another, known to be whole.
    let payload: Payload

    /// Bytes of the mapped file, or of memory.
    enum Payload: Sendable {
        case mapped(MappedBytes, Range<Int>)
        case memory([UInt8])

        func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
            switch self {
            case .mapped(let file, let range):
                body(UnsafeRawBufferPointer(rebasing: file.buffer[range]))
            case .memory(let bytes): bytes.withUnsafeBytes(body)
            }
        }

        /// Some of the bytes, by their places in these.
        func part(_ range: Range<Int>) -> Payload {
            switch self {
            case .mapped(let file, let whole):
                .mapped(
                    file, whole.lowerBound + range.lowerBound..<whole.lowerBound + range.upperBound)
            case .memory(let bytes): .memory(Array(bytes[range]))
            }
        }
    }

    init(kind: GGUFValue.Kind, count: Int, payload: Payload) {
        self.kind = kind
        self.count = count
        self.payload = payload
    }

    /// An array of these values, which are of one kind.
    package init(_ kind: GGUFValue.Kind, _ values: [GGUFValue]) {
        var bytes = GGUFBytes()
        for value in values {
            precondition(value.kind == kind, "an array of \(kind) holds \(value)")
            bytes.append(value)
        }
        self.init(kind: kind, count: values.count, payload: .memory(bytes.bytes))
    }

    package static func == (a: GGUFArray, b: GGUFArray) -> Bool {
        guard a.kind == b.kind, a.count == b.count else { return false }
        return a.payload.withBytes { a in b.payload.withBytes { a.elementsEqual($0) } }
    }

    /// All elements.
    package var elements: [GGUFValue] { read { $0 } ?? [] }

    /// The elements of an array of strings; `nil` for other kinds.
    package var strings: [String]? { kind == .string ? read(\.string) : nil }

    /// The elements of an array of whole numbers of any width; `nil` for other kinds, and where one
    /// is beyond `Int`.
    package var integers: [Int]? { read(\.integer) }

    /// The elements of an array of numbers of any kind.
    package var numbers: [Double]? { read(\.number) }

    /// The elements of an array of bools.
    package var bools: [Bool]? { kind == .bool ? read(\.bool) : nil }

    private func read<Element>(_ element: (GGUFValue) -> Element?) -> [Element]? {
        payload.withBytes { bytes in
            var cursor = GGUFCursor(bytes: bytes, payload: payload, path: "")
            var result: [Element] = []
            result.reserveCapacity(count)
            for _ in 0..<count {
                guard let value = try? cursor.value(kind, of: "", nesting: 0),
                    let wanted = element(value)
                else { return nil }
                result.append(wanted)
            }
            return result
        }
    }
}

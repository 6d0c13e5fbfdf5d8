/// Reads structures in Thrift's compact protocol (thrift-compact-protocol.md): Parquet's footer and the headers
/// of its pages.
///
/// A structure's fields are read by a loop over ``field()``, which is nothing at its end; each value is read by
/// the method of its type, or by ``skip()`` where its number is unknown. Every length is compared with the bytes
/// that are left before memory is taken for it.
struct ThriftReader {
    /// The types of the protocol's values, with its numbers.
    enum Kind: UInt8 {
        case yes = 1
        case no, byte, short, integer, long, double, binary, list, set, map, structure
    }

    private let bytes: ByteView
    private(set) var position = 0
    /// The number of the last field of each structure that is open.
    private var numbers: [Int] = []
    private var kind = Kind.no

    /// Structures and lists inside each other; Parquet's own need six.
    private static let deepest = 40

    init(_ bytes: ByteView) { self.bytes = bytes }

    mutating func beginStructure() throws(ParquetProblem) {
        guard numbers.count < Self.deepest else {
            throw .damaged("structures nest deeper than \(Self.deepest)")
        }
        numbers.append(0)
    }

    /// The number of the next field; nothing at the end of the structure, which is closed then.
    mutating func field() throws(ParquetProblem) -> Int? {
        let head = try byte()
        guard head & 15 != 0 else {
            numbers.removeLast()
            return nil
        }
        kind = try Self.kind(head & 15)
        let last = numbers.count - 1
        let number = head >> 4 == 0 ? try zigzag() : Int64(numbers[last]) + Int64(head >> 4)
        guard let number = Int16(exactly: number) else {
            throw .damaged("field \(number) in a structure")
        }
        numbers[last] = Int(number)
        return Int(number)
    }

    /// The fields of a structure that is the value at hand, one after the other.
    mutating func structure(
        _ read: (inout ThriftReader, Int) throws(ParquetProblem) -> Void
    ) throws(ParquetProblem) {
        try expect(.structure)
        try fields(read)
    }

    /// The fields of a structure that begins here.
    mutating func fields(
        _ read: (inout ThriftReader, Int) throws(ParquetProblem) -> Void
    ) throws(ParquetProblem) {
        try beginStructure()
        while let number = try field() { try read(&self, number) }
    }

    /// The elements of a list that is the value at hand; all of `kind`.
    mutating func list(
        of element: Kind, _ read: (inout ThriftReader) throws(ParquetProblem) -> Void
    ) throws(ParquetProblem) {
        guard kind == .list || kind == .set else { throw unexpected("a list") }
        let (count, found) = try listHead()
        guard count > 0 else { return }
        guard found == element else { throw .damaged("a list of \(found), expected \(element)") }
        for _ in 0..<count {
            kind = found
            try read(&self)
        }
    }

    mutating func integer() throws(ParquetProblem) -> Int64 {
        switch kind {
        case .byte: Int64(Int8(bitPattern: try byte()))
        case .short, .integer, .long: try zigzag()
        default: throw unexpected("an integer")
        }
    }

    mutating func int32() throws(ParquetProblem) -> Int {
        let number = try integer()
        guard let number = Int32(exactly: number) else {
            throw .damaged("the number \(number), expected 32 bits")
        }
        return Int(number)
    }

    /// A number of things or bytes.
    mutating func count() throws(ParquetProblem) -> Int {
        let number = try integer()
        guard number >= 0 else { throw .damaged("the count \(number), expected none below 0") }
        return Int(number)
    }

    mutating func bool() throws(ParquetProblem) -> Bool {
        guard kind == .yes || kind == .no else { throw unexpected("a boolean") }
        return kind == .yes
    }

    mutating func text() throws(ParquetProblem) -> String {
        guard kind == .binary else { throw unexpected("a text") }
        let letters = try binary()
        guard letters.isUTF8 else { throw .damaged("a name that is not UTF-8") }
        return String(decoding: letters.raw, as: UTF8.self)
    }

    /// Passes over the value at hand.
    mutating func skip() throws(ParquetProblem) { try skip(kind, depth: 0) }

    private mutating func skip(_ kind: Kind, depth: Int) throws(ParquetProblem) {
        guard depth < Self.deepest else {
            throw .damaged("values nest deeper than \(Self.deepest)")
        }
        switch kind {
        case .yes, .no: break
        case .byte: _ = try byte()
        case .short, .integer, .long: _ = try zigzag()
        case .double: try pass(8)
        case .binary: _ = try binary()
        case .list, .set:
            let (count, element) = try listHead()
            for _ in 0..<count { try skipElement(element, depth) }
        case .map:
            let count = try length()
            guard count > 0 else { return }
            let kinds = try byte()
            let (key, value) = (try Self.kind(kinds >> 4), try Self.kind(kinds & 15))
            for _ in 0..<count {
                try skipElement(key, depth)
                try skipElement(value, depth)
            }
        case .structure:
            try beginStructure()
            while try field() != nil { try skip(self.kind, depth: depth + 1) }
        }
    }

    /// Passes over an element of a list or a map, where a boolean takes a byte.
    private mutating func skipElement(_ kind: Kind, _ depth: Int) throws(ParquetProblem) {
        if kind == .yes || kind == .no { try pass(1) } else { try skip(kind, depth: depth + 1) }
    }

    private mutating func expect(_ wanted: Kind) throws(ParquetProblem) {
        guard kind == wanted else { throw unexpected("a \(wanted)") }
    }

    private func unexpected(_ wanted: String) -> ParquetProblem {
        .damaged(
            "a value of type \(kind) at byte \(position) of the structures, expected \(wanted)")
    }

    private mutating func listHead() throws(ParquetProblem) -> (count: Int, element: Kind) {
        let head = try byte()
        let count = head >> 4 == 15 ? try length() : Int(head >> 4)
        guard count <= bytes.count - position else {
            throw .damaged("a list of \(count) elements in \(bytes.count - position) bytes")
        }
        return (count, count == 0 ? .byte : try Self.kind(head & 15))
    }

    private mutating func binary() throws(ParquetProblem) -> ByteView {
        let count = try length()
        guard let found = bytes.part(position, count) else {
            throw .damaged("a text of \(count) bytes in \(bytes.count - position) bytes")
        }
        position += count
        return found
    }

    private mutating func length() throws(ParquetProblem) -> Int {
        let number = try varint()
        guard number <= UInt64(bytes.count - position) else {
            throw .damaged("a length of \(number) with \(bytes.count - position) bytes left")
        }
        return Int(number)
    }

    private mutating func pass(_ count: Int) throws(ParquetProblem) {
        guard bytes.count - position >= count else { throw Self.cut }
        position += count
    }

    private mutating func zigzag() throws(ParquetProblem) -> Int64 {
        let number = try varint()
        return Int64(bitPattern: number >> 1) ^ -Int64(bitPattern: number & 1)
    }

    private mutating func varint() throws(ParquetProblem) -> UInt64 {
        guard let (number, next) = bytes.varint(position) else { throw Self.cut }
        position = next
        return number
    }

    private mutating func byte() throws(ParquetProblem) -> UInt8 {
        guard position < bytes.count else { throw Self.cut }
        position += 1
        return bytes[position - 1]
    }

    private static let cut = ParquetProblem.damaged("its structures are cut off")

    private static func kind(_ number: UInt8) throws(ParquetProblem) -> Kind {
        guard let kind = Kind(rawValue: number) else { throw .damaged("type \(number) of a value") }
        return kind
    }
}

extension ByteView {
    /// A number of 7 bits a byte, least significant first (LEB128), and where it ends; nothing where it is cut
    /// off or longer than 64 bits.
    func varint(_ start: Int) -> (number: UInt64, next: Int)? {
        var number: UInt64 = 0
        var position = start
        for shift in stride(from: 0, to: 70, by: 7) {
            guard position < count else { return nil }
            let byte = self[position]
            position += 1
            guard shift < 63 || byte < 2 else { return nil }
            number |= UInt64(byte & 0x7F) << UInt64(shift)
            if byte < 0x80 { return (number, position) }
        }
        return nil
    }
}

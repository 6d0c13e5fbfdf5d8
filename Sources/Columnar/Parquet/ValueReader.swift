/// The values of one data page in their order, from any of the encodings but a dictionary (Encodings.md).
struct ValueReader {
    enum Encoding: Int {
        case plain = 0
        case plainDictionary = 2
        case rle = 3
        case bitPacked = 4
        case deltaPacked = 5
        case deltaLengths = 6
        case deltaPrefixes = 7
        case dictionary = 8
        case split = 9
    }

    private let encoding: Encoding
    private let physical: SchemaElement.Physical
    /// Bytes of a value, of types that have as many each.
    private let size: Int
    private let bytes: ByteView
    private var position = 0
    private var bits = HybridDecoder.zeros
    /// Integers, or the lengths of texts.
    private var integers: DeltaDecoder?
    /// How much of the text before each text begins with.
    private var prefixes: DeltaDecoder?
    /// The last text that was put together out of two, or the last value of a page that is split by bytes.
    private var scratch = PageBuffer()
    private var scratchBytes = 0

    /// - Parameter length: bytes of a value of fixed size.
    /// - Throws: for an encoding that does not go with the type.
    init(
        _ bytes: ByteView, _ code: Int, _ physical: SchemaElement.Physical, length: Int
    ) throws(ParquetProblem) {
        self.physical = physical
        self.bytes = bytes
        size = Self.size(physical, length)
        guard let encoding = Encoding(rawValue: code), Self.fits(encoding, physical) else {
            throw .unsupported(
                found: "encoding \(code) of values of type \(physical)",
                advice: ParquetProblem.rewrite)
        }
        self.encoding = encoding
        // A page of nulls has no values, not even the head of an encoding.
        guard bytes.count > 0 else {
            bits = try HybridDecoder(bytes, width: 1)
            return
        }
        switch encoding {
        case .rle:
            guard bytes.count >= 4, let part = bytes.part(4, Int(bytes.load(0, UInt32.self))) else {
                throw Self.cut
            }
            bits = try HybridDecoder(part, width: 1)
        case .deltaPacked: integers = try DeltaDecoder(bytes)
        case .deltaLengths:
            let lengths = try DeltaDecoder(bytes)
            position = try lengths.end()
            integers = lengths
        case .deltaPrefixes:
            let prefixes = try DeltaDecoder(bytes)
            let start = try prefixes.end()
            guard let rest = bytes.from(start) else { throw Self.cut }
            let lengths = try DeltaDecoder(rest)
            position = start + (try lengths.end())
            self.prefixes = prefixes
            integers = lengths
        case .split:
            guard size > 0, bytes.count % size == 0 else {
                throw .damaged("\(bytes.count) bytes of values of \(size) bytes")
            }
        case .plain, .plainDictionary, .bitPacked, .dictionary: break
        }
    }

    private static func size(_ physical: SchemaElement.Physical, _ length: Int) -> Int {
        switch physical {
        case .boolean, .bytes: 0
        case .int32, .float: 4
        case .int64, .double: 8
        case .int96: 12
        case .fixed: length
        }
    }

    private static func fits(_ encoding: Encoding, _ physical: SchemaElement.Physical) -> Bool {
        switch encoding {
        case .plain: true
        case .rle: physical == .boolean
        case .deltaPacked: physical == .int32 || physical == .int64
        case .deltaLengths: physical == .bytes
        case .deltaPrefixes: physical == .bytes || physical == .fixed
        case .split: physical != .boolean && physical != .bytes && physical != .int96
        case .plainDictionary, .bitPacked, .dictionary: false
        }
    }

    /// Whether bytes are left that belong to no value, of encodings that tell.
    var hasMore: Bool {
        switch encoding {
        case .plain:
            physical == .boolean ? (position + 7) / 8 < bytes.count : position < bytes.count
        case .deltaLengths, .deltaPrefixes: position < bytes.count
        case .split: position < bytes.count / max(size, 1)
        default: false
        }
    }

    mutating func nextBool() throws(ParquetProblem) -> Bool {
        guard encoding == .plain else { return try bits.next() != 0 }
        guard position < 8 * bytes.count else { throw Self.cut }
        defer { position += 1 }
        return bytes.bits(at: position, width: 1) != 0
    }

    /// An integer of 32 bits (with its sign) or 64 bits.
    mutating func nextInteger() throws(ParquetProblem) -> Int64 {
        if let value = try integers?.next() {
            return physical == .int32 ? Int64(Int32(truncatingIfNeeded: value)) : value
        }
        let value = try nextFixed()
        return physical == .int32
            ? Int64(Int32(bitPattern: value.load(0, UInt32.self))) : value.load(0, Int64.self)
    }

    /// A value of fixed size. Valid until the next one is read.
    mutating func nextFixed() throws(ParquetProblem) -> ByteView {
        if encoding == .plain {
            guard let value = bytes.part(position, size) else { throw Self.cut }
            position += size
            return value
        }
        guard encoding == .split else {
            let value = try nextText()
            guard value.count == size else {
                throw .damaged("a value of \(value.count) bytes, expected \(size)")
            }
            return value
        }
        let values = bytes.count / size
        guard position < values else { throw Self.cut }
        let target = scratch.reserve(size)
        for place in 0..<size { target[place] = bytes[place * values + position] }
        position += 1
        return scratch.view(size)
    }

    /// A value of any size. Valid until the next one is read.
    mutating func nextText() throws(ParquetProblem) -> ByteView {
        if encoding == .plain {
            guard position <= bytes.count - 4,
                let text = bytes.part(position + 4, Int(bytes.load(position, UInt32.self)))
            else { throw Self.cut }
            position += 4 + text.count
            return text
        }
        guard let length = try integers?.next(), let text = bytes.part(position, Int(length)) else {
            throw Self.cut
        }
        position += text.count
        guard let shared = try prefixes?.next() else { return text }
        guard shared >= 0, shared <= scratchBytes else {
            throw .damaged(
                "a text that begins with \(shared) of the \(scratchBytes) bytes before it")
        }
        scratchBytes = Int(shared) + text.count
        return scratch.replace(after: Int(shared), with: text)
    }

    private static let cut = ParquetProblem.damaged("values that are cut off")
}

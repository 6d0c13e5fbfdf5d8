import Files

/// Why a file of torch.save is not taken.
package struct MalformedPickle: Error {
    package let reason: String
    /// What to do, where it is not what is always to be done.
    var advice: String?

    init(reason: String, advice: String? = nil) {
        self.reason = reason
        self.advice = advice
    }
}

/// The part of Python's pickle that torch.save writes for a dictionary of tensors.
///
/// Nothing is evaluated: the functions that it may call are three, by name. What it builds is bounded
/// in depth and number, so that a small file cannot ask for much.
package struct PickleReader {
    /// What a number is, as safetensors spells it.
    package enum Element: String, Sendable {
        case float32 = "F32"
        case float64 = "F64"
        case float16 = "F16"
        case bfloat16 = "BF16"
        case int64 = "I64"
        case int32 = "I32"
        case int16 = "I16"
        case int8 = "I8"
        case uint8 = "U8"
        case boolean = "BOOL"

        var bytes: Int {
            switch self {
            case .float64, .int64: 8
            case .float32, .int32: 4
            case .float16, .bfloat16, .int16: 2
            case .int8, .uint8, .boolean: 1
            }
        }

        /// By the names of torch's storages.
        init?(storage: String) {
            switch storage {
            case "torch.FloatStorage": self = .float32
            case "torch.DoubleStorage": self = .float64
            case "torch.HalfStorage": self = .float16
            case "torch.BFloat16Storage": self = .bfloat16
            case "torch.LongStorage": self = .int64
            case "torch.IntStorage": self = .int32
            case "torch.ShortStorage": self = .int16
            case "torch.CharStorage": self = .int8
            case "torch.ByteStorage": self = .uint8
            case "torch.BoolStorage": self = .boolean
            default: return nil
            }
        }
    }

    /// An array of numbers that tensors are views of.
    package struct Storage: Sendable {
        let key: String
        let element: Element
        /// How many numbers it holds.
        let count: Int
    }

    package struct TensorValue: Sendable {
        package let shape: [Int]
        /// Numbers from one index to the next, of each dimension.
        package let strides: [Int]
        let offset: Int
        let storage: Storage
    }

    private indirect enum Value {
        case nothing, mark
        case number(Int)
        case text(String)
        /// With the levels that lie in it.
        case tuple([Value], depth: Int)
        case list
        case global(String)
        case storage(Storage)
        case tensor(TensorValue)
        case table(Table)
    }

    private final class Table {
        var values: [(key: Value, value: Value)] = []
        /// The levels that lie in it. They are final once it lies in something itself.
        var depth = 1
        var isClosed = false
    }

    /// Levels of tuples and dictionaries; torch.save writes five.
    private static let deepest = 32
    /// Values on the stack, remembered, and in one dictionary: more than adapters have tensors.
    private static let most = 1 << 17

    private let bytes: [UInt8]
    private var place = 0
    private var stack: [Value] = []
    private var memo: [Int: Value] = [:]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The tensors of the dictionary that the pickle holds, by name.
    /// - Throws: ``MalformedPickle`` for anything else.
    package mutating func tensors() throws(MalformedPickle) -> [String: TensorValue] {
        while try step() {}
        guard case .table(let table)? = stack.last else {
            throw MalformedPickle(reason: "it holds no dictionary of tensors")
        }
        var tensors: [String: TensorValue] = [:]
        tensors.reserveCapacity(table.values.count)
        for (key, value) in table.values {
            guard case .text(let name) = key else {
                throw MalformedPickle(reason: "it holds more than tensors with names")
            }
            guard case .tensor(let tensor) = value else {
                throw MalformedPickle(
                    reason: "its '\(name.prefix(80))' is no tensor, expected the weights alone",
                    advice: "save the model's state_dict() by itself")
            }
            tensors[name] = tensor
        }
        return tensors
    }

    /// Runs one instruction; `false` at the end.
    private mutating func step() throws(MalformedPickle) -> Bool {
        let code = try byte()
        guard stack.count <= Self.most, memo.count <= Self.most else {
            throw MalformedPickle(
                reason: "its pickle holds more than \(Self.most) values at once")
        }
        switch code {
        case UInt8(ascii: "."): return false
        case 0x80: _ = try byte()
        case UInt8(ascii: "}"): stack.append(.table(Table()))
        case UInt8(ascii: "]"): stack.append(.list)
        case UInt8(ascii: ")"): stack.append(.tuple([], depth: 1))
        case UInt8(ascii: "("): stack.append(.mark)
        case UInt8(ascii: "N"): stack.append(.nothing)
        case 0x88: stack.append(.number(1))
        case 0x89: stack.append(.number(0))
        case UInt8(ascii: "K"): stack.append(.number(try number(1)))
        case UInt8(ascii: "M"): stack.append(.number(try number(2)))
        case UInt8(ascii: "J"):
            stack.append(.number(Int(Int32(truncatingIfNeeded: try number(4)))))
        case 0x8A:
            let size = try number(1)
            guard size <= 7 else { throw unknown(code) }
            stack.append(.number(try number(size)))
        case UInt8(ascii: "X"): stack.append(.text(try text(try number(4))))
        case UInt8(ascii: "G"):
            // A fraction, which tensors do not have.
            for _ in 0..<8 { _ = try byte() }
            stack.append(.nothing)
        case UInt8(ascii: "c"): stack.append(.global(try line() + "." + line()))
        case UInt8(ascii: "q"): memo[try number(1)] = stack.last
        case UInt8(ascii: "r"): memo[try number(4)] = stack.last
        case UInt8(ascii: "h"): try recall(try number(1))
        case UInt8(ascii: "j"): try recall(try number(4))
        case UInt8(ascii: "t"): stack.append(try tuple(try marked()))
        case 0x85, 0x86, 0x87:
            var items: [Value] = []
            for _ in 0..<Int(code - 0x84) { items.append(try pop()) }
            stack.append(try tuple(items.reversed()))
        case UInt8(ascii: "Q"): stack.append(.storage(try storage(try pop())))
        case UInt8(ascii: "R"):
            let arguments = try pop()
            stack.append(try call(try pop(), arguments))
        case UInt8(ascii: "s"):
            let value = try pop()
            try put([try pop(), value])
        case UInt8(ascii: "u"): try put(try marked())
        case UInt8(ascii: "b"): _ = try pop()  // the attributes of a dictionary: torch's versions
        default: throw unknown(code)
        }
        return true
    }

    private func unknown(_ code: UInt8) -> MalformedPickle {
        MalformedPickle(
            reason: "its pickle has the instruction \(code), which dictionaries of tensors lack")
    }

    private func call(_ function: Value, _ arguments: Value) throws(MalformedPickle) -> Value {
        guard case .global(let name) = function, case .tuple(let items, _) = arguments else {
            throw MalformedPickle(reason: "its pickle calls what is no function")
        }
        switch name {
        case "collections.OrderedDict" where items.isEmpty: return .table(Table())
        case "torch._utils._rebuild_tensor_v2" where items.count >= 4:
            guard case .storage(let storage) = items[0], case .number(let offset) = items[1],
                let shape = Self.numbers(items[2]), let strides = Self.numbers(items[3])
            else { break }
            guard ArrayDescription.elements(of: shape).map({ $0 < 1 << 40 }) == true,
                strides.count == shape.count
            else {
                throw MalformedPickle(
                    reason: "it holds a tensor of shape \(shape), which no file holds")
            }
            if items.count > 6, case .table(let table) = items[6], !table.values.isEmpty { break }
            return .tensor(
                TensorValue(shape: shape, strides: strides, offset: offset, storage: storage))
        case "torch._utils._rebuild_parameter" where items.count == 3:
            if case .tensor = items[0] { return items[0] }
        default: break
        }
        throw MalformedPickle(reason: "its pickle calls \(name), which is not run here")
    }

    /// ('storage', torch.FloatStorage, key, device, count).
    private func storage(_ value: Value) throws(MalformedPickle) -> Storage {
        guard case .tuple(let items, _) = value, items.count == 5,
            case .global(let type) = items[1],
            case .text(let key) = items[2]
        else { throw MalformedPickle(reason: "its pickle refers to no storage") }
        guard let element = Element(storage: type) else {
            let name = type.hasSuffix(".UntypedStorage") ? "float8 or another rare type" : type
            throw MalformedPickle(
                reason: "it holds numbers of \(name), expected float32, bfloat16 or float16")
        }
        guard case .number(let count) = items[4], 0..<1 << 40 ~= count else {
            throw MalformedPickle(reason: "its pickle refers to no storage")
        }
        return Storage(key: key, element: element, count: count)
    }

    private static func numbers(_ value: Value) -> [Int]? {
        // A tensor has few dimensions.
        guard case .tuple(let items, _) = value, items.count <= 16 else { return nil }
        var numbers: [Int] = []
        for item in items {
            guard case .number(let number) = item, number >= 0, number < 1 << 40 else { return nil }
            numbers.append(number)
        }
        return numbers
    }

    private func tuple(_ items: [Value]) throws(MalformedPickle) -> Value {
        .tuple(items, depth: 1 + (try depth(closing: items)))
    }

    /// The levels in values that are put into another one; dictionaries among them are complete.
    private func depth(closing items: [Value]) throws(MalformedPickle) -> Int {
        var deepest = 0
        for item in items {
            switch item {
            case .tuple(_, let depth): deepest = max(deepest, depth)
            case .table(let table):
                table.isClosed = true
                deepest = max(deepest, table.depth)
            default: break
            }
        }
        guard deepest < Self.deepest else {
            throw MalformedPickle(
                reason: "its pickle has more than \(Self.deepest) levels")
        }
        return deepest
    }

    private mutating func put(_ items: [Value]) throws(MalformedPickle) {
        guard case .table(let table)? = stack.last, items.count % 2 == 0, !table.isClosed else {
            throw MalformedPickle(reason: "its pickle fills what is no dictionary")
        }
        table.depth = max(table.depth, 1 + (try depth(closing: items)))
        // One that lies in itself has just been closed.
        guard !table.isClosed, table.values.count + items.count <= Self.most else {
            throw MalformedPickle(reason: "its pickle fills a dictionary without end")
        }
        for index in stride(from: 0, to: items.count, by: 2) {
            table.values.append((items[index], items[index + 1]))
        }
    }

    private mutating func marked() throws(MalformedPickle) -> [Value] {
        var items: [Value] = []
        while true {
            let value = try pop()
            if case .mark = value { return items.reversed() }
            items.append(value)
        }
    }

    private mutating func recall(_ index: Int) throws(MalformedPickle) {
        guard let value = memo[index] else {
            throw MalformedPickle(reason: "its pickle is damaged")
        }
        stack.append(value)
    }

    private mutating func pop() throws(MalformedPickle) -> Value {
        guard let value = stack.popLast() else {
            throw MalformedPickle(reason: "its pickle is damaged")
        }
        return value
    }

    private mutating func byte() throws(MalformedPickle) -> UInt8 {
        guard place < bytes.count else {
            throw MalformedPickle(reason: "its pickle is truncated")
        }
        defer { place += 1 }
        return bytes[place]
    }

    private mutating func number(_ size: Int) throws(MalformedPickle) -> Int {
        var number = 0
        for index in 0..<size { number |= Int(try byte()) << (8 * index) }
        return number
    }

    private mutating func text(_ size: Int) throws(MalformedPickle) -> String {
        guard size <= bytes.count - place else {
            throw MalformedPickle(reason: "its pickle is truncated")
        }
        defer { place += size }
        return String(decoding: bytes[place..<place + size], as: UTF8.self)
    }

    private mutating func line() throws(MalformedPickle) -> String {
        var text: [UInt8] = []
        while true {
            let next = try byte()
            if next == UInt8(ascii: "\n") { return String(decoding: text, as: UTF8.self) }
            text.append(next)
        }
    }
}

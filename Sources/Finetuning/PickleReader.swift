/// The part of Python's pickle that torch.save writes for a dictionary of tensors.
///
/// Nothing is evaluated: the functions that it may call are two, by name. What it builds is bounded
/// in depth and number, so that a small file cannot ask for much.
package struct PickleReader {
    /// An array of numbers that tensors are views of.
    package struct Storage: Sendable {
        package enum Element: Sendable {
            case float32, bfloat16, float16
        }

        let key: String
        let type: Element
    }

    package struct TensorValue: Sendable {
        package let shape: [Int]
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
    /// - Throws: ``TorchArchive/Malformed`` for anything else.
    package mutating func tensors() throws(TorchArchive.Malformed) -> [String: TensorValue] {
        while try step() {}
        guard case .table(let table)? = stack.last else {
            throw TorchArchive.Malformed(reason: "it holds no dictionary of tensors")
        }
        var tensors: [String: TensorValue] = [:]
        tensors.reserveCapacity(table.values.count)
        for (key, value) in table.values {
            guard case .text(let name) = key, case .tensor(let tensor) = value else {
                throw TorchArchive.Malformed(reason: "it holds more than tensors with names")
            }
            tensors[name] = tensor
        }
        return tensors
    }

    /// Runs one instruction; `false` at the end.
    private mutating func step() throws(TorchArchive.Malformed) -> Bool {
        let code = try byte()
        guard stack.count <= Self.most, memo.count <= Self.most else {
            throw TorchArchive.Malformed(
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

    private func unknown(_ code: UInt8) -> TorchArchive.Malformed {
        TorchArchive.Malformed(
            reason: "its pickle has the instruction \(code), which dictionaries of tensors lack")
    }

    private func call(_ function: Value, _ arguments: Value) throws(TorchArchive.Malformed) -> Value
    {
        guard case .global(let name) = function, case .tuple(let items, _) = arguments else {
            throw TorchArchive.Malformed(reason: "its pickle calls what is no function")
        }
        switch name {
        case "collections.OrderedDict" where items.isEmpty: return .table(Table())
        case "torch._utils._rebuild_tensor_v2" where items.count >= 4:
            guard case .storage(let storage) = items[0], case .number(let offset) = items[1],
                let shape = Self.numbers(items[2]), let strides = Self.numbers(items[3])
            else { break }
            guard let dense = Self.denseStrides(shape) else {
                throw TorchArchive.Malformed(
                    reason: "it holds a tensor of shape \(shape), which no file holds")
            }
            guard strides == dense || shape.allSatisfy({ $0 == 1 }) || shape.contains(0) else {
                throw TorchArchive.Malformed(reason: "it holds a tensor that is not dense")
            }
            return .tensor(TensorValue(shape: shape, offset: offset, storage: storage))
        default: break
        }
        throw TorchArchive.Malformed(reason: "its pickle calls \(name), which is not run here")
    }

    /// ('storage', torch.FloatStorage, key, device, count).
    private func storage(_ value: Value) throws(TorchArchive.Malformed) -> Storage {
        guard case .tuple(let items, _) = value, items.count == 5,
            case .global(let type) = items[1],
            case .text(let key) = items[2]
        else { throw TorchArchive.Malformed(reason: "its pickle refers to no storage") }
        switch type {
        case "torch.FloatStorage": return Storage(key: key, type: .float32)
        case "torch.BFloat16Storage": return Storage(key: key, type: .bfloat16)
        case "torch.HalfStorage": return Storage(key: key, type: .float16)
        default:
            throw TorchArchive.Malformed(
                reason: "it holds \(type), expected float32, bfloat16 or float16")
        }
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

    /// The strides of a tensor without gaps; `nil` where its count is beyond what exists.
    private static func denseStrides(_ shape: [Int]) -> [Int]? {
        var strides: [Int] = []
        var stride = 1
        for extent in shape.reversed() {
            strides.append(stride)
            let (product, overflows) = stride.multipliedReportingOverflow(by: extent)
            guard !overflows, product < 1 << 40 else { return nil }
            stride = product
        }
        return strides.reversed()
    }

    private func tuple(_ items: [Value]) throws(TorchArchive.Malformed) -> Value {
        .tuple(items, depth: 1 + (try depth(closing: items)))
    }

    /// The levels in values that are put into another one; dictionaries among them are complete.
    private func depth(closing items: [Value]) throws(TorchArchive.Malformed) -> Int {
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
            throw TorchArchive.Malformed(
                reason: "its pickle has more than \(Self.deepest) levels")
        }
        return deepest
    }

    private mutating func put(_ items: [Value]) throws(TorchArchive.Malformed) {
        guard case .table(let table)? = stack.last, items.count % 2 == 0, !table.isClosed else {
            throw TorchArchive.Malformed(reason: "its pickle fills what is no dictionary")
        }
        table.depth = max(table.depth, 1 + (try depth(closing: items)))
        // One that lies in itself has just been closed.
        guard !table.isClosed, table.values.count + items.count <= Self.most else {
            throw TorchArchive.Malformed(reason: "its pickle fills a dictionary without end")
        }
        for index in stride(from: 0, to: items.count, by: 2) {
            table.values.append((items[index], items[index + 1]))
        }
    }

    private mutating func marked() throws(TorchArchive.Malformed) -> [Value] {
        var items: [Value] = []
        while true {
            let value = try pop()
            if case .mark = value { return items.reversed() }
            items.append(value)
        }
    }

    private mutating func recall(_ index: Int) throws(TorchArchive.Malformed) {
        guard let value = memo[index] else {
            throw TorchArchive.Malformed(reason: "its pickle is damaged")
        }
        stack.append(value)
    }

    private mutating func pop() throws(TorchArchive.Malformed) -> Value {
        guard let value = stack.popLast() else {
            throw TorchArchive.Malformed(reason: "its pickle is damaged")
        }
        return value
    }

    private mutating func byte() throws(TorchArchive.Malformed) -> UInt8 {
        guard place < bytes.count else {
            throw TorchArchive.Malformed(reason: "its pickle is truncated")
        }
        defer { place += 1 }
        return bytes[place]
    }

    private mutating func number(_ size: Int) throws(TorchArchive.Malformed) -> Int {
        var number = 0
        for index in 0..<size { number |= Int(try byte()) << (8 * index) }
        return number
    }

    private mutating func text(_ size: Int) throws(TorchArchive.Malformed) -> String {
        guard size <= bytes.count - place else {
            throw TorchArchive.Malformed(reason: "its pickle is truncated")
        }
        defer { place += size }
        return String(decoding: bytes[place..<place + size], as: UTF8.self)
    }

    private mutating func line() throws(TorchArchive.Malformed) -> String {
        var text: [UInt8] = []
        while true {
            let next = try byte()
            if next == UInt8(ascii: "\n") { return String(decoding: text, as: UTF8.self) }
            text.append(next)
        }
    }
}

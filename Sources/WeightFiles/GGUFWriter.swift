import Files

/// Writes .gguf files of version 3.
package enum GGUFWriter {
    /// The element types that can be written; raw values are the file's.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    package enum ElementType: UInt32, Sendable {
        case float32 = 0
        case float16 = 1
        /// Blocks of 32 signed bytes and a scale; rows are multiples of 32 long.
        case q8_0 = 8
    }

    /// A tensor to be written.
    package struct Tensor: Sendable {
        package let name: String
        /// Outermost first.
        package let extents: [Int]
        package let type: ElementType

        package init(name: String, extents: [Int], type: ElementType) {
            self.name = name
            self.extents = extents
            self.type = type
        }

        var count: Int { extents.reduce(1, *) }

        var bytes: Int {
            switch type {
            case .float32: count * 4
            case .float16: count * 2
            case .q8_0: count / 32 * 34
            }
        }
    }

    /// Writes a file, one tensor in memory at a time.
    ///
    /// Temporary name, fsync and rename: the file appears complete or not at all.
    ///
    /// - Parameters:
    ///   - path: the final name; its folder exists.
    ///   - metadata: in the order of the file; `general.alignment` is obeyed, 32 without it.
    ///   - tensors: in the order of the file; names differ, rows of Q8_0 are multiples of 32 long.
    ///   - values: a tensor's numbers, asked for once each, in order.
    /// - Throws: ``WeightFileError/system(call:code:file:)``,
    ///   ``WeightFileError/invalidName(name:reason:)`` for a name given twice or too long,
    ///   ``WeightFileError/shape(entry:found:expected:file:)`` for rows that make no whole blocks, and
    ///   what `values` throws.
    package static func write(
        _ path: String, metadata: [(key: String, value: GGUFValue)], tensors: [Tensor],
        values: (Tensor) throws(WeightFileError) -> [Float]
    ) throws(WeightFileError) {
        let alignment = metadata.last { $0.key == "general.alignment" }?.value.integer ?? 32
        precondition(
            alignment > 0 && alignment & (alignment - 1) == 0,
            "general.alignment \(alignment) is no power of two")
        var header = GGUFBytes()
        try append(metadata, tensors, alignment, path, to: &header)
        header.pad(to: alignment)
        let file = try WeightFileError.ofFile { () throws(FileProblem) -> PendingFile in
            let file = try PendingFile(path: path)
            try header.write(to: file)
            return file
        }
        for tensor in tensors {
            let numbers = try values(tensor)
            precondition(
                numbers.count == tensor.count,
                "\(tensor.name): shape \(tensor.extents) but \(numbers.count) values")
            var padding = GGUFBytes()
            let rest = tensor.bytes % alignment
            for _ in 0..<(rest == 0 ? 0 : alignment - rest) { padding.append(UInt8(0)) }
            try WeightFileError.ofFile { () throws(FileProblem) in
                try write(numbers, as: tensor.type, to: file)
                try padding.write(to: file)
            }
        }
        try WeightFileError.ofFile { () throws(FileProblem) in try file.commit() }
    }

    private static func append(
        _ metadata: [(key: String, value: GGUFValue)], _ tensors: [Tensor], _ alignment: Int,
        _ path: String, to header: inout GGUFBytes
    ) throws(WeightFileError) {
        header.append(UInt32(0x4655_4747))  // "GGUF"
        header.append(UInt32(3))
        header.append(UInt64(tensors.count))
        header.append(UInt64(metadata.count))
        var names: Set<String> = []
        for (key, value) in metadata {
            guard names.insert(key).inserted else {
                throw .invalidName(name: key, reason: "expected metadata keys that differ")
            }
            header.append(key)
            header.append(value.kind.rawValue)
            header.append(value)
        }
        names = []
        var offset = 0
        for tensor in tensors {
            guard names.insert(tensor.name).inserted, (1..<64).contains(tensor.name.utf8.count)
            else {
                throw .invalidName(
                    name: tensor.name, reason: "expected names that differ, of 1 to 63 bytes")
            }
            let width = tensor.extents.last ?? 1
            guard tensor.type != .q8_0 || width % 32 == 0 else {
                throw .shape(
                    entry: tensor.name, found: tensor.extents,
                    expected: Array(tensor.extents.dropLast()) + [(width + 31) / 32 * 32],
                    file: path)
            }
            header.append(tensor.name)
            header.append(UInt32(tensor.extents.count))
            for extent in tensor.extents.reversed() { header.append(UInt64(extent)) }
            header.append(tensor.type.rawValue)
            header.append(UInt64(offset))
            offset += (tensor.bytes + alignment - 1) / alignment * alignment
        }
    }

    /// Converted a piece at a time, so that half of the largest tensor is not held twice.
    private static func write(
        _ numbers: [Float], as type: ElementType, to file: PendingFile
    ) throws(FileProblem) {
        let piece = 1 << 18
        for start in stride(from: 0, to: numbers.count, by: piece) {
            let part = numbers[start..<min(start + piece, numbers.count)]
            var bytes = GGUFBytes()
            switch type {
            case .float32: for number in part { bytes.append(number.bitPattern) }
            case .float16: for number in part { bytes.append(WeightType.float16(number)) }
            case .q8_0:
                for block in stride(from: part.startIndex, to: part.endIndex, by: 32) {
                    bytes.append(block: part[block..<block + 32])
                }
            }
            try bytes.write(to: file)
        }
    }
}

/// Bytes to be written, little-endian.
struct GGUFBytes {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(_ text: String) {
        append(UInt64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    /// A value without its kind; arrays with their elements' kind.
    mutating func append(_ value: GGUFValue) {
        switch value {
        case .uint8(let value): append(value)
        case .int8(let value): append(value)
        case .uint16(let value): append(value)
        case .int16(let value): append(value)
        case .uint32(let value): append(value)
        case .int32(let value): append(value)
        case .uint64(let value): append(value)
        case .int64(let value): append(value)
        case .float32(let value): append(value.bitPattern)
        case .float64(let value): append(value.bitPattern)
        case .bool(let value): append(UInt8(value ? 1 : 0))
        case .string(let value): append(value)
        case .array(let array):
            append(array.kind.rawValue)
            append(UInt64(array.count))
            array.payload.withBytes { bytes.append(contentsOf: $0) }
        }
    }

    /// A block of 32 numbers: float16 scale, codes; halves away from zero. With an infinity or a NaN
    /// among them the scale is not finite either.
    /// - Source: quantize_row_q8_0_ref of ggml-quants.c.
    mutating func append(block numbers: ArraySlice<Float>) {
        let scale = numbers.reduce(0) { $0.isNaN || abs($1) <= $0 ? $0 : abs($1) } / 127
        let inverse = scale > 0 ? 1 / scale : 0
        append(WeightType.float16(scale))
        for number in numbers {
            let code = (number * inverse).rounded(.toNearestOrAwayFromZero)
            append(code.isFinite ? Int8(max(-127, min(127, code))) : 0)
        }
    }

    mutating func pad(to alignment: Int) {
        while bytes.count % alignment != 0 { bytes.append(0) }
    }

    func write(to file: PendingFile) throws(FileProblem) {
        try bytes.withUnsafeBufferPointer { bytes throws(FileProblem) in
            try file.write(UnsafeRawBufferPointer(bytes))
        }
    }
}

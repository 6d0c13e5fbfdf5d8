/// A .gguf file of version 2 or 3, mapped for reading. Safe to use from several threads.
///
/// Opening reads and checks the whole header: every length, count and offset lies inside the file.
/// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
package final class GGUFFile: Sendable {
    /// Where the file is.
    package let path: String
    /// 2 or 3.
    package let version: Int
    package let metadata: [String: GGUFValue]
    /// Where the tensors' offsets count from, and what they are multiples of.
    let dataStart: Int
    let alignment: Int
    private let entries: [Entry]
    private let index: [String: Int]
    private let mapped: MappedBytes

    /// One tensor's place.
    struct Entry: Sendable {
        let name: String
        let extents: [Int]
        let typeID: UInt32
        let range: Range<Int>  // bytes of the file
    }

    /// Maps the file at `path` and reads its header.
    ///
    /// - Throws: ``WeightFileError/system(call:code:file:)`` where it cannot be opened,
    ///   ``WeightFileError/unsupportedFormat(found:newest:file:)`` for a newer version, and
    ///   ``WeightFileError/malformed(detail:file:)`` where it is truncated or no GGUF file.
    package init(path: String) throws(WeightFileError) {
        self.path = path
        mapped = try MappedBytes(path: path)
        var reader = GGUFHeaderReader(mapped, path: path)
        let header = try reader.header()
        version = header.version
        metadata = header.metadata
        entries = header.entries
        dataStart = header.dataStart
        alignment = header.alignment
        index = Dictionary(uniqueKeysWithValues: zip(entries.map(\.name), entries.indices))
    }

    /// In the order of the file's header.
    package var tensors: [GGUFTensor] { entries.map(tensor) }

    /// The tensor of that name; `nil` where there is none.
    package func tensor(_ name: String) -> GGUFTensor? {
        index[name].map { tensor(entries[$0]) }
    }

    /// A tensor's numbers as float32, exactly.
    ///
    /// - Throws: ``WeightFileError/missing(entry:file:)``, and
    ///   ``WeightFileError/unsupportedType(entry:found:supported:file:)`` for other than F32, F16
    ///   and BF16.
    package func floats(_ name: String) throws(WeightFileError) -> [Float] {
        guard let tensor = tensor(name) else { throw .missing(entry: name, file: path) }
        let decode: (UnsafeRawBufferPointer, Int) -> Float
        switch tensor.typeName {
        case "F32":
            decode = { $0.loadUnaligned(fromByteOffset: $1 &* 4, as: Float.self) }
        case "F16":
            decode = {
                WeightType.float(
                    float16: $0.loadUnaligned(fromByteOffset: $1 &* 2, as: UInt16.self))
            }
        case "BF16":
            decode = {
                WeightType.float(
                    bfloat16: $0.loadUnaligned(fromByteOffset: $1 &* 2, as: UInt16.self))
            }
        default: throw unsupported(tensor, expected: "F32, F16 or BF16")
        }
        return (0..<tensor.count).map { decode(tensor.bytes, $0) }
    }

    /// That a tensor's type cannot be used; its text names the types that can.
    package func unsupported(
        _ tensor: GGUFTensor,
        expected: String = "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1 or Q2_K to Q6_K; "
            + "convert it with llama-quantize"
    ) -> WeightFileError {
        .unsupportedType(
            entry: tensor.name, found: tensor.typeName, supported: expected, file: path)
    }

    private func tensor(_ entry: Entry) -> GGUFTensor {
        GGUFTensor(
            name: entry.name, extents: entry.extents, typeID: entry.typeID,
            bytes: UnsafeRawBufferPointer(rebasing: mapped.buffer[entry.range]))
    }
}

import Files
import Foundation

/// A .safetensors file, mapped for reading. Safe to use from several threads.
///
/// Opening reads and checks the header: offsets inside the file, no holes, no overlaps, size equal
/// to shape times element size. Format: https://github.com/huggingface/safetensors#format.
package final class SafetensorsFile: Sendable {
    /// One tensor of the file.
    package struct Tensor: Sendable, Equatable {
        package let name: String
        /// Extents, outermost first.
        package let shape: [Int]
        /// As the file spells it: F32, BF16, F16, F64, I64, …
        package let type: String
        /// Its bytes, counted from the start of the file.
        package let range: Range<Int>
    }

    /// Where the file is.
    package let path: String
    /// In the order of their bytes.
    package let tensors: [Tensor]
    /// The header's `__metadata__`.
    package let metadata: [String: String]
    private let bytes: MappedBytes
    private let index: [String: Int]

    /// Bytes of one element, of the types that have whole bytes.
    private static let elementBytes = [
        "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "I16": 2, "F16": 2,
        "BF16": 2, "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
    ]

    /// Maps the file at `path` and checks its header.
    ///
    /// - Throws: ``WeightFileError/system(call:code:file:)`` where it cannot be opened, and
    ///   ``WeightFileError/malformed(detail:file:)`` where it is truncated or its header is wrong.
    package init(path: String) throws(WeightFileError) {
        self.path = path
        bytes = try MappedBytes(path: path)
        let header = try Self.header(bytes.buffer, path)
        (tensors, metadata) = try Self.tensors(header, fileBytes: bytes.buffer.count, path)
        index = Dictionary(uniqueKeysWithValues: zip(tensors.map(\.name), tensors.indices))
    }

    /// The tensor of that name; `nil` where there is none.
    package func tensor(_ name: String) -> Tensor? {
        index[name].map { tensors[$0] }
    }

    /// Lets `body` see a tensor's bytes where they are mapped; they may be unaligned.
    ///
    /// - Throws: ``WeightFileError/missing(entry:file:)``, and what `body` throws.
    package func withBytes<Result>(
        _ name: String, _ body: (Tensor, UnsafeRawBufferPointer) throws(WeightFileError) -> Result
    ) throws(WeightFileError) -> Result {
        guard let tensor = tensor(name) else { throw .missing(entry: name, file: path) }
        return try body(tensor, UnsafeRawBufferPointer(rebasing: bytes.buffer[tensor.range]))
    }

    package func checkSize() throws(WeightFileError) { try bytes.checkSize() }
}

// MARK: - Header

extension SafetensorsFile {
    /// One value of the header: a tensor, or the metadata.
    private enum HeaderValue: Decodable {
        case tensor(type: String, shape: [Int], offsets: [Int])
        case metadata([String: String])

        private enum Key: String, CodingKey {
            case type = "dtype"
            case shape
            case offsets = "data_offsets"
        }

        init(from decoder: any Decoder) throws {
            if decoder.codingPath.last?.stringValue == "__metadata__" {
                self = .metadata(try [String: String](from: decoder))
                return
            }
            let container = try decoder.container(keyedBy: Key.self)
            self = .tensor(
                type: try container.decode(String.self, forKey: .type),
                shape: try container.decode([Int].self, forKey: .shape),
                offsets: try container.decode([Int].self, forKey: .offsets))
        }
    }

    private static func header(
        _ bytes: UnsafeRawBufferPointer, _ path: String
    ) throws(WeightFileError) -> (values: [String: HeaderValue], end: Int) {
        guard bytes.count >= 8 else {
            throw .malformed(
                detail: "it has \(bytes.count) bytes, expected a safetensors header of at least 8; "
                    + "copy it again", file: path)
        }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length <= 100_000_000, Int(length) <= bytes.count - 8 else {
            throw .malformed(
                detail: "its header should have \(length) bytes but \(bytes.count - 8) follow; "
                    + "it is truncated or no safetensors file, copy it again", file: path)
        }
        let end = 8 + Int(length)
        do {
            let data = Data(bytes[8..<end])
            return (try JSONDecoder().decode([String: HeaderValue].self, from: data), end)
        } catch {
            throw .malformed(detail: "its safetensors header is not valid JSON", file: path)
        }
    }

    /// Whether a tensor of that shape has as many bytes; of types that are not known only that its
    /// shape is one.
    private static func isOfSize(_ length: Int, _ type: String, _ shape: [Int]) -> Bool {
        guard let elements = ArrayDescription.elements(of: shape) else { return false }
        guard let size = elementBytes[type] else { return true }
        let (bytes, overflow) = elements.multipliedReportingOverflow(by: size)
        return !overflow && bytes == length
    }

    private static func tensors(
        _ header: (values: [String: HeaderValue], end: Int), fileBytes: Int, _ path: String
    ) throws(WeightFileError) -> ([Tensor], [String: String]) {
        var tensors: [Tensor] = []
        var metadata: [String: String] = [:]
        let limit = fileBytes - header.end
        for (name, value) in header.values {
            switch value {
            case .metadata(let texts):
                metadata = texts
            case .tensor(let type, let shape, let offsets):
                guard offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1] else {
                    throw .malformed(detail: "\(name) has data_offsets \(offsets)", file: path)
                }
                guard offsets[1] <= limit else {
                    throw .malformed(
                        detail: "\(name) should end at byte \(offsets[1]) of the data but "
                            + "\(limit) bytes follow the header; it is truncated, copy it again",
                        file: path)
                }
                let length = offsets[1] - offsets[0]
                guard isOfSize(length, type, shape) else {
                    throw .malformed(
                        detail: "\(name) has shape \(shape) of \(type) but \(length) bytes",
                        file: path)
                }
                tensors.append(
                    Tensor(
                        name: name, shape: shape, type: type,
                        range: header.end + offsets[0]..<header.end + offsets[1]))
            }
        }
        tensors.sort {
            ($0.range.lowerBound, $0.range.upperBound, $0.name)
                < ($1.range.lowerBound, $1.range.upperBound, $1.name)
        }
        var end = header.end
        for tensor in tensors {
            guard tensor.range.lowerBound == end else {
                throw .malformed(
                    detail:
                        "\(tensor.name) starts at byte \(tensor.range.lowerBound), "
                        + "expected \(end); "
                        + "tensors overlap or leave holes", file: path)
            }
            end = tensor.range.upperBound
        }
        guard end == fileBytes else {
            throw .malformed(
                detail: "its tensors end at byte \(end) but it has \(fileBytes)", file: path)
        }
        return (tensors, metadata)
    }
}

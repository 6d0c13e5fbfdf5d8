import Files
import Foundation

/// A file of torch.save, read without running anything in it: a zip archive without compression,
/// whose pickle may build tensors of plain numbers and their dictionary, and nothing else.
///
/// Formats: PKWARE's APPNOTE 4.3; Python's pickletools; torch/serialization.py.
package struct TorchArchive {
    struct Tensor {
        let shape: [Int]
        fileprivate let storage: PickleReader.Storage
        fileprivate let offset: Int
    }

    let path: String
    let tensors: [String: Tensor]
    private let bytes: [UInt8]
    private let entries: [String: Range<Int>]
    /// The folder of the archive that all of its files are in.
    private let root: String

    /// - Throws: ``FinetuningError/badConfiguration(file:reason:)`` where it is no such file.
    package init(path: String) throws(FinetuningError) {
        self.path = path
        guard let data = RegularFile.contents(path) else {
            throw .badConfiguration(file: path, reason: "it cannot be opened")
        }
        bytes = [UInt8](data)
        do throws(Malformed) {
            entries = try Self.entries(bytes)
            let pickles = entries.keys.filter { $0 == "data.pkl" || $0.hasSuffix("/data.pkl") }
            guard pickles.count == 1, let name = pickles.first, let pickle = entries[name] else {
                throw Malformed(reason: "it holds \(pickles.count) data.pkl, expected one")
            }
            root = String(name.dropLast("data.pkl".count))
            if let order = entries[root + "byteorder"],
                String(decoding: bytes[order], as: UTF8.self) != "little"
            {
                throw Malformed(reason: "its numbers are not little-endian")
            }
            var reader = PickleReader(Array(bytes[pickle]))
            var tensors: [String: Tensor] = [:]
            for (name, value) in try reader.tensors() {
                tensors[name] = Tensor(
                    shape: value.shape, storage: value.storage, offset: value.offset)
            }
            self.tensors = tensors
        } catch {
            throw .badConfiguration(
                file: path,
                reason: "\(error.reason); save the adapter with use_safetensors=True")
        }
    }

    /// Why a file is not taken.
    package struct Malformed: Error {
        package let reason: String
    }

    /// A tensor's numbers as float32.
    package func floats(_ name: String) throws(FinetuningError) -> [Float] {
        guard let tensor = tensors[name] else {
            throw .missingTensor(name: name, count: 1, file: path)
        }
        // Below 2⁴⁰, as the reader of the pickle has checked.
        let count = tensor.shape.reduce(1, *)
        let width = tensor.storage.type == .float32 ? 4 : 2
        guard let entry = entries[root + "data/" + tensor.storage.key], tensor.offset >= 0,
            tensor.offset <= entry.count / width, count <= entry.count / width - tensor.offset
        else {
            throw .badConfiguration(file: path, reason: "the numbers of \(name) are not all there")
        }
        let start = entry.lowerBound + tensor.offset * width
        return (0..<count).map { index in
            let low = Self.number(bytes, start + index * width, 2)
            switch tensor.storage.type {
            case .float32:
                let bits = Self.number(bytes, start + index * width, 4)
                return Float(bitPattern: UInt32(truncatingIfNeeded: bits))
            case .bfloat16: return Float(bitPattern: UInt32(truncatingIfNeeded: low << 16))
            case .float16: return Float(Float16(bitPattern: UInt16(truncatingIfNeeded: low)))
            }
        }
    }

    /// The archive's files and where their bytes are, from its central directory.
    private static func entries(_ bytes: [UInt8]) throws(Malformed) -> [String: Range<Int>] {
        let endSize = 22
        guard bytes.count >= endSize else { throw Malformed(reason: "it is no zip archive") }
        let least = max(0, bytes.count - endSize - 65_536)
        guard
            let end = stride(from: bytes.count - endSize, through: least, by: -1)
                .first(where: { number(bytes, $0, 4) == 0x0605_4B50 })
        else { throw Malformed(reason: "it is no zip archive, or is truncated") }
        var place = number(bytes, end + 16, 4)
        var entries: [String: Range<Int>] = [:]
        for _ in 0..<number(bytes, end + 10, 2) {
            guard place + 46 <= end, number(bytes, place, 4) == 0x0201_4B50 else {
                throw Malformed(reason: "its zip directory is damaged")
            }
            let (method, size) = (number(bytes, place + 10, 2), number(bytes, place + 24, 4))
            let nameLength = number(bytes, place + 28, 2)
            let rest = number(bytes, place + 30, 2) + number(bytes, place + 32, 2)
            let local = number(bytes, place + 42, 4)
            guard method == 0, place + 46 + nameLength <= end, local + 30 <= end else {
                throw Malformed(reason: "its zip entries are compressed or damaged")
            }
            let name = String(
                decoding: bytes[place + 46..<place + 46 + nameLength], as: UTF8.self)
            let start = local + 30 + number(bytes, local + 26, 2) + number(bytes, local + 28, 2)
            guard start + size <= end else { throw Malformed(reason: "it is truncated") }
            entries[name] = start..<start + size
            place += 46 + nameLength + rest
        }
        return entries
    }

    /// A little-endian number of `size` bytes.
    private static func number(_ bytes: [UInt8], _ place: Int, _ size: Int) -> Int {
        (0..<size).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
    }
}

import CheckpointSupport
import Foundation
import TestSupport
import Testing
import WeightFiles

/// Files that are cut off, changed, or no GGUF files at all.
@Suite struct GGUFDamageTests {
    @Test func truncatedFileIsReportedAtEveryLength() throws {
        let whole = try reference()
        // The last tensor ends 15 bytes before its padding does; those may be missing.
        let last = 33 * 4
        let needed = whole.count - (32 - last % 32) % 32
        for length in 0..<whole.count {
            let error = try error(Data(whole[..<length]))
            if length >= needed {
                #expect(error == nil, "\(length) bytes")
            } else {
                #expect(
                    error?.contains("cannot be read") == true, "\(length) bytes: \(error ?? "")")
                #expect(error?.contains("copy it again") == true || length < 4)
            }
        }
    }

    @Test func noByteCanBeChangedSoThatReadingCrashes() throws {
        let whole = try reference()
        try Sample.withFolder { folder throws in
            let path = folder + "/x.gguf"
            for offset in 0..<whole.count {
                for mask: UInt8 in [0x01, 0x80, 0xFF] {
                    var bytes = whole
                    bytes[offset] ^= mask
                    try bytes.write(to: URL(filePath: path))
                    // Some changes are only another number or name; what is accepted can be read.
                    guard let file = try? GGUFFile(path: path) else { continue }
                    for tensor in file.tensors {
                        _ = try? file.floats(tensor.name)
                        #expect(tensor.bytes.count <= whole.count)
                    }
                }
            }
        }
    }

    @Test func otherFilesAreRefusedWithTheReason() throws {
        let whole = try reference()
        func changed(_ offset: Int, _ bytes: [UInt8]) -> Data {
            var data = whole
            data.replaceSubrange(offset..<offset + bytes.count, with: bytes)
            return data
        }
        let cases: [(Data, [String])] = [
            (Data("PK\u{3}\u{4} something".utf8), ["50 4b 3 4", "expected 'GGUF'"]),
            (changed(4, [1, 0, 0, 0]), ["version 1", "2 or 3"]),
            (changed(4, [4, 0, 0, 0]), ["version 4", "up to 3"]),
            (changed(4, [0, 0, 0, 3]), ["big-endian"]),
            (changed(8, [255, 255, 255, 255, 255, 255, 255, 255]), ["tensor count"]),
            (changed(16, [255, 255, 255, 255, 255, 255, 255, 127]), ["metadata count"]),
            // The length and the kind of the first key, general.architecture (20 bytes).
            (changed(24, [255, 255, 255, 255]), ["the name of metadata 0", "4294967295"]),
            (changed(52, [13, 0, 0, 0]), ["the type of general.architecture is 13"]),
            (changed(32, [0xFF, 0xFF]), ["no UTF-8"]),
        ]
        for (data, words) in cases {
            let text = try #require(try error(data))
            for word in words { #expect(text.contains(word), "\(text)") }
            #expect(!text.contains("\n") && text.contains("x.gguf"))
        }
        #expect(
            thrown { _ = try GGUFFile(path: "/nowhere/x.gguf") }
                == .system(call: "open", code: ENOENT, file: "/nowhere/x.gguf"))
    }

    @Test func tensorsThatBreakTheRulesAreNamed() throws {
        let cases: [(GGUFHeaderBytes.Tensor, String)] = [
            (.init(name: "t", axes: [40], type: 8, offset: 0), "multiple of 32"),
            (.init(name: "t", axes: [32], type: 8, offset: 16), "expected a multiple of 32"),
            (.init(name: "t", axes: [0], type: 0, offset: 0), "extent 0"),
            (.init(name: "t", axes: [1, 1, 1, 1, 1], type: 0, offset: 0), "5 axes"),
            (.init(name: "t", axes: [1 << 40, 1 << 40], type: 0, offset: 0), "shape"),
            (.init(name: "t", axes: [1 << 62], type: 0, offset: 0), "ends beyond"),
            (.init(name: "t", axes: [64], type: 0, offset: 1 << 40), "ends beyond"),
        ]
        for (tensor, words) in cases {
            let text = try #require(try error(GGUFHeaderBytes.file([tensor])))
            #expect(text.contains(words) && text.contains("t "), "\(text)")
        }
        let fine = GGUFHeaderBytes.Tensor(name: "t", axes: [32], type: 8, offset: 0)
        #expect(try error(GGUFHeaderBytes.file([fine])) == nil)
        #expect(try error(GGUFHeaderBytes.file([fine, fine]))?.contains("there twice") == true)
        // A type from the future does not keep the others from being read.
        let unknown = GGUFHeaderBytes.Tensor(name: "new", axes: [7], type: 99, offset: 0)
        try Sample.withFolder { folder throws in
            let path = folder + "/x.gguf"
            try GGUFHeaderBytes.file([fine, unknown]).write(to: URL(filePath: path))
            let file = try GGUFFile(path: path)
            let tensor = try #require(file.tensor("new"))
            #expect(tensor.bytes.isEmpty)
            #expect(file.unsupported(tensor).description.contains("unknown (number 99)"))
            #expect(file.tensor("t")?.bytes.count == 34)
        }
    }

    /// A file of one key, whose value is given as bytes.
    private func metadata(_ kind: UInt32, _ value: [UInt8], key: String = "k") -> Data {
        var data = Data("GGUF".utf8)
        func append(_ number: some FixedWidthInteger) {
            withUnsafeBytes(of: number.littleEndian) { data.append(contentsOf: $0) }
        }
        append(UInt32(3))
        append(UInt64(0))
        append(UInt64(1))
        append(UInt64(key.utf8.count))
        data.append(contentsOf: key.utf8)
        append(kind)
        return data + Data(value)
    }

    private func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    @Test func arraysAreCheckedThoughTheyAreNotKept() throws {
        let array: UInt32 = 9
        let nested = bytes(array) + bytes(UInt64(1))
        let cases: [([UInt8], String)] = [
            // Two flags, one of them 2; two texts, one not UTF-8; one that ends beyond the file.
            (bytes(UInt32(7)) + bytes(UInt64(2)) + [1, 2], "k is a bool of value 2"),
            (bytes(UInt32(8)) + bytes(UInt64(1)) + bytes(UInt64(1)) + [0xFF], "no UTF-8"),
            (bytes(UInt32(8)) + bytes(UInt64(1)) + bytes(UInt64(9)) + [0x61], "needs 9 bytes"),
            (bytes(UInt32(0)) + bytes(UInt64.max), "the count of k is 18446744073709551615"),
            (bytes(UInt32(11)) + bytes(UInt64(1) << 61), "only 0 bytes follow"),
            (bytes(UInt32(13)) + bytes(UInt64(0)), "the element type of k is 13"),
            (
                Array(repeating: nested, count: 12).flatMap { $0 } + bytes(UInt32(0))
                    + bytes(UInt64(0)), "more than 8 deep"
            ),
        ]
        for (value, words) in cases {
            let text = try #require(try error(metadata(array, value)))
            #expect(text.contains(words), "\(text)")
        }
        let fine = bytes(UInt32(7)) + bytes(UInt64(2)) + [1, 0]
        #expect(try error(metadata(array, fine) + Data(count: 64)) == nil)
    }

    @Test(arguments: [0, 3, 24, 1 << 21])
    func anAlignmentThatIsNoneIsRefused(alignment: UInt32) throws {
        let text = try error(
            metadata(4, bytes(alignment), key: "general.alignment") + Data(count: 64))
        #expect(text?.contains("general.alignment is") == true, "\(text ?? "")")
    }

    @Test func moreKeysThanAnyModelHasAreRefused() throws {
        var data = Data("GGUF".utf8)
        data.append(contentsOf: bytes(UInt32(3)) + bytes(UInt64(0)) + bytes(UInt64(70_000)))
        let text = try error(data + Data(count: 1_000_000))
        #expect(text?.contains("metadata count is 70000, expected at most 65536") == true)
    }

    private func reference() throws -> Data {
        try Data(contentsOf: References.folder.appendingPathComponent("gguf/written.gguf"))
    }

    /// What opening a file of these bytes says; `nil` where it succeeds.
    private func error(_ data: Data) throws -> String? {
        try Sample.withFolder { folder throws in
            let path = folder + "/x.gguf"
            try data.write(to: URL(filePath: path))
            return thrown { _ = try GGUFFile(path: path) }?.description
        }
    }
}

/// Headers that the writer would not write.
private enum GGUFHeaderBytes {
    struct Tensor {
        let name: String
        let axes: [UInt64]
        let type: UInt32
        let offset: UInt64
    }

    /// A file without metadata, with 64 bytes of data.
    static func file(_ tensors: [Tensor]) -> Data {
        var data = Data("GGUF".utf8)
        func append(_ number: some FixedWidthInteger) {
            withUnsafeBytes(of: number.littleEndian) { data.append(contentsOf: $0) }
        }
        append(UInt32(3))
        append(UInt64(tensors.count))
        append(UInt64(0))
        for tensor in tensors {
            append(UInt64(tensor.name.utf8.count))
            data.append(contentsOf: tensor.name.utf8)
            append(UInt32(tensor.axes.count))
            for axis in tensor.axes { append(axis) }
            append(tensor.type)
            append(tensor.offset)
        }
        while data.count % 32 != 0 { data.append(0) }
        return data + Data(count: 64)
    }
}

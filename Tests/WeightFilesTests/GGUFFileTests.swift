import CheckpointSupport
import Foundation
import TestSupport
import Testing
import WeightFiles

/// Files of the gguf package (scripts/references/gguf_files.py), and ours against its.
@Suite struct GGUFFileTests {
    /// What the generator puts into every file.
    static let metadata: [(key: String, value: GGUFValue)] = [
        ("general.architecture", .string("llama")),
        ("test.uint8", .uint8(200)),
        ("test.int8", .int8(-100)),
        ("test.uint16", .uint16(60_000)),
        ("test.int16", .int16(-30_000)),
        ("test.uint32", .uint32(4_000_000_000)),
        ("test.int32", .int32(-2_000_000_000)),
        ("test.uint64", .uint64(1 << 63 + 5)),
        ("test.int64", .int64(-(1 << 62))),
        ("test.float32", .float32(1.5e-5)),
        ("test.float64", .float64(0.1)),
        ("test.true", .bool(true)),
        ("test.text", .string("Grüße, 世界 🙂")),
        ("test.tokens", .strings(["<s>", "", "Ġthe", "▁of"])),
        ("test.scores", .floats([0, -1.5, -1000])),
        ("test.types", .int32s([1, -2, 3])),
        ("test.flags", .array(.bool, [.bool(true), .bool(false)])),
    ]

    @Test func metadataOfEveryKindIsRead() throws {
        let file = try GGUFFile(path: path("types.gguf"))
        #expect(file.version == 3)
        #expect(file.metadata == Dictionary(uniqueKeysWithValues: Self.metadata.map { ($0, $1) }))
        #expect(file.metadata["test.uint16"]?.integer == 60_000)
        #expect(file.metadata["test.uint64"]?.integer == nil)
        #expect(file.metadata["test.types"]?.integers == [1, -2, 3])
        #expect(file.metadata["test.scores"]?.numbers == [0, -1.5, -1000])
        #expect(file.metadata["test.tokens"]?.strings?.last == "▁of")
        #expect(file.metadata["test.tokens"]?.integers == nil)
        #expect(file.metadata["test.true"]?.bool == true)
        #expect(file.metadata["test.float64"]?.number == 0.1)
    }

    @Test func tensorsAreReadExactly() throws {
        let numbers = try ReferenceFile("gguf/numbers.safetensors")
        for (name, tensors) in [
            ("types.gguf", ["bfloat16.weight", "cube.weight"]),
            ("written.gguf", ["odd.weight", "half.weight", "norm.weight"]),
        ] {
            let file = try GGUFFile(path: path(name))
            for tensor in tensors {
                #expect(file.tensor(tensor)?.extents == (try numbers.shape(tensor)))
                #expect(try file.floats(tensor) == numbers.floats(tensor), "\(tensor)")
            }
        }
        let file = try GGUFFile(path: path("types.gguf"))
        #expect(
            file.tensors.map(\.typeName) == ["BF16", "F32", "Q4_1", "IQ2_XXS"])
        let four = try #require(file.tensor("four.weight"))
        #expect(four.extents == [3, 96] && four.typeID == 3 && four.bytes.count == 3 * 3 * 20)
        #expect(file.tensor("five.weight") == nil)
    }

    @Test func typesThatCannotBeUsedAreNamed() throws {
        let file = try GGUFFile(path: path("types.gguf"))
        #expect(
            thrown { _ = try file.floats("four.weight") }
                == .unsupportedType(
                    entry: "four.weight", found: "Q4_1", supported: "F32, F16 or BF16",
                    file: file.path))
        let unused = try #require(file.tensor("unused.weight"))
        #expect(unused.extents == [2, 256])
        let text = file.unsupported(unused).description
        #expect(text.contains("unused.weight") && text.contains("IQ2_XXS"))
        #expect(text.contains("Q4_0") && text.contains("llama-quantize"))
        #expect(
            thrown { _ = try file.floats("five.weight") }
                == .missing(entry: "five.weight", file: file.path))
    }

    @Test func writtenFileHasThePackagesBytes() throws {
        let numbers = try ReferenceFile("gguf/numbers.safetensors")
        let tensors: [GGUFWriter.Tensor] = [
            .init(name: "odd.weight", extents: [3, 5], type: .float32),
            .init(name: "half.weight", extents: [3, 7], type: .float16),
            .init(name: "eight.weight", extents: [3, 96], type: .q8_0),
            .init(name: "norm.weight", extents: [33], type: .float32),
        ]
        try Sample.withFolder { folder throws in
            let path = folder + "/w.gguf"
            try GGUFWriter.write(path, metadata: Self.metadata, tensors: tensors) { tensor in
                (try? numbers.floats(tensor.name)) ?? []
            }
            let written = try Data(contentsOf: URL(filePath: path))
            #expect(written == (try Data(contentsOf: URL(filePath: self.path("written.gguf")))))
            #expect(try Sample.names(folder) == ["w.gguf"])
        }
    }

    @Test func writingThatFailsLeavesNothing() throws {
        try Sample.withFolder { folder throws in
            let tensor = GGUFWriter.Tensor(name: "a", extents: [2, 32], type: .q8_0)
            let failure = WeightFileError.missing(entry: "a", file: "elsewhere")
            #expect(
                thrown {
                    try GGUFWriter.write(folder + "/w.gguf", metadata: [], tensors: [tensor]) {
                        _ throws(WeightFileError) in throw failure
                    }
                } == failure)
            #expect(
                thrown {
                    try GGUFWriter.write(
                        folder + "/w.gguf", metadata: [], tensors: [tensor, tensor]
                    ) { _ in [] }
                } == .invalidName(name: "a", reason: "expected names that differ, of 1 to 63 bytes")
            )
            let odd = GGUFWriter.Tensor(name: "a", extents: [2, 33], type: .q8_0)
            #expect(
                thrown {
                    try GGUFWriter.write(folder + "/w.gguf", metadata: [], tensors: [odd]) { _ in
                        []
                    }
                }
                    == .shape(
                        entry: "a", found: [2, 33], expected: [2, 64], file: folder + "/w.gguf"))
            #expect(try Sample.names(folder) == [])
        }
    }

    @Test func nestedEmptyAndLargeArraysReadBack() throws {
        let metadata: [(key: String, value: GGUFValue)] = [
            ("general.alignment", .uint32(256)),
            ("empty", .array(.string, [])),
            ("nested", .array(.array, [.int32s([1]), .strings(["a", "b"]), .array(.bool, [])])),
            ("large", .int32s((0..<100_000).map(Int32.init))),
        ]
        try Sample.withFolder { folder throws in
            let path = folder + "/w.gguf"
            let tensors = ["a", "b"].map {
                GGUFWriter.Tensor(name: $0, extents: [3], type: .float32)
            }
            try GGUFWriter.write(path, metadata: metadata, tensors: tensors) { tensor in
                tensor.name == "a" ? [1, 2, 3] : [4, 5, 6]
            }
            let file = try GGUFFile(path: path)
            #expect(file.metadata == Dictionary(uniqueKeysWithValues: metadata.map { ($0, $1) }))
            #expect(try file.floats("a") == [1, 2, 3] && file.floats("b") == [4, 5, 6])
            #expect(try Data(contentsOf: URL(filePath: path)).count % 256 == 0)
        }
    }

    // 20 MB took 850 MB as values of their own. Elements are counted and found, not made.
    @Test func aLongArrayOfBytesIsThereWhenItIsAskedFor() throws {
        let count = 20_000_000
        try Sample.withFolder { folder throws in
            let path = folder + "/w.gguf"
            var data = Data("GGUF".utf8)
            func append(_ number: some FixedWidthInteger) {
                withUnsafeBytes(of: number.littleEndian) { data.append(contentsOf: $0) }
            }
            append(UInt32(3))
            append(UInt64(0))
            append(UInt64(1))
            append(UInt64(1))
            data.append(UInt8(ascii: "k"))
            append(UInt32(9))
            append(UInt32(0))
            append(UInt64(count))
            data.append(Data(repeating: 7, count: count))
            try data.write(to: URL(filePath: path))
            let array = try #require(try GGUFFile(path: path).metadata["k"]?.array)
            #expect(array.count == count && array.kind == .uint8)
            #expect(MemoryLayout<GGUFValue>.size <= 64)
        }
    }

    private func path(_ name: String) -> String {
        References.folder.appendingPathComponent("gguf/\(name)").path
    }
}

import CheckpointSupport
import Checkpoints
import Files
import Foundation
import Testing
import WeightFiles

@Suite struct SafetensorsFileTests {
    private struct Expected: Decodable {
        var shape: [Int]
        var bits: [UInt32]
    }

    @Test func fileOfTheReferenceWriterIsReadExactly() throws {
        let file = try SafetensorsFile(path: Sample.reference("mixed.safetensors"))
        let expected = try Sample.decode([String: Expected].self, "mixed.json")
        #expect(expected.count == 7)
        for (name, tensor) in expected {
            #expect(file.tensor(name)?.shape == tensor.shape)
            #expect(try file.floats(name).map(\.bitPattern) == tensor.bits, "\(name)")
        }
        #expect(file.metadata == ["format": "pt"])
        #expect(Set(file.tensors.map(\.type)) == ["F32", "BF16", "F16", "F64", "I64"])
        #expect(
            thrown { _ = try file.floats("e.int64") }
                == .unsupportedType(
                    entry: "e.int64", found: "I64", supported: "F32, BF16, F16 or F64",
                    file: file.path))
        let integers = try file.withBytes("e.int64") { _, bytes throws(WeightFileError) in
            (0..<4).map { bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self) }
        }
        #expect(integers == [0, 1, 2, 3])
        #expect(thrown { _ = try file.floats("x") } == .missing(entry: "x", file: file.path))
    }

    @Test(arguments: WeightType.allCases)
    func writtenFileReadsBackRounded(type: WeightType) throws {
        try Sample.withFolder { folder throws in
            var arrays = Sample.state(step: 3).model
            arrays.append(Sample.array("large", [1100, 1000], seed: 5))
            arrays[0].name = "quote \" backslash \\ tab \t größe"
            let path = folder + "/w.safetensors"
            try SafetensorsFile.write(path, arrays: arrays.map(description), type: type) { array in
                arrays.first { $0.name == array.name }?.values ?? []
            }
            let file = try SafetensorsFile(path: path)
            #expect(file.tensors.count == arrays.count)
            #expect((file.tensors.first?.range.lowerBound ?? 1) % 8 == 0)
            for array in arrays {
                #expect(file.tensor(array.name)?.shape == array.shape)
                #expect(file.tensor(array.name)?.type == type.rawValue)
                let rounded = array.values.map { value in
                    switch type {
                    case .float32: value
                    case .bfloat16: WeightType.float(bfloat16: WeightType.bfloat16(value))
                    case .float16: WeightType.float(float16: WeightType.float16(value))
                    }
                }
                #expect(try file.floats(array.name).map(\.bitPattern) == rounded.map(\.bitPattern))
            }
            #expect(try Sample.names(folder) == ["w.safetensors"])
        }
    }

    @Test func float32FileHasTheReferenceWritersBytes() throws {
        // `a.float32` and `f.scalar` alone, as safetensors.torch.save_file orders and pads them.
        try Sample.withFolder { folder throws in
            let mixed = try SafetensorsFile(path: Sample.reference("mixed.safetensors"))
            let arrays = ["f.scalar", "a.float32"].map {
                ArrayDescription(name: $0, shape: mixed.tensor($0)?.shape ?? [])
            }
            let path = folder + "/w.safetensors"
            try SafetensorsFile.write(path, arrays: arrays) { array throws(WeightFileError) in
                try mixed.floats(array.name)
            }
            let written = try Data(contentsOf: URL(filePath: path))
            let reference = Sample.reference("two.safetensors")
            #expect(written == (try Data(contentsOf: URL(filePath: reference))))
        }
    }

    @Test func truncatedFileIsReportedAtEveryLength() throws {
        try Sample.withFolder { folder throws in
            let whole = try Data(contentsOf: URL(filePath: Sample.reference("mixed.safetensors")))
            let path = folder + "/w.safetensors"
            for length in 0..<whole.count {
                try whole.prefix(length).write(to: URL(filePath: path))
                let error = thrown { _ = try SafetensorsFile(path: path) }
                #expect(error?.description.contains(path) == true, "length \(length)")
            }
        }
    }

    @Test(arguments: [
        ("outside the file", #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 4),
        ("negative", #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}"#, 0),
        ("backward", #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4),
        ("size", #"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8),
        ("huge", #"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, 0),
        ("negative extent", #"{"a":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}"#, 4),
        ("hole", #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8),
        ("rest", #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 8),
        (
            "overlap",
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"#
                + #""b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8
        ),
        ("no JSON", "{]", 0), ("no object", "[1]", 0), ("lacks a key", #"{"a":{"shape":[1]}}"#, 0),
    ])
    func wrongHeaderIsMalformed(what: String, header: String, dataBytes: Int) throws {
        try Sample.withFolder { folder throws in
            let path = folder + "/w.safetensors"
            var bytes = Data()
            withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) {
                bytes.append(contentsOf: $0)
            }
            bytes += Data(header.utf8) + Data(count: dataBytes)
            try bytes.write(to: URL(filePath: path))
            guard case .content(.malformed)? = thrown({ _ = try SafetensorsFile(path: path) })
            else {
                Issue.record("\(what) was not noticed")
                return
            }
        }
    }

    @Test func otherShapeIsNamed() throws {
        let file = try SafetensorsFile(path: Sample.reference("mixed.safetensors"))
        var room = [Float](repeating: 0, count: 15)
        let error = thrown {
            try room.withUnsafeMutableBufferPointer { room throws(WeightFileError) in
                try file.read("a.float32", shape: [5, 3], into: room)
            }
        }
        #expect(
            error
                == .shape(entry: "a.float32", found: [3, 5], expected: [5, 3], file: file.path))
    }

    @Test func nameGivenTwiceIsRefused() throws {
        try Sample.withFolder { folder throws in
            let array = ArrayDescription(name: "w", shape: [1])
            let error = thrown {
                try SafetensorsFile.write(folder + "/w", arrays: [array, array]) { _ in [1] }
            }
            #expect(error.isInvalidName)
            #expect(try Sample.names(folder).isEmpty)
        }
    }

    private func description(_ array: NamedArray) -> ArrayDescription {
        ArrayDescription(name: array.name, shape: array.shape)
    }
}

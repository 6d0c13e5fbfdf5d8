import CheckpointSupport
import Foundation
import TestSupport
import Testing
import WeightFiles

/// Files of torch.save beside PyTorch's own numbers (scripts/references/torch_files.py).
@Suite struct TorchArchiveTests {
    private struct Expected: Decodable {
        let shape: [Int]
        let bits: [UInt32]
    }

    private static func path(_ name: String) -> String {
        References.folder.appendingPathComponent("torch_files/" + name).path
    }

    /// A folder with config.json and some files of the references.
    private func withModel(
        _ files: [(from: String, name: String)], _ body: (String) throws -> Void
    ) throws {
        try Sample.withFolder { path throws in
            try Data("{}".utf8).write(to: URL(filePath: path + "/config.json"))
            for (from, name) in files {
                try FileManager.default.copyItem(atPath: from, toPath: path + "/" + name)
            }
            try body(path)
        }
    }

    @Test func everyTypeAndViewHasPyTorchsNumbers() throws {
        let file = try TorchArchive(path: Self.path("mixed.bin"))
        let expected = try JSONDecoder().decode(
            [String: Expected].self, from: Data(contentsOf: URL(filePath: Self.path("mixed.json"))))
        #expect(file.names.sorted() == expected.keys.sorted())
        try withModel([(Self.path("mixed.bin"), "pytorch_model.bin")]) { path throws in
            let folder = try HuggingFaceFolder(path: path)
            for (name, tensor) in expected where !name.hasPrefix("int") {
                #expect(try folder.shape(name) == tensor.shape, "\(name)")
                let numbers = try folder.numbers(name).map(\.bitPattern)
                #expect(numbers == tensor.bits, "\(name)")
            }
            #expect(try folder.haveSameNumbers("whole", "tied"))
            #expect(try !folder.haveSameNumbers("rows", "tied"))
        }
    }

    @Test(arguments: ["int64", "int32", "int16", "int8"])
    func wholeNumbersAreNoWeights(name: String) throws {
        let error = thrown { _ = try TorchArchive(path: Self.path("mixed.bin")).floats(name) }
        #expect(error?.description.contains("\(name) in") == true)
        #expect(error?.description.contains("expected F32, BF16, F16 or F64") == true)
    }

    @Test(arguments: [
        ("legacy.bin", "before PyTorch 1.6; convert it: python -c"),
        ("training.bin", "its 'state_dict' is no tensor"),
        ("step.bin", "its 'step' is no tensor"),
        ("expanded.bin", "w is a view that repeats its 1 numbers to shape [3, 4]"),
        ("complex.bin", "torch.ComplexFloatStorage"), ("conjugate.bin", "Complex"),
        ("float8.bin", "float8"),
        ("sparse.bin", "torch.serialization._get_layout, which is not run here"),
        ("list.bin", "the instruction 97"), ("module.bin", "the instruction 129"),
        ("evil.bin", "posix.system, which is not run here"),
    ])
    func whatIsNoDictionaryOfWeightsIsRefusedByName(file: String, named: String) throws {
        try withModel([(Self.path(file), "pytorch_model.bin")]) { path throws in
            let error = thrown { _ = try HuggingFaceFolder(path: path) }
            let text = error?.description ?? ""
            #expect(text.contains(named), "\(text)")
            #expect(text.contains("pytorch_model.bin") && !text.contains("\n"))
            #expect(!FileManager.default.fileExists(atPath: "evaluated"))
        }
    }

    @Test func aPointerOfGitLFSIsNamed() throws {
        try Sample.withFolder { path throws in
            let text = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
            try Data(text.utf8).write(to: URL(filePath: path + "/w.bin"))
            let error = thrown { _ = try TorchArchive(path: path + "/w.bin") }
            #expect(error?.description.contains("git lfs pull") == true)
        }
    }

    @Test func aModelInOneFileHoldsTheSameAsSafetensors() throws {
        let other = try HuggingFaceFolder(path: Sample.reference("sharded"))
        let file = (Self.path("gpt2/pytorch_model.bin"), "pytorch_model.bin")
        try withModel([file]) { path throws in
            let folder = try HuggingFaceFolder(path: path)
            #expect(folder.names.filter { $0 != "lm_head.weight" } == other.names)
            #expect(try folder.haveSameNumbers("lm_head.weight", "transformer.wte.weight"))
            for name in other.names {
                #expect(try folder.floats(name) == other.floats(name))
                #expect(try folder.shape(name) == other.shape(name))
                #expect(try folder.type(name) == other.type(name))
            }
        }
    }

    @Test func safetensorsCountWhereBothAreThere() throws {
        let file = (Self.path("gpt2/pytorch_model.bin"), "pytorch_model.bin")
        let other = (Sample.reference("two.safetensors"), "model.safetensors")
        try withModel([file, other]) { path throws in
            #expect(try HuggingFaceFolder(path: path).names == ["a.float32", "f.scalar"])
        }
        #expect(
            HuggingFaceFolder.weightFiles(among: ["model.safetensors", "pytorch_model.bin"])
                == ["model.safetensors"])
        #expect(
            HuggingFaceFolder.weightFiles(
                among: ["training_args.bin", "pytorch_model.bin", "reference.safetensors"])
                == ["pytorch_model.bin"])
        #expect(HuggingFaceFolder.weightFiles(among: ["adapter_model.safetensors"]).isEmpty)
    }

    @Test func aMissingShardIsNamedWithItsIndex() throws {
        let files = [
            "pytorch_model.bin.index.json", "pytorch_model-00001-of-00002.bin",
        ]
        try withModel(files.map { (Self.path("llama/" + $0), $0) }) { path throws in
            let text = thrown { _ = try HuggingFaceFolder(path: path) }?.description ?? ""
            #expect(text.contains("the shard pytorch_model-00002-of-00002.bin"))
            #expect(text.contains("pytorch_model.bin.index.json"))
        }
    }

    @Test func aFileThatIsCutOffIsNamed() throws {
        let whole = try Data(contentsOf: URL(filePath: Self.path("mixed.bin")))
        for length in [0, 1, 100, whole.count / 2, whole.count - 1] {
            try Sample.withFolder { path throws in
                try whole.prefix(length).write(to: URL(filePath: path + "/w.bin"))
                let error = thrown { _ = try TorchArchive(path: path + "/w.bin") }
                #expect(error?.description.contains("zip archive") == true, "\(length)")
            }
        }
    }
}

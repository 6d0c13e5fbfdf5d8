import Configuration
import ConfigurationSupport
import Files
import ModelFiles
import TestSupport
import Testing
import WeightFiles

/// ELECTRA's discriminator alone, as the folder of a run with `objective: electra` has it.
@Suite struct DiscriminatorExportTests {
    private let target = TestFolder()

    @Test func anElectraForPreTrainingIsExportedAsSuch() throws {
        let folder = try ModelFolder("electra", in: "pretraining_heads")
        try folder.change([("architectures", .array([.string("ElectraForPreTraining")]))])
        // The reference's file holds the generator too.
        let path = folder.path + "/model.safetensors"
        let both = try SafetensorsFile(path: path)
        var own: [String: (shape: [Int], numbers: [Float])] = [:]
        for tensor in both.tensors where !tensor.name.hasPrefix("generator.") {
            own[tensor.name] = (tensor.shape, try both.floats(tensor.name))
        }
        try SafetensorsFile.write(
            path, arrays: own.map { ArrayDescription(name: $0.key, shape: $0.value.shape) },
            type: .float32
        ) { own[$0.name]?.numbers ?? [] }

        let configuration = try RunConfiguration(
            values: values([
                "model_name_or_path": .string(folder.path), "export_dir": .string(target("made")),
            ]), command: .export)
        _ = try ModelFolderExport(configuration).run()
        let made = try SafetensorsFile(path: target("made/model.safetensors"))
        #expect(Set(made.tensors.map(\.name)) == Set(own.keys))
        for (name, array) in own { #expect(try made.floats(name) == array.numbers, "\(name)") }
        let text = String(decoding: target.bytes("made/config.json"), as: UTF8.self)
        let classes = try JSONValueReader.read(text)["architectures"]?.array
        #expect(classes == [.string("ElectraForPreTraining")])
    }
}

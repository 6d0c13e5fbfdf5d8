import Configuration
import ConfigurationSupport
import Foundation
import ModelFiles
import Models
import TestSupport
import Testing
import WeightFiles

/// The pooler of a BertModel, which states alone have no use for (References/sentence_folders/model).
@Suite struct KeptPoolerTests {
    private let target = TestFolder()

    private func export(_ model: String, to name: String) throws -> SafetensorsFile {
        let configuration = try RunConfiguration(
            values: values([
                "model_name_or_path": .string(model), "export_dir": .string(target(name)),
            ]), command: .export)
        _ = try ModelFolderExport(configuration).run()
        return try SafetensorsFile(path: target(name + "/model.safetensors"))
    }

    @Test func anExportedBodyHasItsPooler() throws {
        let folder = try ModelFolder("model", in: "sentence_folders")
        let own = try SafetensorsFile(path: folder.path + "/model.safetensors")
        let once = try export(folder.path, to: "once")
        let twice = try export(target("once"), to: "twice")
        for part in ["weight", "bias"] {
            let numbers = try own.floats("pooler.dense." + part)
            #expect(try once.floats("bert.pooler.dense." + part) == numbers)
            #expect(try twice.floats("bert.pooler.dense." + part) == numbers)
        }
        #expect(Set(once.names) == Set(twice.names) && once.names.count == own.names.count)
    }

    @Test func aModelWithALanguageHeadHasNoPoolerToKeep() throws {
        let folder = try ModelFolder("model", in: "sentence_folders")
        let source = try ModelSource(path: folder.path)
        #expect(try source.keptArrays(of: source.model(for: .states)).count == 2)
        #expect(try source.keptArrays(of: source.model(for: .language)).isEmpty)
    }
}

import Autograd
import Checkpoints
import Foundation
import Kernels
import Models

/// What `export` does, from a configuration.
package struct ModelFolderExport {
    private let configuration: RunConfiguration

    /// - Throws: ``TrainingError`` for a file that is not there.
    package init(_ configuration: RunConfiguration) throws(TrainingError) {
        do throws(ConfigurationError) {
            try configuration.validateFiles()
        } catch {
            throw .configuration(error)
        }
        self.configuration = configuration
    }

    /// Writes the folder and returns its path.
    package func run() throws(TrainingError) -> String {
        guard let folder = configuration.export.exportDir else {
            throw .user("export_dir is not set; name the folder to write")
        }
        let source = try ModelSource(path: configuration.model.modelNameOrPath ?? "")
        let model = try source.model()
        let workspace = Workspace(threads: 1)
        // The store gives the parameters their memory; they keep it.
        _ = ParameterStore(
            model.parameters, computeType: .float32, training: false, in: workspace)
        try source.fill(model, in: workspace)
        let files = try source.tokenizerFiles()
        do throws(CheckpointError) {
            try ModelExport.write(
                model, in: workspace, to: folder, type: type(of: model),
                maximumShardBytes: Int(configuration.export.exportSize * 1e9),
                tokenizerFiles: files)
        } catch {
            throw .checkpoint(error)
        }
        return folder
    }

    /// The numbers to write: as told, or those that config.json names.
    private func type(of model: any LanguageModel) -> WeightType {
        if let type = WeightType(setting: configuration.export.inferDType.rawValue) { return type }
        let data = Data(model.description.configuration.utf8)
        let object = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any]
        let name = object?["dtype"] as? String ?? object?["torch_dtype"] as? String
        return name.flatMap(WeightType.init(setting:)) ?? .float32
    }
}

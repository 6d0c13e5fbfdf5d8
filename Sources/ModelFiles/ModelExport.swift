import Autograd
import Files
package import Kernels
package import Models
package import WeightFiles

/// Writes models as Hugging Face folders.
package enum ModelExport {
    /// Writes config.json, the weights, the tokenizer's files and what else stands beside them to
    /// `folder`.
    ///
    /// - Parameter tokenizerFiles: file name to text.
    package static func write(
        _ model: any LanguageModel, in workspace: Workspace, to folder: String, type: WeightType,
        maximumShardBytes: Int = 5_000_000_000, tokenizerFiles: [String: String]
    ) throws(WeightFileError) {
        guard model.parts.isEmpty else {
            for part in model.parts {
                try write(
                    part, in: workspace,
                    to: part.folder.isEmpty ? folder : folder + "/" + part.folder,
                    type: type, maximumShardBytes: maximumShardBytes, tokenizerFiles)
            }
            return
        }
        try write(
            ModelPart(
                folder: "", configuration: model.description.configuration,
                arrays: model.parameters.map { (name: $0.name, parameter: $0) }),
            in: workspace, to: folder, type: type, maximumShardBytes: maximumShardBytes,
            tokenizerFiles)
    }

    private static func write(
        _ part: ModelPart, in workspace: Workspace, to folder: String, type: WeightType,
        maximumShardBytes: Int, _ tokenizerFiles: [String: String]
    ) throws(WeightFileError) {
        var parameters: [String: Parameter] = [:]
        for (name, parameter) in part.arrays { parameters[name] = parameter }
        try HuggingFaceFolder.write(
            folder, configuration: part.configuration,
            arrays: part.arrays.map {
                ArrayDescription(name: $0.name, shape: $0.parameter.shape.extents)
            }, type: type, maximumShardBytes: maximumShardBytes, extraFiles: tokenizerFiles
        ) { (array: ArrayDescription) throws(WeightFileError) in
            guard let parameter = parameters[array.name] else { return [] }
            return workspace.numbers(parameter)
        }
    }
}

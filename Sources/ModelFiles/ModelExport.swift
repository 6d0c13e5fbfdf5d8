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
        var parameters: [String: Parameter] = [:]
        for parameter in model.parameters { parameters[parameter.name] = parameter }
        try HuggingFaceFolder.write(
            folder, configuration: model.description.configuration,
            arrays: model.parameters.map {
                ArrayDescription(name: $0.name, shape: $0.shape.extents)
            }, type: type, maximumShardBytes: maximumShardBytes, extraFiles: tokenizerFiles
        ) { (array: ArrayDescription) throws(WeightFileError) in
            guard let parameter = parameters[array.name] else { return [] }
            return workspace.numbers(parameter)
        }
    }
}

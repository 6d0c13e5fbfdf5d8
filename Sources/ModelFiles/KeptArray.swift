import Files
package import Models
package import WeightFiles

/// An array of a model's files that the model has no use for and that what is written of it holds as it
/// was: a BERT's pooler beside states alone.
package struct KeptArray: Sendable {
    /// Under the name that it is written with.
    let description: ArrayDescription
    let numbers: [Float]
}

extension ModelSource {
    /// What a folder holds to be kept beside a model's parameters; of others nothing.
    ///
    /// - Throws: ``WeightFileError`` for a file that cannot be read.
    package func keptArrays(of model: any LanguageModel) throws(WeightFileError) -> [KeptArray] {
        guard case .folder(let path) = self else { return [] }
        let folder = try HuggingFaceFolder(path: path)
        var arrays: [KeptArray] = []
        for name in folder.names {
            guard case .kept(let own)? = model.extraArray(name),
                !arrays.contains(where: { $0.description.name == own })
            else { continue }
            arrays.append(
                KeptArray(
                    description: ArrayDescription(name: own, shape: try folder.shape(name)),
                    numbers: try folder.floats(name)))
        }
        return arrays
    }
}

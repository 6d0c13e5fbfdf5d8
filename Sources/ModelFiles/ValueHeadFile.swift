import Autograd
import Files
import Foundation
package import Kernels
package import Models
import WeightFiles

/// The file of a value head, beside a model or an adapter: `value_head.safetensors`, or `value_head.bin` of
/// older versions. TRL's names; LLaMA-Factory reads and writes it (extras/constants.py, model/utils).
package struct ValueHeadFile: Sendable {
    package let path: String

    static let weightName = "v_head.summary.weight"
    private static let biasName = "v_head.summary.bias"
    package static let fileName = "value_head.safetensors"
    private static let names = [fileName, "value_head.bin"]

    /// The head beside the last adapter, else beside the model; `nil` where there is none.
    package init?(beside source: ModelSource, adapters: [String]) {
        var folders = adapters.suffix(1).map { $0 }
        if case .folder(let path) = source { folders.append(path) }
        guard let found = folders.lazy.compactMap({ Self(in: $0) }).first else { return nil }
        self = found
    }

    /// The head of one folder; `nil` where there is none.
    package init?(in folder: String) {
        let paths = Self.names.map { folder + "/" + $0 }
        guard let path = paths.first(where: FileManager.default.fileExists) else { return nil }
        self.path = path
    }

    /// Gives a head its numbers.
    ///
    /// - Throws: ``ModelFileError/weightFile(_:)`` for a missing, unknown or misshapen tensor.
    package func read(into head: TaskHead, in workspace: Workspace) throws(ModelFileError) {
        try ModelFileError.ofWeightFiles { () throws(WeightFileError) in
            let file: any WeightFile =
                path.hasSuffix(".bin")
                ? try TorchArchive(path: path) : try SafetensorsFile(path: path)
            for parameter in head.parameters {
                guard let form = file.form(of: parameter.name) else {
                    throw .missing(entry: parameter.name, file: path)
                }
                guard form.shape == parameter.shape.extents else {
                    throw .shape(
                        entry: parameter.name, found: form.shape,
                        expected: parameter.shape.extents, file: path)
                }
                workspace.assign(try file.floats(parameter.name), to: parameter)
            }
            let known = Set(head.parameters.map(\.name))
            if let other = file.names.filter({ !known.contains($0) }).min() {
                throw .unknown(entry: other, file: path)
            }
        }
    }

    /// Writes the numbers of a model's value head, where it has one.
    package static func write(
        of model: any LanguageModel, in workspace: Workspace, to folder: String
    ) throws(ModelFileError) {
        guard let head = model.taskHead, head.plan.isValueHead else { return }
        try ModelFileError.ofWeightFiles { () throws(WeightFileError) in
            try write(head, in: workspace, to: folder)
        }
    }

    /// Writes a head's numbers.
    static func write(
        _ head: TaskHead, in workspace: Workspace, to folder: String
    ) throws(WeightFileError) {
        var parameters: [String: Parameter] = [:]
        for parameter in head.parameters { parameters[parameter.name] = parameter }
        try write(
            folder,
            arrays: head.parameters.map {
                ArrayDescription(name: $0.name, shape: $0.shape.extents)
            }
        ) { array in parameters[array.name].map(workspace.numbers) ?? [] }
    }

    /// Writes a score's weights, which has no bias, as a value head.
    static func write(
        score weights: [Float], to folder: String
    ) throws(WeightFileError) {
        try write(
            folder,
            arrays: [
                ArrayDescription(name: weightName, shape: [1, weights.count]),
                ArrayDescription(name: biasName, shape: [1]),
            ]
        ) { $0.name == weightName ? weights : [0] }
    }

    private static func write(
        _ folder: String, arrays: [ArrayDescription], values: (ArrayDescription) -> [Float]
    ) throws(WeightFileError) {
        try SafetensorsFile.write(
            folder + "/" + fileName, arrays: arrays,
            values: { (array: ArrayDescription) throws(WeightFileError) in values(array) })
    }
}

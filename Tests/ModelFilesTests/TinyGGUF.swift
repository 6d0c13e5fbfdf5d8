import Autograd
import Checkpoints
import Foundation
import Kernels
import ModelFiles
import Models
import TestSupport

/// The contents of a small GGUF file, to be changed and written.
struct TinyGGUF {
    var metadata: [String: GGUFValue]
    var tensors: [String: (extents: [Int], numbers: [Float])] = [:]

    /// What a file of Tests/References/gguf_models holds, its blocks decoded.
    init(_ folder: String) throws {
        let file = try GGUFFile(path: GGUFModelTests.path(folder))
        metadata = file.metadata
        for tensor in file.tensors {
            let columns = tensor.extents.last ?? 1
            let numbers =
                tensor.typeName == "Q8_0"
                ? QuantizedMatrix(
                    format: .q8_0, rows: tensor.count / columns, columns: columns,
                    bytes: tensor.bytes, owner: file
                ).numbers : try file.floats(tensor.name)
            tensors[tensor.name] = (tensor.extents, numbers)
        }
    }

    /// Writes all of it, or some tensors, as float32.
    func write(to path: String, only names: Set<String>? = nil) throws {
        let part = tensors.filter { names?.contains($0.key) ?? true }
        try GGUFWriter.write(
            path, metadata: metadata.sorted { $0.key < $1.key },
            tensors: part.sorted { $0.key < $1.key }.map {
                .init(name: $0.key, extents: $0.value.extents, type: .float32)
            }
        ) { tensor in part[tensor.name]?.numbers ?? [] }
    }

    /// Writes it into a folder that `body` gets, and that is removed.
    static func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
        let place = FileManager.default.temporaryDirectory.appendingPathComponent(
            "lockstep-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: place) }
        return try body(place.path)
    }

    /// The members of the config.json that the file is read as.
    func configuration() throws -> [String: Any] {
        try Self.withFolder { folder in
            try write(to: folder + "/x.gguf")
            let text = try ModelSource(path: folder + "/x.gguf").configuration()
            return try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
        }
    }

    /// What is said where the file is read as a model; empty where it can be.
    func message() throws -> String {
        try Self.withFolder { folder in
            try write(to: folder + "/x.gguf")
            do {
                let source = try ModelSource(path: folder + "/x.gguf")
                let model = try source.model()
                let workspace = Workspace(threads: 1)
                _ = ParameterStore(
                    model.parameters, computeType: .float32, training: false, in: workspace)
                try source.fill(model, model.parameters, in: workspace)
                return ""
            } catch let error as ModelFileError {
                return error.description.replacing(folder + "/", with: "")
            }
        }
    }
}

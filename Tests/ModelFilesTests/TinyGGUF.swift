import Autograd
import Foundation
import Kernels
import ModelFiles
import Models
import TestSupport
import WeightFiles

/// The contents of a small GGUF file, to be changed and written.
struct TinyGGUF {
    var metadata: [String: GGUFValue]
    var tensors: [String: (extents: [Int], numbers: [Float])] = [:]
    /// The number formats of tensors that are not float32; blocks other than Q8_0's hold anything.
    var formats: [String: QuantizedFormat] = [:]

    /// What a file of Tests/References/gguf_models holds, its blocks decoded.
    init(_ folder: String) throws {
        let file = try GGUFFile(path: GGUFModelTests.path(folder))
        metadata = file.metadata
        for tensor in file.tensors {
            tensors[tensor.name] = (tensor.extents, try file.numbers(of: tensor))
        }
    }

    /// Writes all of it, or some tensors, as float32 or in their formats.
    func write(to path: String, only names: Set<String>? = nil) throws {
        let part = tensors.filter { names?.contains($0.key) ?? true }
        try GGUFWriter.write(
            path, metadata: metadata.sorted { $0.key < $1.key },
            tensors: part.sorted { $0.key < $1.key }.map {
                .init(
                    name: $0.key, extents: $0.value.extents,
                    type: formats[$0.key] == nil ? .float32 : .q8_0)
            }
        ) { tensor in part[tensor.name]?.numbers ?? [] }
        let others = formats.filter { part[$0.key] != nil && $0.value != .q8_0 }
        guard !others.isEmpty else { return }
        var data = try Data(contentsOf: URL(filePath: path))
        for (name, format) in others { try Self.retype(name, as: format, in: &data) }
        try data.write(to: URL(filePath: path))
    }

    /// Says of a tensor that its bytes, which are at least as many as it takes, are of a format.
    private static func retype(
        _ name: String, as format: QuantizedFormat, in data: inout Data
    ) throws {
        let length = withUnsafeBytes(of: UInt64(name.utf8.count).littleEndian) { Data($0) }
        guard let place = data.range(of: length + Data(name.utf8)) else {
            throw CocoaError(.fileReadCorruptFile)
        }
        // Four bytes of how many axes there are, eight of each, then the format.
        let axes = Int(data[place.upperBound])
        let offset = place.upperBound + 4 + 8 * axes
        withUnsafeBytes(of: format.rawValue.littleEndian) {
            data.replaceSubrange(offset..<offset + 4, with: $0)
        }
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
    ///
    /// - Parameter keepingBlocks: whether matrices read the file's blocks, as in generation.
    func message(keepingBlocks: Bool = false) throws -> String {
        try Self.withFolder { folder in
            try write(to: folder + "/x.gguf")
            do {
                let source = try ModelSource(path: folder + "/x.gguf")
                let model = try source.model()
                if keepingBlocks { try source.attach(model, model.parameters) }
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

extension GGUFFile {
    /// The numbers of a tensor of float32 or Q8_0.
    func numbers(of tensor: GGUFTensor) throws -> [Float] {
        guard tensor.typeName == "Q8_0" else { return try floats(tensor.name) }
        let columns = tensor.extents.last ?? 1
        return QuantizedMatrix(
            format: .q8_0, rows: tensor.count / columns, columns: columns, bytes: tensor.bytes,
            owner: self
        ).numbers
    }
}

import Autograd
import Files
import Foundation
import Kernels
import WeightFiles

/// The weights of AdapterHub's folder: adapter.safetensors, or pytorch_adapter.bin.
struct AdapterHubFile {
    static let safetensorsFile = "adapter.safetensors"
    private static let torchFile = "pytorch_adapter.bin"
    /// The head beside the adapter, which save_adapter writes unless told otherwise.
    private static let headFiles = (
        safetensors: "model_head.safetensors", torch: "pytorch_model_head.bin"
    )

    private let path: String
    private let source: any WeightFile
    private let shapes: [String: [Int]]

    /// - Throws: ``FinetuningError/notAnAdapter(folder:found:)``, and what reading throws.
    init(_ folder: String) throws(FinetuningError) {
        try self.init(folder, Self.safetensorsFile, Self.torchFile)
    }

    private init(
        _ folder: String, _ safetensorsFile: String, _ torchFile: String
    ) throws(FinetuningError) {
        let found = AdapterFolder.relatedFiles(folder)
        if found.contains(safetensorsFile) {
            source = try AdapterTensors.open(folder, safetensorsFile)
        } else if found.contains(torchFile) {
            source = try ofWeightFiles { () throws(WeightFileError) in
                try TorchArchive(
                    path: folder + "/" + torchFile,
                    advice: "save the adapter with use_safetensors=True")
            }
        } else {
            throw .notAnAdapter(folder: folder, found: found)
        }
        path = source.path
        var shapes: [String: [Int]] = [:]
        for name in source.names { shapes[name] = source.form(of: name)?.shape }
        self.shapes = shapes
    }

    /// The names in the file of the needed tensors, which are all that the file holds.
    ///
    /// - Parameter optionalPrefix: what files of a model without head leave out.
    func check(
        _ needed: [(name: String, shape: [Int])], optionalPrefix: String
    ) throws(FinetuningError) -> [String] {
        let names = needed.map { name, _ in
            let short =
                name.hasPrefix(optionalPrefix)
                ? String(name.dropFirst(optionalPrefix.count)) : name
            return shapes[name] == nil && shapes[short] != nil ? short : name
        }
        let missing = names.filter { shapes[$0] == nil }
        if let name = missing.first {
            throw .missingTensor(name: name, count: missing.count, file: path)
        }
        let unexpected = Set(shapes.keys).subtracting(names)
        if let name = unexpected.min() {
            throw .unexpectedTensor(name: name, count: unexpected.count, file: path)
        }
        for (name, (_, shape)) in zip(names, needed) {
            guard let found = shapes[name], found != shape else { continue }
            throw .otherBase(
                tensor: name, found: found, expected: shape, base: "", file: path)
        }
        return names
    }

    /// Refuses a head beside the adapter that is not the base's: AdapterHub would use it.
    ///
    /// - Throws: ``FinetuningError/unsupported(what:advice:)`` and what reading throws.
    static func checkHead(
        _ folder: String, _ head: Parameter, in workspace: Workspace
    ) throws(FinetuningError) {
        let found = AdapterFolder.relatedFiles(folder)
        guard found.contains(headFiles.safetensors) || found.contains(headFiles.torch) else {
            return
        }
        let file = try AdapterHubFile(folder, headFiles.safetensors, headFiles.torch)
        for (name, shape) in file.shapes.sorted(by: { $0.key < $1.key }) {
            guard shape == head.shape.extents, try file.floats(name) == workspace.numbers(head)
            else {
                throw .unsupported(
                    what: "\(file.path): a head \(name) that is not the base's \(head.name)",
                    advice: "put it into the model's own files, or remove the file if it was not "
                        + "trained (save_adapter with with_head=False)")
            }
        }
    }

    /// A tensor's numbers.
    func floats(_ name: String) throws(FinetuningError) -> [Float] {
        let numbers = try ofWeightFiles { () throws(WeightFileError) in try source.floats(name) }
        try AdapterTensors.checkFinite(numbers, name, file: path)
        return numbers
    }

    static func write(
        _ parameters: [Parameter], to folder: String, in workspace: Workspace
    ) throws(FinetuningError) {
        let named = Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0) })
        try ofWeightFiles { () throws(WeightFileError) in
            try SafetensorsFile.write(
                folder + "/" + safetensorsFile,
                arrays: parameters.map {
                    ArrayDescription(name: $0.name, shape: $0.shape.extents)
                },
                values: { array in named[array.name].map { workspace.numbers($0) } ?? [] })
        }
    }
}

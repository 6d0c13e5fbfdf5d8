import Files
import Foundation

/// A model folder as transformers writes it: config.json, weights, tokenizer files.
///
/// As in transformers safetensors count before PyTorch's files, and one file before several.
package final class HuggingFaceFolder: Sendable {
    static let configurationFile = "config.json"
    static let weightsFile = "model.safetensors"
    static let indexFile = "model.safetensors.index.json"
    private static let torchFile = "pytorch_model.bin"
    private static let torchIndexFile = "pytorch_model.bin.index.json"

    /// The folder's path.
    package let path: String
    /// The text of config.json.
    package let configuration: String
    /// Every weight's name, sorted.
    package let names: [String]
    private let files: [String: any WeightFile]
    private let fileOfName: [String: String]

    /// Opens the folder and the headers of all its weight files.
    ///
    /// - Throws: ``WeightFileError/missing(entry:file:)`` for a lacking config.json, shard or
    ///   tensor, ``WeightFileError/noWeights(folder:found:)`` where there are none, and what
    ///   ``SafetensorsFile/init(path:)`` and ``TorchArchive/init(path:advice:)`` throw.
    package init(path: String) throws(WeightFileError) {
        self.path = path
        configuration = try Self.configuration(of: path)
        func holds(_ name: String) -> Bool { access(path + "/" + name, F_OK) == 0 }
        let single = [Self.weightsFile, Self.torchFile]
        let index = [Self.indexFile, Self.torchIndexFile]
        guard let first = [single[0], index[0], single[1], index[1]].first(where: holds) else {
            throw try Self.noWeights(path)
        }
        if single.contains(first) {
            let file = try Self.open(path + "/" + first)
            files = [first: file]
            fileOfName = Dictionary(file.names.map { ($0, first) }) { first, _ in first }
        } else {
            let map = try Self.weightMap(of: path + "/" + first)
            files = try Self.shards(map, index: first, of: path)
            fileOfName = try Self.places(in: files, map, index: first, of: path)
        }
        names = fileOfName.keys.sorted()
    }

    /// The text of a folder's config.json; the folder need not hold weights.
    ///
    /// - Throws: ``WeightFileError/missing(entry:file:)`` where there is no such file, and
    ///   ``WeightFileError/system(call:code:file:)``.
    package static func configuration(of path: String) throws(WeightFileError) -> String {
        _ = try fileNames(in: path)
        guard let text = try text(of: configurationFile, in: path) else {
            throw .missing(entry: configurationFile, file: path)
        }
        return text
    }

    /// The text of a further file of the folder, e.g. tokenizer.json; `nil` where there is none.
    package static func text(
        of file: String, in path: String
    ) throws(WeightFileError) -> String? {
        do throws(WeightFileError) {
            return try text(ofFile: path + "/" + file)
        } catch .system("open", ENOENT, _) {
            return nil
        }
    }

    /// The text of a whole file.
    ///
    /// - Throws: ``WeightFileError/system(call:code:file:)``, and
    ///   ``WeightFileError/malformed(detail:file:)`` where it is not UTF-8.
    private static func text(ofFile path: String) throws(WeightFileError) -> String {
        let bytes = try MappedBytes(path: path)
        guard let text = String(validating: bytes.buffer, as: UTF8.self) else {
            throw .malformed(detail: "expected UTF-8 text", file: path)
        }
        return text
    }

    /// The names in a folder, sorted.
    static func fileNames(in folder: String) throws(WeightFileError) -> [String] {
        try WeightFileError.ofFile { () throws(FileProblem) in try PendingFile.names(in: folder) }
    }

    /// Whether the folder holds a weight of that name.
    package func contains(_ name: String) -> Bool { fileOfName[name] != nil }

    /// A weight's extents, outermost first.
    ///
    /// - Throws: ``WeightFileError/missing(entry:file:)``.
    package func shape(_ name: String) throws(WeightFileError) -> [Int] {
        try form(name).shape
    }

    /// A weight's element type as its file spells it: F32, BF16, F16, …
    package func type(_ name: String) throws(WeightFileError) -> String {
        try form(name).type
    }

    /// A weight as float32.
    ///
    /// - Throws: as ``SafetensorsFile/floats(_:)``.
    package func floats(_ name: String) throws(WeightFileError) -> [Float] {
        try file(name).floats(name)
    }

    /// Reads a weight as float32 into the caller's memory.
    ///
    /// - Throws: as ``SafetensorsFile/read(_:shape:into:)``.
    package func read(
        _ name: String, shape: [Int], into values: UnsafeMutableBufferPointer<Float>
    ) throws(WeightFileError) {
        try file(name).read(name, shape: shape, into: values)
    }

    private func form(_ name: String) throws(WeightFileError) -> WeightForm {
        guard let form = try file(name).form(of: name) else {
            throw .missing(entry: name, file: path)
        }
        return form
    }

    func file(_ name: String) throws(WeightFileError) -> any WeightFile {
        guard let fileName = fileOfName[name], let file = files[fileName] else {
            throw .missing(entry: name, file: path)
        }
        return file
    }
}

// MARK: - Shards

extension HuggingFaceFolder {
    private static func open(_ path: String) throws(WeightFileError) -> any WeightFile {
        if path.hasSuffix(".bin") { return try TorchArchive(path: path) }
        return try SafetensorsFile(path: path)
    }

    /// Those of a folder's files that hold the weights that are read.
    ///
    /// - Parameter names: of all files in the folder.
    package static func weightFiles(among names: [String]) -> [String] {
        if names.contains(weightsFile) || names.contains(indexFile) {
            return names.filter { $0.hasSuffix(".safetensors") }
        }
        guard names.contains(torchFile) || names.contains(torchIndexFile) else { return [] }
        return names.filter { $0.hasPrefix("pytorch_model") && $0.hasSuffix(".bin") }
    }

    /// What an index says: weight name to file name.
    private static func weightMap(
        of indexPath: String
    ) throws(WeightFileError) -> [String: String] {
        struct Index: Decodable {
            var weightMap: [String: String]
            enum CodingKeys: String, CodingKey { case weightMap = "weight_map" }
        }
        let map: [String: String]
        let text = try text(ofFile: indexPath)
        do {
            map = try JSONDecoder().decode(Index.self, from: Data(text.utf8)).weightMap
        } catch {
            throw .malformed(detail: "expected JSON with a weight_map", file: indexPath)
        }
        if let file = map.values.first(where: { $0.contains("/") || $0.isEmpty || $0 == ".." }) {
            throw .malformed(
                detail: "its weight_map names '\(file)', expected file names", file: indexPath)
        }
        guard !map.isEmpty else {
            throw .malformed(detail: "its weight_map is empty", file: indexPath)
        }
        return map
    }

    private static func shards(
        _ map: [String: String], index: String, of path: String
    ) throws(WeightFileError) -> [String: any WeightFile] {
        var files: [String: any WeightFile] = [:]
        for name in Set(map.values).sorted() {
            guard access(path + "/" + name, F_OK) == 0 else {
                throw .missing(
                    entry: "the shard \(name), which \(index) names,", file: path)
            }
            files[name] = try open(path + "/" + name)
        }
        for (name, file) in map.sorted(by: { $0.key < $1.key })
        where files[file]?.form(of: name) == nil {
            throw .missing(entry: name, file: path + "/" + file)
        }
        return files
    }

    /// The file of every tensor of the shards: transformers reads those too that the index leaves out.
    ///
    /// - Throws: ``WeightFileError/malformed(detail:file:)`` for a tensor that stands in two shards.
    private static func places(
        in files: [String: any WeightFile], _ map: [String: String], index: String, of path: String
    ) throws(WeightFileError) -> [String: String] {
        var places = map
        for (file, shard) in files.sorted(by: { $0.key < $1.key }) {
            for name in shard.names {
                if let other = places.updateValue(file, forKey: name), other != file {
                    throw .malformed(
                        detail:
                            "\(name) stands in \(min(file, other)) and in \(max(file, other)), expected it in one "
                            + "shard of those that \(index) names", file: path)
                }
            }
        }
        return places
    }

    private static func noWeights(_ path: String) throws(WeightFileError) -> WeightFileError {
        let pickles = try fileNames(in: path).filter {
            $0.hasPrefix("pytorch_model") || $0.hasSuffix(".bin") || $0.hasSuffix(".pt")
                || $0.hasSuffix(".pth")
        }
        return .noWeights(folder: path, found: pickles)
    }
}

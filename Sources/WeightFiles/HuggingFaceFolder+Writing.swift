package import Files
import Foundation

extension HuggingFaceFolder {
    /// Writes a model folder that transformers loads.
    ///
    /// Weights go first, one array in memory at a time, config.json last; every file appears
    /// complete or not at all. Weight files of an earlier, differently divided model in the folder
    /// are removed.
    ///
    /// - Parameters:
    ///   - path: made where it is not there.
    ///   - configuration: the text of config.json.
    ///   - arrays: names and shapes in model order, which decides what goes into which shard.
    ///   - type: what weights are rounded to.
    ///   - maximumShardBytes: a file of weights is not larger, unless a single array is.
    ///   - extraFiles: file name to text, e.g. tokenizer.json, generation_config.json; a name may begin with
    ///     that of a folder, which is made.
    ///   - values: an array's numbers, asked for once each.
    /// - Throws: ``WeightFileError/system(call:code:file:)``,
    ///   ``WeightFileError/invalidName(name:reason:)`` for a name given twice, and what
    ///   `values` throws.
    package static func write(
        _ path: String, configuration: String, arrays: [ArrayDescription],
        type: WeightType = .float32, maximumShardBytes: Int = 5_000_000_000,
        extraFiles: [String: String] = [:],
        values: (ArrayDescription) throws(WeightFileError) -> [Float]
    ) throws(WeightFileError) {
        var names: Set<String> = []
        for array in arrays where !names.insert(array.name).inserted {
            throw .invalidName(name: array.name, reason: "expected names that differ")
        }
        try WeightFileError.ofFile { () throws(FileProblem) in try PendingFile.makeFolder(path) }
        let shards = divide(arrays, type, maximumShardBytes)
        let files = shards.indices.map { fileName($0, of: shards.count) }
        for (shard, file) in zip(shards, files) {
            try SafetensorsFile.write(path + "/" + file, arrays: shard, type: type, values: values)
        }
        if shards.count > 1 {
            try write(index(shards, files, type), to: path + "/" + indexFile)
        }
        try removeStaleWeights(path, keeping: Set(shards.count > 1 ? files + [indexFile] : files))
        for (name, text) in extraFiles.sorted(by: { $0.key < $1.key }) {
            try writeFile(text, to: path + "/" + name)
        }
        try write(configuration, to: path + "/" + configurationFile)
    }

    /// Writes a text into a folder, which is made where it is not there.
    private static func writeFile(_ text: String, to path: String) throws(WeightFileError) {
        try WeightFileError.ofFile { () throws(FileProblem) in
            try PendingFile.makeFolder((path as NSString).deletingLastPathComponent)
        }
        try write(text, to: path)
    }

    private static func write(_ text: String, to path: String) throws(WeightFileError) {
        try WeightFileError.ofFile { () throws(FileProblem) in
            try PendingFile.write(text, to: path)
        }
    }

    /// Fills shards in order, as huggingface_hub does: a new one where the next array does not fit.
    private static func divide(
        _ arrays: [ArrayDescription], _ type: WeightType, _ maximum: Int
    ) -> [[ArrayDescription]] {
        var shards: [[ArrayDescription]] = []
        var current: [ArrayDescription] = []
        var bytes = 0
        for array in arrays {
            let size = array.elements * type.bytes
            if !current.isEmpty && bytes + size > maximum {
                shards.append(current)
                (current, bytes) = ([], 0)
            }
            current.append(array)
            bytes += size
        }
        return current.isEmpty && !shards.isEmpty ? shards : shards + [current]
    }

    private static func fileName(_ index: Int, of count: Int) -> String {
        guard count > 1 else { return weightsFile }
        func padded(_ number: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
        }
        return "model-\(padded(index + 1))-of-\(padded(count)).safetensors"
    }

    /// As transformers writes it: two spaces, sorted keys, a newline at the end.
    private static func index(
        _ shards: [[ArrayDescription]], _ files: [String], _ type: WeightType
    ) -> String {
        let parameters = shards.joined().reduce(0) { $0 + $1.elements }
        let pairs = zip(shards, files).flatMap { shard, file in shard.map { ($0.name, file) } }
            .sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }
            .map {
                "    \(SafetensorsFile.quoted($0.0)): \(SafetensorsFile.quoted($0.1))"
            }
        return """
            {
              "metadata": {
                "total_parameters": \(parameters),
                "total_size": \(parameters * type.bytes)
              },
              "weight_map": {
            \(pairs.joined(separator: ",\n"))
              }
            }

            """
    }

    /// Whether a file has a name under which weights are written here.
    package static func isWeights(_ name: String) -> Bool {
        let isShard =
            name.hasPrefix("model-") && name.hasSuffix(".safetensors") && name.contains("-of-")
        return isShard || name == weightsFile || name == indexFile
    }

    private static func removeStaleWeights(
        _ path: String, keeping files: Set<String>
    ) throws(WeightFileError) {
        for name in try fileNames(in: path) where !files.contains(name) {
            guard isWeights(name) else { continue }
            guard unlink(path + "/" + name) == 0 else {
                throw .system(call: "unlink", code: errno, file: path + "/" + name)
            }
        }
    }
}

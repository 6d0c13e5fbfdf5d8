package import Files
package import WeightFiles

/// What can go wrong with finetuning methods and adapter files.
package enum FinetuningError: Error, Equatable, Sendable {
    /// Nothing in the model has one of the wanted names.
    case noTarget(setting: String, value: String, available: [String])
    /// A regular expression cannot be read.
    case badPattern(setting: String, pattern: String)
    /// A setting has a value that makes no sense.
    case invalid(setting: String, found: String, expected: String)
    /// Something that exists elsewhere but not here; `advice` says what to do.
    case unsupported(what: String, advice: String)
    /// A parameter that would have to be trained or changed is kept quantized.
    case quantized(parameter: String)
    /// Embedding and head are one matrix, but the adapter treats them as two.
    case tied(embedding: String, head: String, detail: String)
    /// A file of an adapter is not there.
    case notAnAdapter(folder: String, found: [String])
    /// An adapter's configuration cannot be read.
    case badConfiguration(file: String, reason: String)
    /// A key of an adapter's configuration that could change the answer and is not used.
    case unusedKey(UnusedKey)
    /// A tensor holds NaN or infinity.
    case notFinite(tensor: String, file: String)
    /// A tensor that the adapter needs is not in its file.
    case missingTensor(name: String, count: Int, file: String)
    /// A tensor in the file that this model's adapter does not have.
    case unexpectedTensor(name: String, count: Int, file: String)
    /// A tensor made for another base model.
    case otherBase(tensor: String, found: [Int], expected: [Int], base: String, file: String)
    case weightFile(WeightFileError)
}

extension FinetuningError: CustomStringConvertible {
    /// One line: what was found, what was expected, where, what to do.
    package var description: String {
        switch self {
        case .noTarget(let setting, let value, let available):
            "\(setting) \(value) matches no module of this model; it has "
                + available.joined(separator: ", ")
        case .badPattern(let setting, let pattern):
            "\(setting) \(pattern) is not a regular expression; write one, or a list of names"
        case .invalid(let setting, let found, let expected):
            "\(setting) is \(found), expected \(expected)"
        case .unsupported(let what, let advice):
            "\(what) is not supported; \(advice)"
        case .quantized(let parameter):
            "\(parameter) is kept quantized and cannot be changed; load the base in full "
                + "precision for that"
        case .tied(let embedding, let head, let detail):
            "\(embedding) and \(head) are one matrix in this model, \(detail)"
        case .notAnAdapter(let folder, let found) where found.isEmpty:
            "\(folder) holds no adapter; expected adapter_config.json there"
        case .notAnAdapter(let folder, let found):
            "\(folder) holds \(found.joined(separator: ", ")), expected adapter_config.json "
                + "with adapter_model.safetensors or adapter.safetensors; save the adapter "
                + "with safetensors (safe_serialization=True, use_safetensors=True)"
        case .badConfiguration(let file, let reason):
            "\(file): \(reason)"
        case .unusedKey(let key):
            key.message + "; or merge the adapter with the program that made it, and use the "
                + "merged model"
        case .notFinite(let tensor, let file):
            "\(tensor) in \(file) holds numbers that are not finite (NaN or infinity); its "
                + "training diverged, take an earlier checkpoint"
        case .missingTensor(let name, let count, let file):
            "\(name)\(Self.more(count)) is missing in \(file); the adapter is incomplete or for "
                + "another model"
        case .unexpectedTensor(let name, let count, let file):
            "\(name)\(Self.more(count)) in \(file) does not belong to this model and "
                + "adapter_config.json; the adapter is for another model, or for modules that take none "
                + "here: merge it with PEFT then (merge_and_unload)"
        case .otherBase(let tensor, let found, let expected, let base, let file):
            "\(tensor) in \(file) has shape \(found), this model needs \(expected); the adapter "
                + "was made for \(base.isEmpty ? "another base model" : base)"
        case .weightFile(let error):
            error.description
        }
    }

    private static func more(_ count: Int) -> String {
        count > 1 ? " (and \(count - 1) more)" : ""
    }
}

/// Runs `body`, an error of WeightFiles becoming one of this room.
func ofWeightFiles<Result>(
    _ body: () throws(WeightFileError) -> Result
) throws(FinetuningError) -> Result {
    do {
        return try body()
    } catch {
        throw .weightFile(error)
    }
}

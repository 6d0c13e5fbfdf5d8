import Foundation
import WeightFiles

/// The files of a GGUF model: one, or those of a set whose names end in `-00001-of-0000N.gguf`.
///
/// Source: llama.cpp's `llama_split_path` and the constructor of `llama_model_loader`.
struct GGUFParts {
    let files: [GGUFFile]
    /// Of the first file.
    let metadata: [String: GGUFValue]

    /// The most files a set may have, by its names.
    private static let most = 99_999

    /// Opens the file at `path` and the others of its set.
    ///
    /// - Throws: ``ModelFileError/weightFile(_:)`` for a damaged file, ``ModelFileError/user(_:)``
    ///   where a part is not there, or belongs to another set.
    init(path: String) throws(ModelFileError) {
        let file = try Self.open(path)
        let count = try Self.number("split.count", of: file) ?? 1
        guard count > 1 else {
            (files, metadata) = ([file], file.metadata)
            return
        }
        guard count <= Self.most, let name = PartName(path), name.count == count else {
            throw .user(
                "\(path) is one of \(count) parts (split.count), but its name does not end in "
                    + "-00001-of-\(Self.padded(min(count, Self.most))).gguf; give the parts the "
                    + "names that they had")
        }
        var files: [GGUFFile] = []
        for number in 1...count {
            let part = "\(name.stem)-\(Self.padded(number))-of-\(Self.padded(count)).gguf"
            guard FileManager.default.fileExists(atPath: part) else {
                throw .user(
                    "\(path): part \(number) of \(count) is not there, expected \(part); put all "
                        + "parts into one folder")
            }
            files.append(part == path ? file : try Self.open(part))
        }
        (self.files, metadata) = (files, files[0].metadata)
        try check()
    }

    /// Whether a file's name says that it is a later part of a set.
    static func isLaterPart(_ name: String) -> Bool {
        PartName(name).map { $0.number != 1 } ?? false
    }

    private func check() throws(ModelFileError) {
        for (index, file) in files.enumerated() {
            for (key, expected) in [("split.count", files.count), ("split.no", index)] {
                let found = try Self.number(key, of: file)
                guard found == expected else {
                    throw .user(
                        "\(file.path): \(key) is \(found.map(String.init) ?? "missing"), expected "
                            + "\(expected), as the file's name says")
                }
            }
            // What the other parts say besides is what the first says.
            for (key, value) in file.metadata.sorted(by: { $0.key < $1.key })
            where !key.hasPrefix("split.") && !key.hasPrefix("general.") {
                guard metadata[key] == value else {
                    throw .user(
                        "\(file.path): \(key) is not what the first part, \(files[0].path), says; "
                            + "the parts are of different models")
                }
            }
        }
        let tensors = files.reduce(0) { $0 + $1.tensors.count }
        if let expected = try Self.number("split.tensors.count", of: files[0]),
            expected != tensors
        {
            throw .user(
                "\(files[0].path): its \(files.count) parts hold \(tensors) tensors, expected "
                    + "\(expected) (split.tensors.count); copy them again")
        }
    }

    /// All tensors by name.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` for one that two parts hold.
    func tensors() throws(ModelFileError) -> [String: (tensor: GGUFTensor, file: GGUFFile)] {
        var result: [String: (tensor: GGUFTensor, file: GGUFFile)] = [:]
        for file in files {
            for tensor in file.tensors {
                if let other = result.updateValue((tensor, file), forKey: tensor.name) {
                    throw .user(
                        "\(tensor.name) is in \(other.file.path) and in \(file.path); the parts "
                            + "are of different models")
                }
            }
        }
        return result
    }

    private static func open(_ path: String) throws(ModelFileError) -> GGUFFile {
        do {
            return try GGUFFile(path: path)
        } catch {
            throw .weightFile(error)
        }
    }

    /// A whole number of 0 or more; `nil` where the key is not there.
    private static func number(
        _ key: String, of file: GGUFFile
    ) throws(ModelFileError) -> Int? {
        guard let value = file.metadata[key] else { return nil }
        guard let number = value.integer, number >= 0 else {
            throw .weightFile(
                .malformed(
                    detail: "\(key) is \(value), expected a whole number", file: file.path))
        }
        return number
    }

    /// A name that ends in `-NUMBER-of-COUNT.gguf`, each of five digits.
    private struct PartName {
        let stem: Substring
        let number, count: Int

        init?(_ path: String) {
            guard path.hasSuffix(".gguf") else { return nil }
            let words = path.dropLast(5).split(separator: "-", omittingEmptySubsequences: false)
            guard words.count > 3, words[words.count - 2] == "of",
                let count = Self.number(words[words.count - 1]),
                let number = Self.number(words[words.count - 3])
            else { return nil }
            (self.number, self.count) = (number, count)
            stem = path.dropLast("-00001-of-00001.gguf".count)
        }

        private static func number(_ word: Substring) -> Int? {
            word.utf8.count == 5 && word.utf8.allSatisfy { 0x30...0x39 ~= $0 } ? Int(word) : nil
        }
    }

    private static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}

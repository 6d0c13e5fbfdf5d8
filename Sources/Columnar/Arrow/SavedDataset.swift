package import Files
import Foundation

/// A folder that `datasets`' save_to_disk has written.
package struct SavedDataset {
    /// Splits in the order of dataset_dict.json, with the Arrow files that hold their rows, in order; a folder
    /// of one dataset has one split, named as its state.json says, else "train".
    package let splits: [(name: String, files: [String])]

    private static let state = "state.json"
    private static let dictionary = "dataset_dict.json"
    /// Bytes that such a description has at most.
    private static let most = 64 << 20

    /// Reads what the folder says about itself; `nil` where it is none (no state.json and no
    /// dataset_dict.json).
    ///
    /// - Throws: ``FileProblem/damaged(file:format:problem:)`` for a description that does not name its
    ///   files; ``FileProblem/unsupported(file:found:advice:)`` for rows that are selected by a file of
    ///   indices; as ``RegularFile/bytes(_:most:)``.
    package init?(folder: String) throws(FileProblem) {
        if FileManager.default.fileExists(atPath: folder + "/" + Self.state) {
            let split = try Self.split(folder)
            splits = [(split.name ?? "train", split.files)]
            return
        }
        let path = folder + "/" + Self.dictionary
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        guard let names = try Self.json(path)["splits"]?.array?.map(\.string) else {
            throw .damaged(file: path, format: "JSON", problem: "has no list of splits")
        }
        var splits: [(name: String, files: [String])] = []
        for name in names {
            guard let name, !name.isEmpty, !name.contains("/"), name != ".." else {
                throw .damaged(file: path, format: "JSON", problem: "has a split without a name")
            }
            splits.append((name, try Self.split(folder + "/" + name).files))
        }
        self.splits = splits
    }

    private static func split(
        _ folder: String
    ) throws(FileProblem) -> (name: String?, files: [String]) {
        let path = folder + "/" + state
        let state = try json(path)
        if let indices = state["_indices_data_files"]?.array, !indices.isEmpty {
            throw .unsupported(
                file: path, found: "rows selected by a file of indices (_indices_data_files)",
                advice: "call dataset.flatten_indices() before save_to_disk")
        }
        guard let entries = state["_data_files"]?.array else {
            throw .damaged(file: path, format: "JSON", problem: "has no list _data_files")
        }
        var files: [String] = []
        for entry in entries {
            guard let name = entry["filename"]?.string, !name.isEmpty else {
                throw .damaged(
                    file: path, format: "JSON",
                    problem: "has an entry of _data_files without a name")
            }
            files.append(name.hasPrefix("/") ? name : folder + "/" + name)
        }
        return (state["_split"]?.string, files)
    }

    private static func json(_ path: String) throws(FileProblem) -> JSONValue {
        let bytes = try RegularFile.bytes(path, most: most)
        do throws(JSONProblem) {
            return try JSONValueReader.read(bytes[...])
        } catch {
            throw .damaged(
                file: path, format: "JSON",
                problem: "\(error.found) found, \(error.expected) expected")
        }
    }
}

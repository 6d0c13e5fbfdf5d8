import Configuration
import Files
import Finetuning
import Foundation

/// The adapters that became part of the base before another was trained over them. Without them its numbers mean
/// something else, and PEFT's files have no place for them: they are named in a file of their own beside it.
enum MergedAdapters {
    static let fileName = "merged_adapters.json"
    private static let key = "merged_adapters"

    /// Writes the file beside an adapter, or removes one that an earlier run has left there.
    static func write(_ merged: [AdapterFolder], to folder: String) throws(ModelFileError) {
        let path = folder + "/" + fileName
        guard !merged.isEmpty else {
            guard FileManager.default.fileExists(atPath: path) else { return }
            do {
                return try FileManager.default.removeItem(atPath: path)
            } catch {
                throw .user("\(path) cannot be removed: \(error.localizedDescription)")
            }
        }
        let list = JSONValue.array(merged.map { .string($0.path) })
        do {
            try (JSONValue.object([(key: key, value: list)]).text(indent: 2) + "\n")
                .write(toFile: path, atomically: true, encoding: .utf8)
        } catch {
            throw .user("\(path) cannot be written: \(error.localizedDescription)")
        }
    }

    /// The places of those that lie between `base` and the adapter in `folder`, innermost first; none where the
    /// adapter was trained on another model, such as one that has them in it already.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` for a file that is not as ``write(_:to:)`` makes it.
    private static func places(
        below folder: String, over base: String
    ) throws(ModelFileError) -> [String] {
        let path = folder + "/" + fileName
        guard let data = RegularFile.contents(path) else { return [] }
        let told = try? JSONValueReader.read([UInt8](data)[...])
        let places = told?[key]?.array?.compactMap(\.string) ?? []
        guard !places.isEmpty, places.count == told?[key]?.array?.count else {
            throw .user(
                "\(path): expected {\"\(key)\": [folders of adapters]}; write it anew, or remove it"
            )
        }
        let configuration = RegularFile.contents(folder + "/" + AdapterFolder.configurationFile)
        let keys = configuration.flatMap { try? JSONValueReader.read([UInt8]($0)[...]) }
        let own = ["base_model_name_or_path", "model_name"].lazy
            .compactMap { keys?[$0]?.string }.first { !$0.isEmpty }
        guard let own, RunConfiguration.areOneFolder(own, base) else { return [] }
        return places
    }

    /// Adds an adapter to a list of those that lie on a model, and before it those that it needs there.
    ///
    /// - Parameter base: the model's path.
    /// - Throws: ``ModelFileError/user(_:)`` where the list has others, or one is not there.
    static func add(
        _ folder: AdapterFolder, to list: inout [AdapterFolder], over base: String
    ) throws(ModelFileError) {
        let places = try places(below: folder.path, over: base)
        if list.isEmpty {
            for place in places {
                guard FileManager.default.fileExists(atPath: place) else {
                    throw .user(
                        "'\(folder.path)' was trained over the adapter '\(place)', which does not "
                            + "exist; name its place before the other's, as in "
                            + "adapter_name_or_path: PLACE,\(folder.path)")
                }
                list.append(try AdapterSetup.folder(place))
            }
        } else {
            try check(folder, over: list, on: base)
        }
        list.append(folder)
    }

    /// Passes unless an adapter was trained over others than those that lie between it and the model.
    ///
    /// - Parameter list: those that do.
    static func check(
        _ folder: AdapterFolder, over list: [AdapterFolder], on base: String
    ) throws(ModelFileError) {
        let places = try places(below: folder.path, over: base)
        // One that is no longer where it was may lie elsewhere; others are not mistaken for it.
        let isThere =
            list.count >= places.count
            && zip(list, places).allSatisfy {
                RunConfiguration.areOneFolder($0.path, $1)
                    || !FileManager.default.fileExists(atPath: $1)
            }
        guard !isThere else { return }
        let found = list.isEmpty ? "the model alone" : list.map(\.path).joined(separator: ", ")
        throw .user(
            "'\(folder.path)' was trained over \(places.joined(separator: ", ")), and here it would lie "
                + "on \(found); name those before it, or export the model with them and use it with that"
        )
    }
}

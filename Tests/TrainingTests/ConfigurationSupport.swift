import Foundation
import Training

/// Values as a file would give them, one key a line.
func values(
    _ contents: KeyValuePairs<String, ConfigurationValue.Content>
) -> [String: ConfigurationValue] {
    var values: [String: ConfigurationValue] = [:]
    for (index, (key, content)) in contents.enumerated() {
        values[key] = ConfigurationValue(content, place: .line(index + 1, file: "run.yaml"))
    }
    return values
}

/// The least a pretraining run must be told, ahead of `contents`, whose first stands on line 10.
func trainingValues(
    _ contents: KeyValuePairs<String, ConfigurationValue.Content> = [:],
    without absent: Set<String> = []
) -> [String: ConfigurationValue] {
    var all = values([
        "stage": .string("pt"), "model_name_or_path": .string("models/tiny"),
        "train_from_scratch": .bool(true), "tokenized_path": .string("data/shards"),
        "output_dir": .string("saves/tiny"),
    ])
    for key in absent { all[key] = nil }
    for (index, (key, content)) in contents.enumerated() {
        all[key] = ConfigurationValue(content, place: .line(index + 10, file: "run.yaml"))
    }
    return all
}

/// A pretraining run with `contents`.
func training(
    _ contents: KeyValuePairs<String, ConfigurationValue.Content> = [:]
) throws -> RunConfiguration {
    try RunConfiguration(values: trainingValues(contents), command: .train)
}

/// A fresh folder that is removed with its owner.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory
            .appendingPathComponent("lockstep-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    var path: String { url.path }

    func path(_ name: String) -> String { url.appendingPathComponent(name).path }

    func makeFolder(_ name: String) throws -> String {
        try FileManager.default.createDirectory(
            atPath: path(name), withIntermediateDirectories: true)
        return path(name)
    }

    @discardableResult
    func write(_ name: String, _ text: String = "") throws -> String {
        try Data(text.utf8).write(to: url.appendingPathComponent(name))
        return path(name)
    }

    func read(_ name: String) throws -> String {
        try String(decoding: Data(contentsOf: url.appendingPathComponent(name)), as: UTF8.self)
    }

    /// Names of what the folder holds, sorted.
    func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }
}

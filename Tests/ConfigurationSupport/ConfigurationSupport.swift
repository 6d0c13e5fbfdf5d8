package import Configuration

/// Values as a file would give them, one key a line.
package func values(
    _ contents: KeyValuePairs<String, ConfigurationValue.Content>
) -> [String: ConfigurationValue] {
    var values: [String: ConfigurationValue] = [:]
    for (index, (key, content)) in contents.enumerated() {
        values[key] = ConfigurationValue(content, place: .line(index + 1, file: "run.yaml"))
    }
    return values
}

/// The least a pretraining run must be told, ahead of `contents`, whose first stands on line 10.
package func trainingValues(
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
package func training(
    _ contents: KeyValuePairs<String, ConfigurationValue.Content> = [:]
) throws -> RunConfiguration {
    try RunConfiguration(values: trainingValues(contents), command: .train)
}

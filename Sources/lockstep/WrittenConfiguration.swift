import Configuration
import Distributed
import Files
import Foundation

/// A configuration as its file and the command line give it, in the keys of whatever program.
struct WrittenConfiguration {
    private var values: [String: ConfigurationValue]
    private var notices: [String] = []
    private let environment = ProcessInfo.processInfo.environment

    /// Reads what was written.
    ///
    /// - Parameter file: the YAML file; `nil` where all settings are arguments.
    init(file: String?, overrides: [String]) throws(ConfigurationError) {
        if let file {
            try self.init(YAMLDocument(contentsOf: file, overrides: overrides))
        } else {
            try self.init(YAMLDocument(text: "{}", file: "arguments", overrides: overrides))
        }
    }

    /// Reads a text that is no file's; `name` is what messages call it.
    init(text: String, name: String) throws(ConfigurationError) {
        try self.init(YAMLDocument(text: text, file: name))
    }

    private init(_ document: YAMLDocument) throws(ConfigurationError) {
        values = document.values
        if LLaMAFactoryV1.recognises(values) {
            // A launcher that contradicts itself is told where ranks meet.
            let place = try? Launch.place(environment: environment)
            let translated = try LLaMAFactoryV1(values, ranks: place?.ranks ?? 1) {
                path throws(ConfigurationError) in
                guard FileManager.default.fileExists(atPath: path) else { return nil }
                return try YAMLDocument(contentsOf: path).values
            }
            (values, notices) = (translated.values, translated.notices)
        }
        try readTokens()
    }

    /// Puts the tokens and descriptions of a file in place of its path.
    private mutating func readTokens() throws(ConfigurationError) {
        let key = "new_special_tokens_config"
        guard let value = values[key], case .string(let path) = value.content else { return }
        let tokens = try YAMLDocument(contentsOf: path).values
        guard !tokens.isEmpty else {
            throw .file(
                key: key, path: path, problem: "names no tokens; write \"<token>\": description",
                place: value.place)
        }
        values[key] = ConfigurationValue(.map(tokens), place: value.place)
    }

    /// The settings of a command.
    func configuration(
        for command: RunConfiguration.Command
    ) throws(ConfigurationError) -> RunConfiguration {
        let caches = HubCaches(environment: environment)
        var paths = LocalPaths(caches: caches)
        var values = values
        let nones = PythonNone.replace(in: &values)
        try paths.resolve(&values)
        return try RunConfiguration(
            values: values, command: command, caches: caches,
            notices: notices + nones + paths.notices)
    }
}

import Configuration
import Evaluation
import Files

/// Reads the YAML files of tasks.
enum TaskFileReading {
    /// A file's keys and values.
    @Sendable static func read(_ path: String) throws(EvaluationError) -> JSONValue {
        do throws(ConfigurationError) {
            return ConfigurationValue(.map(try YAMLDocument(contentsOf: path).values)).json
        } catch {
            throw .user(error.description)
        }
    }
}

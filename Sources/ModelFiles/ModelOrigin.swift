import Configuration

/// What decides the numbers of a model before it has learned anything: the files that they come from, and settings in
/// words. Models of the same files and settings compute the same.
package struct ModelOrigin: Equatable, Sendable {
    /// The paths of files of numbers, and of adapters' configurations.
    package let files: [String]
    package var settings: [String]

    /// - Parameters:
    ///   - configuration: the text of config.json as it is used.
    ///   - run: whose precision the model computes in.
    init(files: [String], configuration: String, of run: RunConfiguration) {
        self.files = files
        settings = [configuration, run.compute.precision.rawValue]
    }
}

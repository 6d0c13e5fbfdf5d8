package import Configuration
import ModelFiles
import Models

extension RunConfiguration {
    /// The configuration with samples that a model of so many positions takes, where their length was not
    /// given.
    package func fitted(to positions: Int) throws(TrainingError) -> RunConfiguration {
        do throws(ConfigurationError) {
            return try fitting(positions: positions)
        } catch {
            throw .configuration(error)
        }
    }

    /// The same with the model that the configuration names, where data are read without it. Whoever
    /// trains says what is wrong with a model that cannot be read.
    package func fittedToModel() throws(TrainingError) -> RunConfiguration {
        guard !isGiven("cutoff_len"), let path = model.modelNameOrPath,
            let source = try? ModelSource(path: path),
            let found = try? source.model(weighted: false, scaling: ropeScaling)
        else { return self }
        return try fitted(to: found.description.maximumPositions)
    }
}

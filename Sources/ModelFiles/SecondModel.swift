package import Configuration
package import Kernels

/// A frozen model beside a run's own, of files of its own: a reference or a reward model. What shapes the run's model
/// shapes it, too: precision and `rope_scaling`, as where LLaMA-Factory gives it the run's model arguments with another
/// path (train/trainer_utils.py, `create_ref_model` and `create_reward_model`).
package struct SecondModel {
    private let path: String
    private let adapters: [String]
    private let configuration: RunConfiguration
    private let computeType: ElementType

    /// - Parameters:
    ///   - path: as of ``InferenceModel``.
    ///   - adapters: on it.
    ///   - configuration: of the run.
    package init(
        _ path: String, adapters: [String], of configuration: RunConfiguration,
        computeType: ElementType
    ) {
        (self.path, self.adapters) = (path, adapters)
        (self.configuration, self.computeType) = (configuration, computeType)
    }

    /// Reads it as a decoder of the run's tokens.
    ///
    /// - Throws: ``ModelFileError`` where something is missing, does not fit, or is no decoder.
    package func decoder(in workspace: Workspace) throws(ModelFileError) -> InferenceModel {
        let model = try InferenceModel(
            path: path, adapters: adapters, scaling: configuration.ropeScaling,
            computeType: computeType, in: workspace)
        try model.requireDecoder()
        return model
    }

    /// Reads it with the head of a reward model; a language model where it is none.
    package func withRewards(in workspace: Workspace) throws(ModelFileError) -> InferenceModel {
        try .withRewards(
            path: path, adapters: adapters, scaling: configuration.ropeScaling,
            computeType: computeType, in: workspace)
    }

    /// What decides its numbers; they are not read.
    package func origin() throws(ModelFileError) -> ModelOrigin {
        let (path, adapters) = try ModelSource.resolved(path, adapters: adapters)
        let source = try ModelSource(path: path)
        let text = try source.configuration()
        return ModelOrigin(
            files: source.weightFiles
                + (try AdapterSetup.folders(adapters, over: path).flatMap(\.files)),
            configuration: try configuration.ropeScaling?.applied(to: text) ?? text,
            of: configuration)
    }
}

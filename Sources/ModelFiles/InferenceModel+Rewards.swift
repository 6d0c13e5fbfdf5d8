package import Kernels
import Models

extension InferenceModel {
    /// A reward model with its head; a language model where it is none.
    ///
    /// - Parameters: as of ``InferenceModel``.
    package static func withRewards(
        path: String, adapters: [String], computeType: ElementType, threads: Int
    ) throws(ModelFileError) -> InferenceModel {
        try withRewards(
            path: path, adapters: adapters, computeType: computeType,
            in: Workspace(threads: threads))
    }

    /// The same in a workspace that exists.
    package static func withRewards(
        path: String, adapters: [String], scaling: RopeScaling? = nil, computeType: ElementType,
        in workspace: Workspace
    ) throws(ModelFileError) -> InferenceModel {
        try InferenceModel(
            path: path, adapters: adapters, scaling: scaling,
            purpose: rewardPurpose(path, adapters), computeType: computeType, in: workspace)
    }

    private static func rewardPurpose(
        _ path: String, _ adapters: [String]
    ) throws(ModelFileError) -> ModelPurpose {
        let (path, adapters) = try ModelSource.resolved(path, adapters: adapters)
        let source = try ModelSource(path: path)
        let purpose = try source.rewardPurpose(adapters: adapters)
        guard purpose.task?.isValueHead == true else { return purpose }
        return try source.ownPurpose(adapters: adapters) == purpose ? purpose : .language
    }

    /// Whether a model's files are those of a reward model; its weights are not read.
    package static func givesRewards(
        path: String, adapters: [String]
    ) throws(ModelFileError) -> Bool {
        try rewardPurpose(path, adapters).task != nil
    }

    /// Whether the model gives texts a score.
    package var isRewardModel: Bool { rewardHead != nil }

    private var rewardHead: TaskHead? {
        model.taskHead.flatMap { $0.plan.kind == .sequence && $0.plan.outputs == 1 ? $0 : nil }
    }

    /// What a reward model gives a text: the number of its last token; `nil` of other models.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` for ids outside the vocabulary, too many, or none.
    package func reward(_ ids: [Int32], of document: String) throws(ModelFileError) -> Float? {
        guard let head = rewardHead else { return nil }
        try check(ids, of: document)
        guard !ids.isEmpty else { throw .user("\(document): no tokens, so nothing has a score") }
        let description = model.description
        if description.hasFixedPositions, ids.count > description.maximumPositions {
            throw .user(
                "\(document): \(ids.count) tokens, but the model has "
                    + "\(description.maximumPositions) positions; shorten the document")
        }
        let states = model.hiddenStates(ids, batch: 1, segments: nil, in: pass)
        let features = head.features(states, ids: ids, lengths: [ids.count], in: pass)
        return head.scores(features, in: pass)[0]
    }
}

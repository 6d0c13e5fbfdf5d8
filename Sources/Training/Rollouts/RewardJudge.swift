import Autograd
import Configuration
import Distributed
import Kernels
import ModelFiles
import Models
import Objectives
import Rewards
import TextData
import Tokenizers

/// What scores answers: a reward model beside the run's own, an adapter on its base, or a server.
final class RewardJudge {
    private enum Kind {
        case model(any LanguageModel, TaskHead, in: Workspace, ElementType, keeping: AnyObject)
        case service(RewardService, any Tokenizer)
    }

    private let kind: Kind
    /// Rows that are read at once.
    private let batch: Int

    /// Opens what `reward_model` names.
    ///
    /// - Parameters:
    ///   - setup: of the run, whose model has its memory and its first numbers.
    ///   - tokenizer: of the run.
    ///   - batch: rows that are read at once.
    /// - Throws: ``TrainingError/user(_:)`` where there is no reward model, or one of another vocabulary.
    init(
        _ configuration: RunConfiguration, beside setup: ModelSetup, _ tokenizer: any Tokenizer,
        batch: Int, in workspace: Workspace
    ) throws(TrainingError) {
        self.batch = batch
        let place = configuration.reward.model ?? ""
        let type = configuration.computeType
        switch configuration.reward.kind {
        case .service:
            kind = .service(
                try Self.ofRewards { () throws(RewardError) in try RewardService(place) },
                tokenizer)
        case .adapter:
            let twin = try ofModelFiles { () throws(ModelFileError) in
                try FrozenTwin(
                    judge: place, beside: setup, configuration, computeType: type, in: workspace)
            }
            kind = .model(
                twin.model, try Self.head(of: twin.model, place), in: workspace, type, keeping: twin
            )
        case .whole:
            let model = try ofModelFiles { () throws(ModelFileError) in
                try SecondModel(
                    place, adapters: configuration.reward.adapters, of: configuration,
                    computeType: type
                ).withRewards(in: workspace)
            }
            try Self.check(model, tokenizer, place)
            kind = .model(
                model.model, try Self.head(of: model.model, place), in: workspace, type,
                keeping: model)
        }
        try checkLength(configuration)
    }

    private static func head(
        of model: any LanguageModel, _ place: String
    ) throws(TrainingError) -> TaskHead {
        guard let head = model.taskHead, head.plan.kind == .sequence, head.plan.outputs == 1 else {
            throw .user(
                "reward_model '\(place)' has no value head: found no \(ValueHeadFile.fileName) beside "
                    + "it and no …ForSequenceClassification with one label, expected what stage: rm "
                    + "has left")
        }
        return head
    }

    /// It reads the run's ids, so it needs the run's tokenizer.
    private static func check(
        _ model: InferenceModel, _ tokenizer: any Tokenizer, _ place: String
    ) throws(TrainingError) {
        let rows = model.model.description.vocabularySize
        guard rows >= tokenizer.vocabularySize else {
            throw .user(
                "reward_model '\(place)' has a vocabulary of \(rows), but the run's tokenizer has "
                    + "\(tokenizer.vocabularySize) tokens; give a reward model with the same tokenizer"
            )
        }
        guard let own = model.tokenizer else { return }
        let ids = 0..<Int32(min(own.vocabularySize, tokenizer.vocabularySize))
        if let id = ids.first(where: { own.token(of: $0) != tokenizer.token(of: $0) }) {
            throw .user(
                "reward_model '\(place)' has another tokenizer than the run, whose ids it is to read "
                    + "(id \(id) is '\(own.token(of: id) ?? "")', not "
                    + "'\(tokenizer.token(of: id) ?? "")'); give a reward model with the same one, or "
                    + "serve it and set reward_model_type: api")
        }
    }

    private func checkLength(_ configuration: RunConfiguration) throws(TrainingError) {
        guard case .model(let model, _, _, _, _) = kind else { return }
        let description = model.description
        let longest = configuration.data.cutoffLen + configuration.generation.maxNewTokens
        guard description.hasFixedPositions, longest > description.maximumPositions else { return }
        throw .user(
            "cutoff_len and max_new_tokens come to \(longest) tokens, but the reward model is made "
                + "for \(description.maximumPositions) positions; lower one of them")
    }

    private static func ofRewards<Value>(
        _ body: () throws(RewardError) -> Value
    ) throws(TrainingError) -> Value {
        do throws(RewardError) { return try body() } catch { throw .user(error.description) }
    }

    /// The score of each answer.
    ///
    /// - Parameter stepped: called now and then, to see that it goes on.
    /// - Throws: ``TrainingError/user(_:)`` for scores that are no numbers, and of a server that gives none.
    func scores(
        of answers: [PromptedAnswer], stepped: () -> Void = {}
    ) throws(TrainingError) -> [Double] {
        switch kind {
        case .service(let service, let tokenizer):
            return try Self.ofRewards { () throws(RewardError) in
                try service.scores(
                    of: answers.map { tokenizer.decode($0.ids) }, stepped: stepped)
            }
        case .model(let model, let head, let workspace, let type, _):
            let rows = model.description.vocabularySize
            if let id = answers.flatMap(\.ids).first(where: { $0 >= rows }) {
                throw .user(
                    "the run's model wrote id \(id), but the reward model has a vocabulary of "
                        + "\(rows); give a reward model of the same vocabulary")
            }
            var scores: [Double] = []
            for start in stride(from: 0, to: answers.count, by: batch) {
                let rows = AnswerRows(Array(answers[start..<min(start + batch, answers.count)]))
                let pass = ForwardPass(workspace: workspace, computeType: type)
                let states = model.hiddenStates(
                    rows.ids, batch: rows.count, segments: nil, textLengths: rows.lengths,
                    in: pass)
                let features = head.features(
                    states, ids: rows.ids, lengths: rows.lengths, in: pass)
                scores += head.scores(features, in: pass).map(Double.init)
                stepped()
            }
            guard let bad = scores.first(where: { !$0.isFinite }) else { return scores }
            throw .user(
                "the reward model gives an answer the score \(bad), which is no number to learn "
                    + "from; check its weights, or set precision: fp32")
        }
    }
}

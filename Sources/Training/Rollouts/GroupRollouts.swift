import Autograd
import Configuration
import Distributed
import Files
import Generation
import Kernels
import ModelFiles
import Models
import Objectives
import Reports
import Rewards
import TextData

/// How a rollout becomes micro-batches of ``GroupPolicy``: rewards, advantages among the completions of a
/// prompt, log-probabilities.
final class GroupRollouts {
    private let objective: GroupPolicy
    private let prompts: [RolloutPrompt]
    private let rater: CompletionRater
    private let advantages: GroupAdvantage
    private var reference: ReferenceModel?
    private let configuration: RunConfiguration
    private let partition: BatchPartition
    private let log: CompletionsFile?
    private let workspace: Workspace
    private let communicator: any Communicator
    /// Called now and then, to see that it goes on.
    var stepped: () -> Void = {}
    /// Of the newest rollout.
    private var figures: [(name: String, value: Double)] = []

    init(
        _ objective: GroupPolicy, _ prompts: [RolloutPrompt], _ rater: CompletionRater,
        log: CompletionsFile?, _ context: StageContext
    ) {
        self.objective = objective
        self.prompts = prompts
        self.rater = rater
        self.log = log
        configuration = context.configuration
        workspace = context.workspace
        communicator = context.communicator
        partition = configuration.partition(
            rank: communicator.rank, ranks: communicator.size)
        let section = configuration.groupPolicy
        advantages = GroupAdvantage(
            GroupAdvantage.Scale(section.scale), samples: section.samples)
    }

    /// Opens reward model and reference, once the run's model has its first numbers. Collective.
    func begin(_ setup: ModelSetup) throws(TrainingError) {
        try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            try rater.begin(configuration, beside: setup, in: workspace)
            guard configuration.method.doTrain, objective.hasReference else { return }
            reference = try ReferenceModel(configuration, beside: setup, in: workspace)
        }
    }

    var uses: RolloutSource<PolicyBatch>.Uses {
        RolloutSource.Uses(
            rate: { (completions) throws(TrainingError) in try self.rated(completions) },
            measure: { (completions) throws(TrainingError) in self.measured(completions) },
            batches: { self.batches($0, step: $1) },
            keep: { [objective] in objective.memory = $0 },
            stop: { [rater] in rater.stop() })
    }

    /// Completions with their advantages. Collective.
    private func rated(_ completions: [Completion]) throws(TrainingError) -> [RatedCompletion] {
        let own = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            try rater.table(of: completions, prompts, stepped: stepped)
        }
        // Deviations of the whole rollout, and figures, need all ranks' rewards.
        let table = try own.table.gathered(over: communicator)
        figures = table.figures(advantages)
        let first = communicator.rank * completions.count
        let values = advantages(table.rewards)[first..<first + completions.count]
        let rated = zip(completions, values).map { RatedCompletion($0, ratings: [Float($1)]) }
        write(rated, own.items, table)
        return rated
    }

    /// The first completions, for the log; rank 0's.
    private func write(_ rated: [RatedCompletion], _ items: [RewardItem], _ table: RewardTable) {
        guard let log else { return }
        let rewards = table.rewards
        log.take(
            rated.indices.prefix(configuration.groupPolicy.loggedCompletions).map { number in
                let scores = zip(table.names, table.rows[number].scores).map { name, score in
                    (key: name, value: score.map(JSONValue.double) ?? .null)
                }
                return [
                    ("prompt", .string(items[number].prompt)),
                    ("completion", .string(items[number].completion)),
                    ("answer", items[number].answer.map(JSONValue.string) ?? .null),
                    ("row", .int(items[number].row)), ("rewards", .object(scores)),
                    ("reward", rewards[number].map(JSONValue.double) ?? .null),
                    ("advantage", .double(Double(rated[number].ratings[0]))),
                ]
            })
    }

    /// Completions with the log-probabilities of those who wrote them and of the reference.
    private func measured(_ completions: [RatedCompletion]) -> [RatedCompletion] {
        guard objective.hasOld || reference != nil else { return completions }
        var completions = completions
        let type = configuration.computeType
        // A row's bits do not depend on its company where it has none.
        let size = configuration.compute.deterministic ? 1 : partition.samplesPerMicroBatch
        for start in stride(from: 0, to: completions.count, by: size) {
            let part = start..<min(start + size, completions.count)
            let rows = AnswerRows(completions[part].map(\.completion.answer))
            var values: [[[Float]]] = []
            if objective.hasOld {
                values.append(
                    objective.model.tokenLogProbabilities(
                        rows, temperature: objective.temperature,
                        in: ForwardPass(workspace: workspace, computeType: type)))
            }
            if let reference {
                values.append(
                    reference.model.tokenLogProbabilities(
                        rows, temperature: objective.temperature, in: reference.pass))
            }
            for (row, place) in part.enumerated() {
                completions[place].tokenValues = values.map { $0[row] }
            }
        }
        return completions
    }

    /// A step's micro-batches; those of a later step have other draws of dropout.
    private func batches(_ completions: [RatedCompletion], step: Int) -> [PolicyBatch] {
        let size = partition.samplesPerMicroBatch
        return (0..<partition.microBatches).map { number in
            let part = Array(completions[number * size..<(number + 1) * size])
            return PolicyBatch(
                part,
                counts: part.map {
                    $0.completion.hasEnded || !configuration.groupPolicy.masksTruncated
                },
                sampleIDs: part.map {
                    UInt64($0.completion.position * advantages.samples + $0.completion.sample)
                        &+ UInt64(step) << 40
                },
                figures: number == 0 && step == 0 ? figures : [])
        }
    }
}

extension GroupAdvantage.Scale {
    init(_ scale: GroupPolicySection.Scale) {
        self =
            switch scale {
            case .group: .group
            case .batch: .batch
            case .none: .none
            }
    }
}

import Autograd
import Configuration
import Distributed
import Kernels
import ModelFiles
import Models
import Objectives
import TextData
import Tokenizers

/// What `stage: ppo` makes of the answers that the model has written: their scores, what policy, value head and
/// reference say of each token, and the micro-batches that learn from them.
///
/// All ranks know all answers of a rollout: advantages are whitened over all, and which answers a step learns
/// from depends on the rollout's number alone.
final class PolicyRollouts {
    private let objective: ProximalPolicy
    private let configuration: RunConfiguration
    private let tokenizer: any Tokenizer
    private let workspace: Workspace
    private let communicator: any Communicator
    private let partition: BatchPartition
    private var advantages: RolloutAdvantages
    private var judge: RewardJudge?
    private var reference: ReferenceModel?
    /// The rollout that steps learn from now, in the order of its places.
    private var rows: [RatedCompletion] = []
    private var figures: [(name: String, value: Double)] = []
    /// Called now and then, to see that it goes on.
    var stepped: () -> Void = {}

    init(
        _ objective: ProximalPolicy, _ context: StageContext, _ tokenizer: any Tokenizer
    ) {
        self.objective = objective
        self.tokenizer = tokenizer
        configuration = context.configuration
        workspace = context.workspace
        communicator = context.communicator
        partition = configuration.partition(
            rank: communicator.rank, ranks: communicator.size)
        advantages = RolloutAdvantages(target: configuration.proximalPolicy.target)
        advantages.normalizesScores = configuration.proximalPolicy.normalizesScores
        advantages.whitensRewards = configuration.proximalPolicy.whitensRewards
    }

    /// Opens judge and reference, once the run's model has its first numbers. Collective.
    func begin(_ setup: ModelSetup) throws(TrainingError) {
        try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            judge = try RewardJudge(
                configuration, beside: setup, tokenizer, batch: batch, in: workspace)
            guard configuration.method.doTrain else { return }
            reference = try ReferenceModel(configuration, beside: setup, in: workspace)
        }
    }

    private var batch: Int { configuration.train.perDeviceTrainBatchSize }
    private var longest: Int {
        configuration.data.cutoffLen + configuration.generation.maxNewTokens
    }

    /// Prompts that a rank continues at once.
    var promptsPerRank: Int {
        partition.samplesPerRank * configuration.proximalPolicy.bufferSize
    }

    var uses: RolloutSource<ExperienceBatch>.Uses {
        RolloutSource.Uses(
            rate: { (completions) throws(TrainingError) in try self.rate(completions) },
            batches: { self.batches($1) }, keep: { self.keep($0) })
    }

    // MARK: A rollout

    /// What held-out answers came to.
    func ratings(
        of completions: [Completion]
    ) throws(TrainingError) -> RolloutTrials.Ratings {
        let scores = try scores(of: completions.map(\.answer))
        var figures = FigureSums([PolicyFigure.reward])
        for score in scores { figures.add(PolicyFigure.reward, sum: score) }
        return (scores, figures)
    }

    /// What the judge gives answers.
    private func scores(of answers: [PromptedAnswer]) throws(TrainingError) -> [Double] {
        guard let judge else { preconditionFailure("answers to score before there is a judge") }
        return try judge.scores(of: answers, stepped: stepped)
    }

    /// Rates a rank's own answers. Collective.
    ///
    /// - Returns: with old log-probabilities, values, advantages and returns of each token.
    func rate(_ completions: [Completion]) throws(TrainingError) -> [RatedCompletion] {
        let scores = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            try self.scores(of: completions.map(\.answer))
        }
        let old = numbers(
            of: completions, by: objective.model,
            in: ForwardPass(workspace: workspace, computeType: configuration.computeType))
        let known =
            reference.map { numbers(of: completions, by: $0.model, in: $0.pass) } ?? old
        let own = completions.indices.map { place in
            RatedCompletion(
                completions[place], ratings: [Float(scores[place])],
                tokenValues: [
                    old[place].logProbabilities, old[place].values, known[place].logProbabilities,
                ])
        }
        let all = try own.gathered(over: communicator)
        let (experiences, figures) = advantages(
            all.map { rated in
                let numbers = rated.tokenValues.map { $0.map(Double.init) }
                return RolloutAdvantages.Answer(
                    score: Double(rated.ratings[0]), promptLength: rated.completion.prompt.count,
                    logProbabilities: numbers[0], reference: numbers[2], values: numbers[1])
            })
        self.figures = figures
        rows = zip(all, experiences).map { rated, known in
            RatedCompletion(
                rated.completion, ratings: rated.ratings,
                tokenValues: [
                    rated.tokenValues[0], rated.tokenValues[1], known.advantages.map { Float($0) },
                    known.returns.map { Float($0) },
                ])
        }
        objective.memory = state
        let places = Set(completions.map(\.position))
        return rows.filter { places.contains($0.completion.position) }
    }

    /// What a model says of each answer's tokens.
    private func numbers(
        of completions: [Completion], by model: any LanguageModel, in pass: ForwardPass
    ) -> [(logProbabilities: [Float], values: [Float])] {
        var found: [(logProbabilities: [Float], values: [Float])] = []
        for start in stride(from: 0, to: completions.count, by: batch) {
            let part = completions[start..<min(start + batch, completions.count)]
            found += ProximalPolicy.numbers(
                of: part.map(\.answer), by: model, longest: longest, in: pass)
            stepped()
        }
        return found
    }

    // MARK: Steps

    /// This rank's micro-batches of one of the steps that learn from the rollout.
    func batches(_ step: Int) -> [ExperienceBatch] {
        let (epoch, part) = step.quotientAndRemainder(
            dividingBy: configuration.proximalPolicy.bufferSize)
        let order = SampleOrder(
            count: rows.count,
            seed: RandomStream.mixed(
                UInt64(configuration.train.seed), UInt64(rows.first?.completion.position ?? 0)),
            shuffled: true)
        let start = part * partition.globalBatch + partition.rank * partition.samplesPerRank
        return (0..<partition.microBatches).map { number in
            let first = start + number * partition.samplesPerMicroBatch
            let chosen = (first..<first + partition.samplesPerMicroBatch).map {
                rows[order.index(at: epoch * rows.count + $0)]
            }
            return ExperienceBatch(
                chosen.map { ($0.completion.answer, $0.experience) },
                // Each pass drops other elements.
                sampleIDs: chosen.map {
                    UInt64($0.completion.position * configuration.proximalPolicy.epochs + epoch)
                },
                figures: figures, longest: longest)
        }
    }

    // MARK: Resuming

    /// What the next rollout needs to know of those before, and this one's figures.
    private var state: [Double] {
        advantages.memory + [Double(figures.count)] + figures.map(\.value)
    }

    /// Keeps a rollout that further steps learn from.
    func keep(_ record: [Double]) { objective.memory = state + record }

    /// Takes what was kept.
    ///
    /// - Returns: the record of a rollout that is not at its end; empty where there is none.
    func restore(_ memory: [Double]) -> [Double] {
        let size = RolloutAdvantages.memorySize
        guard memory.count > size else { return [] }
        let count = Int(memory[size])
        advantages.memory = Array(memory.prefix(size))
        figures = Array(zip(PolicyFigure.ofRollout, memory.dropFirst(size + 1).prefix(count)))
            .map { (name: $0, value: $1) }
        let record = Array(memory.dropFirst(size + 1 + count))
        rows = RolloutRecord(numbers: record)?.completions ?? []
        return record
    }
}

extension RatedCompletion {
    /// As ``PolicyRollouts`` rates it.
    fileprivate var experience: ProximalLoss.Experience {
        let numbers = tokenValues.map { $0.map(Double.init) }
        return ProximalLoss.Experience(
            logProbabilities: numbers[0], values: numbers[1], advantages: numbers[2],
            returns: numbers[3])
    }
}

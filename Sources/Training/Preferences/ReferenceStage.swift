import Autograd
import Distributed
import Kernels
import ModelFiles
import Models
import Objectives
import TextData

/// The reference's log-probabilities of a run's answers: read from where an earlier run kept them, else
/// computed before the first step, by the weights that the run begins with or by another model, whose
/// memory is free again then.
final class ReferenceStage {
    let scores: ReferenceScores
    /// A line for the user.
    private(set) var note = ""
    private let answers: [[PromptedAnswer]]
    /// Every answer once, in the order of the data.
    private let unique: [PromptedAnswer]
    private var sums: [Double]
    private let file: ReferenceFile
    private let communicator: any Communicator
    private let batch: Int
    private let longest: Int

    /// Looks for what is known. Collective.
    ///
    /// - Parameter answers: of each example of the run, by its number.
    init(_ answers: [[PromptedAnswer]], _ context: StageContext) throws(TrainingError) {
        let configuration = context.configuration
        communicator = context.communicator
        self.answers = answers
        var seen: Set<UInt64> = []
        unique = answers.flatMap { $0 }.filter { seen.insert($0.fingerprint).inserted }
        scores = ReferenceScores(count: answers.count, answers: answers.first?.count ?? 2)
        // Sums of a row do not depend on its company where it has none.
        batch =
            configuration.compute.deterministic ? 1 : configuration.preference.referenceBatchSize
        longest = configuration.data.cutoffLen
        let communicator = communicator
        file = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            try ReferenceFile(configuration, context.setup, reads: communicator.rank == 0)
        }
        var sums: [Double] = []
        for answer in unique { sums.append(file.known[answer.fingerprint] ?? .nan) }
        // Only rank 0 has read them.
        do throws(CommunicationError) {
            try communicator.broadcast(&sums, from: 0)
        } catch {
            throw .communication(error)
        }
        self.sums = sums
        let known = sums.count { !$0.isNaN }
        note =
            "reference: the log-probabilities of \(known) of \(sums.count) answers were in "
            + file.path
        if isComplete {
            fill()
        } else if let place = configuration.preference.refModel {
            try compute(with: place, context)
        }
    }

    /// Whether all are known.
    var isComplete: Bool { !sums.contains(where: \.isNaN) }

    private func fill() {
        var byAnswer: [UInt64: Double] = [:]
        for (answer, sum) in zip(unique, sums) { byAnswer[answer.fingerprint] = sum }
        for (number, own) in answers.enumerated() {
            scores[number] = own.map { byAnswer[$0.fingerprint] ?? .nan }
        }
    }

    /// Computes what is not known, each rank its batches, and keeps it. Collective.
    ///
    /// Which answers a batch holds does not depend on the number of ranks.
    func compute(
        _ model: any LanguageModel, in workspace: Workspace, _ type: ElementType,
        stepped: () -> Void = {}
    ) throws(TrainingError) {
        let missing = sums.indices.filter { sums[$0].isNaN }.sorted {
            (-unique[$0].ids.count, $0) < (-unique[$1].ids.count, $1)
        }
        var found = [Double](repeating: 0, count: missing.count)
        for (number, start) in stride(from: 0, to: missing.count, by: batch).enumerated()
        where number % communicator.size == communicator.rank {
            let places = start..<min(start + batch, missing.count)
            let rows = AnswerRows(places.map { unique[missing[$0]] }, longest: longest)
            let pass = ForwardPass(workspace: workspace, computeType: type)
            for (place, sum) in zip(places, model.answerSums(rows, in: pass)) {
                found[place] = sum
            }
            stepped()
        }
        let communicator = communicator
        try communicating { () throws(CommunicationError) in try communicator.sum(&found) }
        for (place, sum) in zip(missing, found) { sums[place] = sum }
        guard let worst = missing.first(where: { !sums[$0].isFinite }) else {
            return try keep(computed: missing.count)
        }
        throw .user(
            "the reference model gives an answer of \(unique[worst].answer.count) tokens the "
                + "log-probability \(sums[worst]), which is no number to compare with; check its "
                + "weights, or set precision: fp32")
    }

    private func keep(computed: Int) throws(TrainingError) {
        var all: [UInt64: Double] = [:]
        for (answer, sum) in zip(unique, sums) { all[answer.fingerprint] = sum }
        try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            if communicator.rank == 0 { try file.write(all) }
        }
        note =
            "reference: the log-probabilities of \(computed) of \(sums.count) answers were computed "
            + "ahead of the first step"
            + (computed < sums.count ? ", the others read; all are in " : " and are kept in ")
            + file.path
        fill()
    }

    /// The same with a model of its own, that is gone when this ends.
    private func compute(
        with place: String, _ context: StageContext
    ) throws(TrainingError) {
        let (configuration, communicator) = (context.configuration, context.communicator)
        let other = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            let other = try ofModelFiles { () throws(ModelFileError) in
                try configuration.reference(at: place)
                    .decoder(in: Workspace(threads: context.threads))
            }
            let largest = unique.flatMap(\.ids).max() ?? 0
            guard largest < other.model.description.vocabularySize else {
                throw .user(
                    "ref_model '\(place)' has a vocabulary of "
                        + "\(other.model.description.vocabularySize), but the data hold id "
                        + "\(largest); give a reference with the model's own tokenizer")
            }
            return other
        }
        try compute(other.model, in: other.workspace, other.computeType)
    }

    private func communicating(
        _ body: () throws(CommunicationError) -> Void
    ) throws(TrainingError) {
        do {
            try body()
        } catch {
            throw .communication(error)
        }
    }
}

extension PromptedAnswer {
    /// Stands for prompt and answer.
    var fingerprint: UInt64 {
        var fingerprint = Fingerprint()
        for part in [prompt, answer] {
            fingerprint.add(UInt64(part.count))
            for id in part { fingerprint.add(UInt64(UInt32(bitPattern: id))) }
        }
        return fingerprint.value
    }
}

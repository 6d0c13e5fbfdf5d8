package import Distributed
import Files
import Foundation

/// Tries a model on tasks, on any number of ranks.
package struct TaskRun {
    /// How far it is.
    package struct Progress: Sendable {
        /// Requests that are answered, of how many.
        package let answered: Int
        package let requests: Int
        /// Tokens computed in this run, of how many to compute.
        package let tokens: Int
        package let allTokens: Int
    }

    private let tasks: [any EvaluationTask]
    private let communicator: any Communicator
    private let batch: Int
    private let store: AnswerStore?
    private let requests: [TaskRequest]

    /// - Parameters:
    ///   - batch: texts that are continued together.
    ///   - folder: where answers are kept until all are there; `nil` keeps none.
    ///   - model: what tells the model from others, for answers that are kept.
    package init(
        _ tasks: [any EvaluationTask], batch: Int, over communicator: any Communicator,
        keptIn folder: String? = nil, of model: String = ""
    ) {
        self.tasks = tasks
        self.batch = batch
        self.communicator = communicator
        let requests = tasks.flatMap(\.requests)
        self.requests = requests
        store = folder.map {
            AnswerStore(folder: $0, fingerprint: Self.fingerprint(requests, tasks, model))
        }
    }

    private static func fingerprint(
        _ requests: [TaskRequest], _ tasks: [any EvaluationTask], _ model: String
    ) -> String {
        var hash = FNV1a()
        hash.add(model)
        for task in tasks { hash.add("\(task.name) \(task.requests.count)\n") }
        for request in requests {
            switch request {
            case .likelihood(let context, let continuation, let uncounted):
                hash.add("\(context.count) \(uncounted.sorted())\n")
                for id in context + continuation { hash.add(id) }
            case .text(let prompt, let limits):
                hash.add("\(limits.tokens) \(limits.stops)\n")
                if let drawing = limits.drawing { hash.add("\(drawing)\n") }
                for id in prompt { hash.add(id) }
            }
        }
        return String(hash.value, radix: 16)
    }

    /// The result of each task. Collective.
    ///
    /// - Parameters:
    ///   - resumes: whether answers that are kept are taken.
    ///   - stepped: called now and then, to see that it goes on.
    ///   - leaves: asked before each unit whether to leave out the rest; if one rank does, all do.
    ///   - progress: told of each round.
    /// - Returns: `nil` where the rest was left out.
    package func results(
        by scorer: RequestScorer, resumes: Bool = false, stepped: () -> Void = {},
        leaves: () -> Bool = { false }, progress: (Progress) -> Void = { _ in }
    ) throws(EvaluationError) -> [TaskResult]? {
        var answers = try known(resumes)
        let plan = RequestPlan(requests, skipping: Set(answers.keys), batch: batch)
        var tokens = 0
        for (round, units) in plan.rounds.enumerated() {
            guard try !agreed(leaves()) else { return nil }
            var own: [(Int, TaskAnswer)] = []
            let share = plan.share(of: communicator.rank, among: communicator.size, in: round)
            for unit in share where !leaves() {
                own += zip(
                    unit.requests, scorer.answers(unit, of: requests, stepped: stepped))
            }
            let text = try gathered(AnswerStore.text(own))
            answers.merge(AnswerStore.answers(text)) { $1 }
            try onRankZero { () throws(EvaluationError) in try store?.append(text) }
            tokens += units.reduce(0) { $0 + $1.tokens }
            progress(
                Progress(
                    answered: answers.count, requests: requests.count, tokens: tokens,
                    allTokens: plan.tokens))
        }
        if answers.count < requests.count, try agreed(leaves()) { return nil }
        return try results(answers)
    }

    /// Answers that a run which was left keeps for another one; 0 where none are kept.
    package var keptCount: Int { (try? store?.read())?.count ?? 0 }
    package var requestCount: Int { requests.count }

    /// Removes the answers that were kept, once the results are written.
    package func forgetAnswers() { if communicator.rank == 0 { store?.remove() } }

    private func results(_ answers: [Int: TaskAnswer]) throws(EvaluationError) -> [TaskResult] {
        var place = 0
        var results: [TaskResult] = []
        for task in tasks {
            let count = task.requests.count
            let own = (place..<place + count).compactMap { answers[$0] }
            guard own.count == count else {
                throw .user("answers of some ranks did not arrive whole; run again")
            }
            results.append(task.result(own))
            place += count
        }
        return results
    }

    /// What an earlier run has answered, on all ranks. Collective.
    private func known(_ resumes: Bool) throws(EvaluationError) -> [Int: TaskAnswer] {
        guard let store else { return [:] }
        var text = ""
        try onRankZero { () throws(EvaluationError) in
            let answers = resumes ? try store.read() ?? [:] : [:]
            try store.begin(answers)
            text = AnswerStore.text(answers.map { ($0.key, $0.value) })
        }
        return AnswerStore.answers(try gathered(text))
    }

    /// Runs `body` on rank 0; if it throws, all throw. Collective.
    private func onRankZero(
        _ body: () throws(EvaluationError) -> Void
    ) throws(EvaluationError) {
        var failure: EvaluationError?
        if communicator.rank == 0 {
            do throws(EvaluationError) {
                try body()
            } catch {
                failure = error
            }
        }
        guard communicator.size > 1 else {
            if let failure { throw failure }
            return
        }
        do throws(CommunicationError) {
            try communicator.agree(on: failure?.description)
        } catch {
            throw .communication(error)
        }
    }

    /// Whether a rank says so.
    private func agreed(_ isSo: Bool) throws(EvaluationError) -> Bool {
        var flags = [isSo ? 1.0 : 0.0]
        do throws(CommunicationError) {
            try communicator.maximum(&flags)
        } catch {
            throw .communication(error)
        }
        return flags[0] > 0
    }

    /// All ranks' texts, one behind another.
    private func gathered(_ text: String) throws(EvaluationError) -> String {
        guard communicator.size > 1 else { return text }
        do throws(CommunicationError) {
            return try communicator.allGather(text).joined()
        } catch {
            throw .communication(error)
        }
    }
}

extension FNV1a {
    /// Takes in an id, lowest byte first.
    fileprivate mutating func add(_ id: Int32) {
        let bits = UInt32(bitPattern: id)
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            add(UInt8(truncatingIfNeeded: bits >> shift))
        }
    }
}

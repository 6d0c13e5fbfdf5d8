package import TextData

/// Answers that the policy has written, with what was known when it wrote them.
package struct ExperienceBatch: StepBatch {
    /// `nil` for a row that only fills the batch.
    package let experiences: [ProximalLoss.Experience?]
    package let answers: AnswerRows
    package let sampleIDs: [UInt64]
    /// Of the rollout that the answers are from, the same on all ranks.
    package let figures: [(name: String, value: Double)]

    private let rowsOfAnswers: [PromptedAnswer?]
    private let longest: Int

    /// - Parameters:
    ///   - answers: with a prompt of a token at least, so that each of their tokens is predicted.
    ///   - sampleIDs: each row's position in the run's order.
    ///   - longest: places that a row has at most, but for what an answer takes itself.
    package init(
        _ answers: [(answer: PromptedAnswer, experience: ProximalLoss.Experience)?],
        sampleIDs: [UInt64], figures: [(name: String, value: Double)], longest: Int = .max
    ) {
        rowsOfAnswers = answers.map { $0?.answer }
        experiences = answers.map { $0?.experience }
        for case (let answer, let experience)? in answers {
            precondition(
                answer.targetCount == experience.advantages.count,
                "policy: \(answer.targetCount) targets but \(experience.advantages.count) advantages"
            )
        }
        self.answers = AnswerRows(rowsOfAnswers, longest: longest)
        self.sampleIDs = sampleIDs
        self.figures = figures
        self.longest = longest
    }

    package var rows: Int { experiences.count }

    package var tokenCount: Int {
        rowsOfAnswers.reduce(0) { $0 + ($1?.ids.count ?? 0) }
    }

    package func row(_ row: Int) -> ExperienceBatch {
        let answer = rowsOfAnswers[row].flatMap { answer in
            experiences[row].map { (answer: answer, experience: $0) }
        }
        return ExperienceBatch(
            [answer], sampleIDs: [sampleIDs[row]], figures: figures, longest: longest)
    }

    /// Where each answer's tokens are predicted, one row behind another, in places of the batch. At least
    /// one place, which is the first one where there is no answer.
    var places: [Int32] {
        let places = (0..<rows).flatMap { row in
            experiences[row] == nil ? [] : answers.targetPlaces(of: row).map { Int32($0) }
        }
        return places.isEmpty ? [0] : places
    }
}

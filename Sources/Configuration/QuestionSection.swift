/// How questions are answered from their contexts (`task_type: QUESTION_ANS`); keys as in the Hugging Face
/// example.
package struct QuestionSection: Sendable {
    /// Tokens of the context that a window shares with the one before.
    package let docStride: Int
    /// Whether some questions have no answer.
    package let version2WithNegative: Bool
    /// By how much none has to be likelier than the best answer.
    package let nullScoreDiffThreshold: Double
    /// Answers that are kept of each question.
    package let nBestSize: Int
    /// Tokens of an answer at most.
    package let maxAnswerLength: Int

    static let keys: [ConfigurationKey] = [
        .integer("doc_stride", 128, .from(0).within(16_777_216), .training),
        .boolean("version_2_with_negative", false, .training),
        .number("null_score_diff_threshold", 0, .any, .training),
        .integer("n_best_size", 20, .from(1).within(10_000), .training),
        .integer("max_answer_length", 30, .from(1).within(16_777_216), .training),
    ]

    init(_ settings: ConfigurationSettings) {
        docStride = settings.integer("doc_stride")
        version2WithNegative = settings.boolean("version_2_with_negative")
        nullScoreDiffThreshold = settings.number("null_score_diff_threshold")
        nBestSize = settings.integer("n_best_size")
        maxAnswerLength = settings.integer("max_answer_length")
    }
}

extension QuestionSection: ConfigurationSection {
    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        guard Set.training.contains(settings.command) else { return }
        let task: LabelSection.Task = settings.choice("task_type")
        guard settings.stage == .classification, task == .answers else {
            for key in keys.map(\.name) where settings.isChanged(key) {
                throw settings.contradiction(
                    [key, "task_type"],
                    "it belongs to stage: cls with task_type: \(LabelSection.Task.answers.rawValue); "
                        + "leave it out")
            }
            return
        }
        let (stride, longest) = (settings.integer("doc_stride"), settings.integer("cutoff_len"))
        guard stride < longest else {
            throw settings.contradiction(
                ["doc_stride", "cutoff_len"],
                "windows of \(longest) tokens cannot share \(stride) of them; give a doc_stride below "
                    + "cutoff_len")
        }
        if settings.isChanged("null_score_diff_threshold"),
            !settings.boolean("version_2_with_negative")
        {
            throw settings.contradiction(
                ["null_score_diff_threshold", "version_2_with_negative"],
                "every question has an answer; set version_2_with_negative to true")
        }
    }
}

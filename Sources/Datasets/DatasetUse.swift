/// What a stage learns of a dataset's rows.
package enum DatasetUse: Sendable {
    /// The answers of conversations: `stage: sft`.
    case answers
    /// Which of two answers is better: `stage: dpo` and `rm`.
    case pairs
    /// Whether an answer is desirable: `stage: kto`.
    case judgedAnswers
    /// What a model is to answer itself: `stage: grpo` and `ppo`.
    case prompts

    /// Columns that only this use reads.
    var columns: [String] {
        switch self {
        case .answers, .prompts: []
        case .pairs: ["chosen", "rejected"]
        case .judgedAnswers: ["kto_tag"]
        }
    }

    /// Columns, by what they mean, without which no row of a dataset can be read.
    func wantedColumns(of entry: DatasetEntry) -> Set<String> {
        let isAlpaca = entry.formatting == .alpaca
        // TRL's rows have other columns, which each row is asked for.
        let mayBeTRL = isAlpaca && entry.statedColumns.isEmpty
        switch self {
        case .answers: return isAlpaca ? ["prompt", "response"] : ["messages"]
        case .prompts: return mayBeTRL ? [] : [isAlpaca ? "prompt" : "messages"]
        case .pairs:
            return mayBeTRL
                ? ["chosen", "rejected"]
                : [isAlpaca ? "prompt" : "messages", "chosen", "rejected"]
        case .judgedAnswers:
            return mayBeTRL
                ? [] : Set(isAlpaca ? ["prompt", "response"] : ["messages"]).union(["kto_tag"])
        }
    }

    /// What is wrong with a dataset for this use; `nil` for nothing.
    ///
    /// - Parameter isRanking: whether dataset_info.json says `ranking: true`.
    func problem(isRanking: Bool) -> String? {
        switch self {
        case .answers:
            isRanking
                ? "ranking: true found: preference pairs are not for stage sft"
                : nil
        case .prompts:
            isRanking
                ? "ranking: true found: preference pairs are not for a stage that writes its own answers"
                : nil
        case .pairs:
            isRanking
                ? nil
                : "no ranking: true found: stages dpo and rm learn from pairs of answers; add it in "
                    + "dataset_info.json where the rows have chosen and rejected"
        case .judgedAnswers:
            isRanking
                ? "ranking: true found: stage kto learns from single answers with a tag "
                    + "(kto_tag); pairs are for dpo and rm"
                : nil
        }
    }

    /// What is wrong with the columns that dataset_info.json names; `nil` for nothing.
    func problem(columns: [String: String]) -> String? {
        let known: Set = ["chosen", "rejected", "kto_tag"]
        guard
            let key = known.subtracting(self.columns).sorted().first(where: { columns[$0] != nil })
        else { return nil }
        switch self {
        case .answers:
            return "columns: \(key) found: preference data are not for stage sft"
        case .prompts:
            return "columns: \(key) found: preference data are not for a stage that writes its own "
                + "answers"
        case .pairs: return "columns: \(key) found: tags of single answers are for stage kto"
        case .judgedAnswers: return "columns: \(key) found: pairs of answers are for dpo and rm"
        }
    }
}

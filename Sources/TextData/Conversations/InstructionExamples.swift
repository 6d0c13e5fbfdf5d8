package import Datasets
package import Templates

/// Examples in memory, or in a mapped file.
package enum ExampleList: Sendable {
    case memory([TokenizedExample])
    case file(TokenizedFile, Range<Int>)

    package var count: Int {
        switch self {
        case .memory(let examples): examples.count
        case .file(_, let places): places.count
        }
    }

    package subscript(_ index: Int) -> TokenizedExample {
        switch self {
        case .memory(let examples): examples[index]
        case .file(let file, let places): file.example(places.lowerBound + index)
        }
    }

    /// Some of the examples as samples.
    ///
    /// - Parameter longest: columns that no batch exceeds.
    package func samples(_ places: Range<Int>, longest: Int) -> any SampleSource {
        switch self {
        case .memory(let examples): ExampleSamples(Array(examples[places]), longest: longest)
        case .file(let file, let all):
            TokenizedSamples(
                file, all.lowerBound + places.lowerBound..<all.lowerBound + places.upperBound,
                longest: longest)
        }
    }
}

/// What a run learns from, evaluates on and continues.
package struct InstructionExamples: Sendable {
    package let training: ExampleList
    package let evaluation: ExampleList
    package let predictions: [PromptExample]
    /// Of what is evaluated, each dataset's own, where each is evaluated by itself.
    package let parts: [EvaluatedDataset]
    /// Lines for the user about the rows.
    package let lines: [String]
    /// The datasets, in words.
    package let names: String

    /// Examples that were encoded.
    ///
    /// - Throws: ``ConversationError`` where the run needs what the rows do not give.
    package init(
        _ dataset: InstructionDataset, for settings: InstructionSettings
    ) throws(ConversationError) {
        if settings.isStrict, !settings.predicts, let row = dataset.report.firstPromptOnlyRow {
            throw .row(row)
        }
        let names = settings.datasets.isEmpty ? settings.evaluationDatasets : settings.datasets
        try self.init(
            training: .memory(dataset.training), evaluation: .memory(dataset.evaluation),
            prompts: dataset.predictions, parts: dataset.parts, lines: dataset.report.lines,
            names: names.joined(separator: ", "), settings: settings)
    }

    /// Examples of a file that fits the run.
    ///
    /// - Throws: ``ConversationError/tokenized(path:problem:)`` where it lacks what the run needs.
    package init(
        _ file: TokenizedFile, for settings: InstructionSettings
    ) throws(ConversationError) {
        func lacks(_ problem: String, _ advice: String) -> ConversationError {
            .tokenized(path: file.path, problem: "\(problem); \(advice)")
        }
        let record = file.record
        if settings.isStrict,
            let wrong = record.wrongRows ?? (settings.predicts ? nil : record.promptOnlyRows)
        {
            throw lacks(
                "strict_data: true, but it was prepared without \(wrong)",
                "correct them and run `lockstep prepare` again")
        }
        guard !settings.trains || file.trainingCount > 0 else {
            throw lacks(
                "prepared with dataset none, so it has no examples to learn from",
                "name a dataset and run `lockstep prepare` again")
        }
        try self.init(
            training: .file(file, 0..<(settings.trains ? file.trainingCount : 0)),
            evaluation: .file(
                file, file.trainingCount..<file.trainingCount + file.evaluationCount),
            prompts: (0..<file.promptCount).map(file.prompt), parts: record.parts,
            lines: record.lines, names: record.names(trains: settings.trains), settings: settings)
    }

    private init(
        training: ExampleList, evaluation: ExampleList, prompts: [PromptExample],
        parts: [EvaluatedDataset], lines: [String], names: String, settings: InstructionSettings
    ) throws(ConversationError) {
        guard settings.predicts || evaluation.count > 0 || prompts.isEmpty else {
            throw .noLabels(rows: prompts.count, cutoffLength: settings.encoding.cutoffLength)
        }
        self.training = training
        self.evaluation = evaluation
        predictions = settings.predicts ? prompts : []
        self.parts = parts
        self.lines = lines
        self.names = names
    }
}

extension InstructionSettings {
    /// The settings with which examples are kept: prompts go with what is evaluated, so that a run
    /// may predict with them.
    package var keeping: InstructionSettings {
        var settings = self
        settings.predicts = true
        return settings
    }
}

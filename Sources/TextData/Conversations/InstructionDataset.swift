package import Templates
package import Tokenizers

/// Conversations of datasets as examples to learn from and to evaluate on.
package struct InstructionDataset: Sendable {
    package private(set) var training: [TokenizedExample] = []
    package private(set) var evaluation: [TokenizedExample] = []
    /// With `predicts`: the rows to evaluate on, as prompts and references.
    package private(set) var predictions: [PromptExample] = []
    /// Of what is evaluated, each dataset's own, where each is evaluated by itself.
    package private(set) var parts: [EvaluatedDataset] = []
    /// Whether an earlier run made the examples.
    package private(set) var isKept = false
    package private(set) var report = InstructionReport()

    /// Examples that were made before.
    init(
        training: [TokenizedExample], evaluation: [TokenizedExample],
        predictions: [PromptExample], parts: [EvaluatedDataset] = []
    ) {
        self.training = training
        self.evaluation = evaluation
        self.predictions = predictions
        self.parts = parts
        isKept = true
    }

    /// Reads, mixes, divides, encodes and packs the datasets that `settings` names, in the order
    /// of LLaMA-Factory.
    ///
    /// - Throws: ``ConversationError`` for whatever is wrong with the settings or the data; wrong
    ///   rows only with `isStrict`, or where a dataset has no other.
    package init(
        _ settings: InstructionSettings, _ format: some ConversationFormat,
        _ tokenizer: any Tokenizer
    ) throws(ConversationError) {
        try settings.validate()
        let encoder = try ConversationError.ofTemplates { () throws(TemplateError) in
            try format.encoder(tokenizer, settings.encodingForPacking)
        }
        report.notices += encoder.missingStopWords.map {
            "template \(format.name): the tokenizer has no \($0), so nothing stops at it"
        }
        let catalog = try DatasetCatalog(
            settings.folder, listed: settings.listed, caches: settings.caches)
        var generator = LegacyNumPyGenerator(seed: settings.seed)
        let (rows, order) = try Self.rows(
            of: settings.datasets, catalog, settings, &generator, &report)
        let parts = try DatasetMixing.split(
            order, size: settings.heldOut, seed: settings.seed)
        if let rows {
            if settings.trains {
                training = try examples(rows, parts.training, encoder, settings, learns: true)
            }
            try evaluate(rows, parts.evaluation, encoder, settings)
        }
        let each = settings.evaluatedNames
        for names in each.isEmpty ? [settings.evaluationDatasets] : each.map({ [$0] }) {
            let (held, heldOrder) = try Self.rows(
                of: names, catalog, settings, &generator, &report)
            if let held { try evaluate(held, heldOrder, encoder, settings) }
            if !each.isEmpty { endPart(names[0]) }
        }
    }

    /// What has been added since the last part is one dataset's.
    private mutating func endPart(_ name: String) {
        let start = (parts.last?.examples.upperBound ?? 0, parts.last?.prompts.upperBound ?? 0)
        parts.append(
            EvaluatedDataset(
                name: name, after: parts.last,
                counts: (evaluation.count - start.0, predictions.count - start.1)))
    }

    /// The first example to learn from as numbers and text, as LLaMA-Factory prints it.
    package func firstExampleDescription(_ tokenizer: any Tokenizer) -> String {
        training.first?.description("training example", tokenizer: tokenizer) ?? ""
    }

    /// The rows of datasets, and their order.
    static func rows(
        of names: [String], _ catalog: DatasetCatalog, _ settings: InstructionSettings,
        _ generator: inout LegacyNumPyGenerator, _ report: inout InstructionReport
    ) throws(ConversationError) -> (DatasetRows?, [DatasetRows.Reference]) {
        guard !names.isEmpty else { return (nil, []) }
        var entries: [DatasetEntry] = []
        for name in names { entries.append(try catalog.entry(name)) }
        let rows = try DatasetRows(entries, limit: settings.rowLimit)
        report.notices += try rows.checkColumns()
        let selected = DatasetMixing.selected(
            rows.datasets.map(\.rows.count), samples: entries.map(\.sampleCount),
            limit: settings.rowLimit, &generator)
        return (
            rows,
            DatasetMixing.mixed(
                selected, settings.mixing, settings.probabilities, seed: settings.seed)
        )
    }

    private mutating func evaluate(
        _ rows: DatasetRows, _ order: [DatasetRows.Reference], _ encoder: any ConversationEncoding,
        _ settings: InstructionSettings
    ) throws(ConversationError) {
        guard !order.isEmpty else { return }
        guard settings.predicts else {
            evaluation += try examples(rows, order, encoder, settings)
            return
        }
        let encoding = RowEncoding(rows, encoder)
        let encoded = encoding.prompts(order, threads: settings.threads)
        try account(encoded.map(\.failure), rows, order, settings)
        predictions += encoded.compactMap(\.value)
        // The loss is that of rows with an answer; prompts may come without.
        evaluation += packed(
            encoding.examples(order, threads: settings.threads).map { row in
                row.value.flatMap { $0.example.hasTargets ? $0.example : nil }
            }, settings)
    }

    /// Encodes rows and packs them if asked to.
    ///
    /// - Parameter learns: whether they are to be learned from, so that a `cutoff_len` which cuts
    ///   every question is a mistake.
    private mutating func examples(
        _ rows: DatasetRows, _ order: [DatasetRows.Reference], _ encoder: any ConversationEncoding,
        _ settings: InstructionSettings, learns: Bool = false
    ) throws(ConversationError) -> [TokenizedExample] {
        let encoded = RowEncoding(rows, encoder).examples(order, threads: settings.threads)
        try account(encoded.map(\.failure), rows, order, settings)
        report.truncatedRows += encoded.count { $0.value?.isTruncated ?? false }
        report.toolFormat = encoder.format.toolFormatName
        for row in encoded { report.callNotices.formUnion(row.value?.callNotices ?? []) }
        let usable = encoded.map { row in row.value.flatMap { $0.example.hasTargets ? $0 : nil } }
        let without = encoded.count { $0.value != nil } - usable.count { $0 != nil }
        report.rowsWithoutLabels += without
        guard usable.contains(where: { $0 != nil }) else {
            throw .noLabels(rows: without, cutoffLength: settings.encoding.cutoffLength)
        }
        guard !learns || encoded.contains(where: { $0.value?.isPromptTruncated == false }) else {
            throw .noPrompt(
                rows: encoded.count { $0.value != nil },
                cutoffLength: settings.encoding.cutoffLength)
        }
        return packed(usable.map { $0?.example }, settings)
    }

    /// Examples in packs if asked to, those of each batch of rows by themselves.
    private mutating func packed(
        _ examples: [TokenizedExample?], _ settings: InstructionSettings
    ) -> [TokenizedExample] {
        guard settings.packing != .none else { return examples.compactMap { $0 } }
        let capacity = settings.encodingForPacking.cutoffLength
        report.rowsTooLong += examples.count { ($0?.ids.count ?? 0) > capacity }
        return stride(from: 0, to: examples.count, by: settings.packingBatch).flatMap { start in
            let batch = examples[start..<min(start + settings.packingBatch, examples.count)]
            return ExamplePacking.pack(
                batch.compactMap { $0 }, capacity: capacity, numbers: settings.packing == .neat)
        }
    }

    /// Counts wrong rows, and stops where that is asked for or no row of a dataset is right.
    private mutating func account(
        _ failures: [RowFailure?], _ rows: DatasetRows, _ order: [DatasetRows.Reference],
        _ settings: InstructionSettings
    ) throws(ConversationError) {
        var right = [Int](repeating: 0, count: rows.datasets.count)
        var wrong = right
        var first: [Int: WrongRow] = [:]
        report.rows += order.count
        for (failure, reference) in zip(failures, order) {
            let dataset = Int(reference.dataset)
            switch failure {
            case nil: right[dataset] += 1
            case .media(let column):
                let place = RowProblem(found: column, expected: "text")
                throw .media(column: column, row: rows.wrongRow(place, reference))
            case .wrong(let problem):
                let row = rows.wrongRow(problem, reference)
                if settings.isStrict { throw .row(row) }
                report.add(row)
                wrong[dataset] += 1
                if first[dataset] == nil { first[dataset] = row }
            }
        }
        for (dataset, row) in first.sorted(by: { $0.key < $1.key }) where right[dataset] == 0 {
            throw .allRowsWrong(
                dataset: rows.datasets[dataset].entry.name, rows: wrong[dataset], first: row)
        }
    }
}

extension InstructionSettings {
    /// The encoding settings with one token less where examples are packed, as in LLaMA-Factory.
    var encodingForPacking: EncodingSettings {
        var encoding = encoding
        if packing != .none { encoding.cutoffLength -= 1 }
        return encoding
    }
}

package import Datasets
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
    package private(set) var report = InstructionReport()

    /// Reads, mixes, divides, encodes and packs the datasets that `settings` names, in the order
    /// of LLaMA-Factory.
    ///
    /// - Throws: ``ConversationError`` for whatever is wrong with the settings or the data; wrong
    ///   rows only with `isStrict`, or where a dataset has no other.
    package init(
        _ settings: InstructionSettings, _ format: some ConversationFormat,
        _ tokenizer: any Tokenizer
    ) throws(ConversationError) {
        let rows = try InstructionRows(settings, format, tokenizer)
        try self.init(rows, rows.encoded(0..<rows.count))
    }

    /// Packs and counts rows that are encoded.
    ///
    /// - Parameter encoded: all of `rows`.
    /// - Throws: ``ConversationError`` for what is wrong with the data.
    package init(_ rows: InstructionRows, _ encoded: EncodedRows) throws(ConversationError) {
        precondition(
            encoded.examples.count == rows.count,
            "dataset: \(encoded.examples.count) of \(rows.count) rows are encoded")
        report.notices = rows.notices
        var (examples, prompts) = (encoded.examples[...], encoded.prompts[...])
        for part in rows.parts {
            let own = Array(examples.prefix(part.order.count))
            examples = examples.dropFirst(own.count)
            if part.isLearned {
                training = try self.examples(part, own, rows, learns: true)
            } else if rows.settings.predicts {
                try predict(part, Array(prompts.prefix(own.count)), own, rows)
                prompts = prompts.dropFirst(own.count)
            } else {
                evaluation += try self.examples(part, own, rows)
            }
            if let name = part.name { endPart(name) }
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

    /// The rows of datasets, and their order.
    static func rows(
        of names: [String], _ catalog: DatasetCatalog, _ settings: InstructionSettings,
        _ generator: inout LegacyNumPyGenerator, _ report: inout InstructionReport
    ) throws(ConversationError) -> (DatasetRows?, [DatasetRows.Reference]) {
        guard !names.isEmpty else { return (nil, []) }
        var entries: [DatasetEntry] = []
        for name in names { entries.append(try catalog.entry(name, for: settings.use)) }
        let rows = try DatasetRows(entries, limit: settings.rowLimit)
        report.notices += try rows.checkColumns(for: settings.use)
        let selected = DatasetMixing.selected(
            rows.datasets.map(\.rows.count), samples: entries.map(\.sampleCount),
            limit: settings.rowLimit, &generator)
        return (
            rows,
            DatasetMixing.mixed(
                selected, settings.mixing, settings.probabilities, seed: settings.seed)
        )
    }

    /// Prompts to continue, and the loss of their answers.
    private mutating func predict(
        _ part: InstructionRows.Part, _ encoded: [RowEncoding.Result<PromptExample>],
        _ examples: [RowEncoding.Result<RowEncoding.Example>], _ rows: InstructionRows
    ) throws(ConversationError) {
        try report.account(
            encoded.map(\.failure), of: part.rows, part.order, isStrict: rows.settings.isStrict)
        predictions += encoded.compactMap(\.value)
        for (place, (prompt, example)) in zip(encoded, examples).enumerated() {
            guard prompt.value != nil, case .wrong(let problem)? = example.failure else { continue }
            report.addPromptOnly(part.rows.wrongRow(problem, part.order[place]))
        }
        // The loss is that of rows with an answer; prompts may come without.
        evaluation += packed(
            examples.map { row in
                row.value.flatMap { $0.example.hasTargets ? $0.example : nil }
            }, rows.settings)
    }

    /// Counts encoded rows and packs them if asked to.
    ///
    /// - Parameter learns: whether they are to be learned from, so that a `cutoff_len` which cuts
    ///   every question is a mistake.
    private mutating func examples(
        _ part: InstructionRows.Part, _ encoded: [RowEncoding.Result<RowEncoding.Example>],
        _ rows: InstructionRows, learns: Bool = false
    ) throws(ConversationError) -> [TokenizedExample] {
        let settings = rows.settings
        try report.account(
            encoded.map(\.failure), of: part.rows, part.order, isStrict: settings.isStrict)
        report.truncatedRows += encoded.count { $0.value?.isTruncated ?? false }
        report.toolFormat = rows.encoder.format.toolFormatName
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
}

extension InstructionSettings {
    /// The encoding settings with one token less where examples are packed, as in LLaMA-Factory.
    var encodingForPacking: EncodingSettings {
        var encoding = encoding
        if packing != .none { encoding.cutoffLength -= 1 }
        return encoding
    }
}

package import Datasets
package import Templates
package import Tokenizers

/// Which rows a run reads, in which order, before they are encoded. Ranks find the same rows and
/// encode a share each.
package struct InstructionRows: Sendable {
    /// Rows of one use.
    struct Part: Sendable {
        let rows: DatasetRows
        let order: [DatasetRows.Reference]
        /// Whether they are learned from; else they are evaluated on.
        let isLearned: Bool
        /// The dataset, where it is evaluated by itself.
        var name: String?
    }

    package let settings: InstructionSettings
    let encoder: any ConversationEncoding
    private(set) var parts: [Part] = []
    /// What a user may want to know of template and columns.
    private(set) var notices: [String] = []
    /// The datasets to learn from and those to evaluate on, as they are read.
    private(set) var entries: (learned: [DatasetEntry], evaluated: [DatasetEntry]) = ([], [])
    /// Names that are entries of dataset_info.json; others are files or folders.
    let listed: Set<String>

    /// Rows that are encoded between two reports of progress.
    private static let portion = 4096

    /// Reads, mixes and divides the datasets that `settings` names, in the order of LLaMA-Factory.
    ///
    /// - Throws: ``ConversationError`` for whatever is wrong with the settings, or with the data as
    ///   far as it shows before rows are encoded.
    package init(
        _ settings: InstructionSettings, _ format: some ConversationFormat,
        _ tokenizer: any Tokenizer
    ) throws(ConversationError) {
        try settings.validate()
        self.settings = settings
        encoder = try ConversationError.ofTemplates { () throws(TemplateError) in
            try format.encoder(tokenizer, settings.encodingForPacking)
        }
        var report = InstructionReport()
        report.notices = encoder.missingStopWords.map {
            "template \(format.name): the tokenizer has no \($0), so nothing stops at it"
        }
        let catalog = try DatasetCatalog(
            settings.folder, listed: settings.listed, caches: settings.caches)
        listed = Set(
            (settings.datasets + settings.evaluationDatasets).filter { catalog.lists($0) })
        var generator = LegacyNumPyGenerator(seed: settings.seed)
        let (rows, order) = try InstructionDataset.rows(
            of: settings.datasets, catalog, settings, &generator, &report)
        let (learned, held) = try DatasetMixing.split(
            order, size: settings.heldOut, seed: settings.seed)
        if let rows {
            entries.learned = rows.datasets.map(\.entry)
            if settings.trains {
                parts.append(Part(rows: rows, order: learned, isLearned: true))
            }
            if !held.isEmpty { parts.append(Part(rows: rows, order: held, isLearned: false)) }
        }
        let each = settings.evaluatedNames
        for names in each.isEmpty ? [settings.evaluationDatasets] : each.map({ [$0] }) {
            let (rows, order) = try InstructionDataset.rows(
                of: names, catalog, settings, &generator, &report)
            guard let rows else { continue }
            entries.evaluated += rows.datasets.map(\.entry)
            parts.append(
                Part(
                    rows: rows, order: order, isLearned: false,
                    name: each.isEmpty ? nil : names[0]))
        }
        notices = report.notices
    }

    package var count: Int { parts.reduce(0) { $0 + $1.order.count } }

    /// The rows that one of several ranks encodes.
    package func share(of rank: Int, among ranks: Int) -> Range<Int> {
        count * rank / ranks..<count * (rank + 1) / ranks
    }

    /// Encodes some of the rows.
    ///
    /// - Parameter progress: called with how many of them are done.
    package func encoded(
        _ places: Range<Int>, progress: (Int) -> Void = { _ in }
    ) -> EncodedRows {
        var encoded = EncodedRows()
        var start = 0
        for part in parts {
            let own = places.clamped(to: start..<start + part.order.count)
            let encoding = RowEncoding(part.rows, encoder)
            for first in stride(from: own.lowerBound, to: own.upperBound, by: Self.portion) {
                let last = min(first + Self.portion, own.upperBound)
                let order = Array(part.order[first - start..<last - start])
                encoded.examples += encoding.examples(order, threads: settings.threads)
                if !part.isLearned, settings.predicts {
                    encoded.prompts += encoding.prompts(order, threads: settings.threads)
                }
                progress(last - places.lowerBound)
            }
            start += part.order.count
        }
        return encoded
    }

    /// Stands for where the rows lie and for their order: ranks that have the same files have the
    /// same.
    package var fingerprint: UInt64 {
        var fingerprint = Fingerprint()
        for part in parts {
            for dataset in part.rows.datasets {
                fingerprint.add(dataset.entry.name)
                fingerprint.add(dataset.rows.count)
                for row in dataset.rows {
                    fingerprint.add(Int(row.file))
                    fingerprint.add(row.place.offset)
                    fingerprint.add(row.place.count)
                }
            }
            fingerprint.add(part.order.count)
            for reference in part.order {
                fingerprint.add(Int(reference.dataset))
                fingerprint.add(Int(reference.row))
            }
        }
        return fingerprint.value
    }
}

import Datasets
import Files
import Foundation
import Templates
import Tokenizers

/// What decided the examples of a ``TokenizedFile``, and what became of the rows.
package struct TokenizedRecord: Sendable, Equatable {
    /// A key of the configuration, or another thing that decides ids, and its value in words.
    struct Setting: Sendable, Equatable {
        var key: String
        var value: String
    }

    /// A dataset as it was read.
    struct Dataset: Sendable, Equatable {
        var name: String
        /// Whether dataset_info.json lists it; else it is a file or a folder.
        var isListed: Bool
        /// What its entry says of rows: format, columns, tags, samples to draw.
        var reading: String
        var files: [FileMark]
    }

    /// In the order in which a difference is looked for.
    var settings: [Setting]
    /// Those to learn from and those to evaluate on.
    var datasets: [Dataset] = []
    /// Of what is evaluated, each dataset's own, where each is evaluated by itself.
    package var parts: [EvaluatedDataset] = []
    /// Lines for the user about the rows.
    package var lines: [String] = []
    /// The rows that could not be used, in words; `nil` where all could.
    var wrongRows: String?
    /// The rows that can only be continued, in words.
    var promptOnlyRows: String?

    /// What the examples of a run are decided by.
    init(
        _ settings: InstructionSettings, _ format: some ConversationFormat,
        _ tokenizer: any Tokenizer
    ) {
        self.settings = []
        func add(_ key: String, _ value: some CustomStringConvertible) {
            self.settings.append(Setting(key: key, value: "\(value)"))
        }
        add("tokenizer", CorpusManifest.hexadecimal(tokenizer.hash))
        add("template", format.name)
        add("default_system", format.defaultSystem.isEmpty ? Self.none : format.defaultSystem)
        add("tool_format", format.toolFormatName.isEmpty ? Self.none : format.toolFormatName)
        let encoding = settings.encoding
        add("cutoff_len", encoding.cutoffLength)
        add("train_on_prompt", encoding.trainsOnPrompt)
        add("mask_history", encoding.masksHistory)
        add("enable_thinking", encoding.enableThinking.map { "\($0)" } ?? "null")
        add("preserve_thinking", encoding.preservesThinking)
        add("packing", settings.packing != .none)
        add("neat_packing", settings.packing == .neat)
        add(Self.datasetKey, Self.words(settings.datasets))
        add("eval_dataset", Self.words(settings.evaluationDatasets))
        add("eval_on_each_dataset", !settings.evaluatedNames.isEmpty)
        add("max_samples", settings.rowLimit.map { "\($0)" } ?? Self.none)
        add("val_size", Self.plain(settings.heldOut))
        add("mix_strategy", settings.mixing.rawValue)
        add("interleave_probs", Self.words((settings.probabilities ?? []).map { "\($0)" }))
        if settings.packing != .none { add("preprocessing_batch_size", settings.packingBatch) }
        add(Self.seedKey, settings.seed)
        add(Self.textKey, CorpusManifest.hexadecimal(FNV1a(format.fingerprint).value))
    }

    /// What is written with the examples of a dataset.
    init(_ dataset: InstructionDataset, of rows: InstructionRows) {
        self.init(rows.settings, rows.encoder.format, rows.encoder.tokenizer)
        let entries = rows.entries.learned + rows.entries.evaluated
        let settings = rows.settings
        let draws =
            settings.heldOut > 0 || entries.contains { $0.sampleCount != nil }
            || settings.mixing != .concat && settings.probabilities != nil
        if !draws { self.settings.removeAll { $0.key == Self.seedKey } }
        datasets = entries.map { Dataset($0, isListed: rows.listed.contains($0.name)) }
        parts = dataset.parts
        let report = dataset.report
        lines = report.lines
        wrongRows = report.firstWrongRows.first.map {
            "\(report.wrongRows) rows, the first: \($0)"
        }
        promptOnlyRows = report.firstPromptOnlyRow.map {
            "the loss of \(report.promptOnlyRows) rows, the first: \($0)"
        }
    }

    init(
        settings: [Setting], datasets: [Dataset], parts: [EvaluatedDataset], lines: [String],
        wrongRows: String?, promptOnlyRows: String?
    ) {
        self.settings = settings
        self.datasets = datasets
        self.parts = parts
        self.lines = lines
        self.wrongRows = wrongRows
        self.promptOnlyRows = promptOnlyRows
    }

    static let none = "none"
    private static let datasetKey = "dataset"
    private static let seedKey = "seed"
    private static let textKey = "text of the template"

    private static func words(_ values: [String]) -> String {
        values.isEmpty ? none : values.joined(separator: ", ")
    }

    private static func plain(_ value: Double) -> String {
        Int(exactly: value).map { "\($0)" } ?? "\(value)"
    }

    func value(_ key: String) -> String? { settings.first { $0.key == key }?.value }

    /// The datasets to learn from.
    var names: String { value(Self.datasetKey) ?? Self.none }

    /// The datasets of a run, in words.
    func names(trains: Bool) -> String {
        let evaluated = value("eval_dataset") ?? Self.none
        return trains || evaluated == Self.none ? names : evaluated
    }

    /// What a run's settings want otherwise; `nil` where these are its examples.
    ///
    /// A run that names no dataset takes what there is. The seed counts where it has decided
    /// something.
    func difference(from run: TokenizedRecord) -> String? {
        let different = settings.compactMap { setting -> (key: String, values: String)? in
            let other = run.value(setting.key) ?? Self.none
            guard other != setting.value, setting.key != Self.datasetKey || other != Self.none
            else { return nil }
            return (
                setting.key, "\(Self.shown(setting.value)), but the run has \(Self.shown(other))"
            )
        }
        guard let first = different.first else { return nil }
        return switch first.key {
        case "tokenizer": "prepared with the tokenizer of hash \(first.values)"
        case Self.textKey:
            "prepared with template \(run.value("template") ?? "") of another text, hash "
                + first.values
        default: "prepared with \(first.key) \(first.values)"
        }
    }

    private static func shown(_ value: String) -> String {
        value == none ? value : "'\(JSONValue.shortened(value))'"
    }

    /// What of a run's datasets is not as it was read; `nil` where nothing is, as far as they are
    /// there.
    func changedData(_ run: InstructionSettings) -> String? {
        guard
            let catalog = try? DatasetCatalog(run.folder, listed: run.listed, caches: run.caches)
        else { return nil }
        let names = Set(run.datasets + run.evaluationDatasets)
        for old in datasets where names.contains(old.name) {
            // Nor is a folder meant that has the name of an entry which is gone.
            guard catalog.lists(old.name) || !old.isListed else { continue }
            let entry: DatasetEntry
            do throws(ConversationError) {
                entry = try catalog.entry(old.name)
            } catch {
                // What is not there is not needed.
                guard case .file(let path, _) = error,
                    FileManager.default.fileExists(atPath: path)
                else { continue }
                return "dataset \(old.name) has changed and cannot be read any more: \(error)"
            }
            let new = Dataset(entry, isListed: catalog.lists(old.name))
            // Files that cannot be read are not needed.
            guard new.files.count == entry.files.count else { continue }
            let dataset = "dataset \(old.name)"
            if old.reading != new.reading {
                return "\(dataset) was prepared as \(old.reading), but is now listed as "
                    + new.reading
            }
            guard old.files.count == new.files.count else {
                return "\(dataset) was prepared from \(old.files.count) files, but has "
                    + "\(new.files.count)"
            }
            for (path, (before, now)) in zip(entry.files, zip(old.files, new.files))
            where before != now {
                return "\(dataset) has changed: \(path) had \(before.bytes) bytes of checksum "
                    + "\(Self.hexadecimal(before.checksum)) when it was prepared, now it has "
                    + "\(now.bytes) of \(Self.hexadecimal(now.checksum))"
            }
        }
        return nil
    }

    static func hexadecimal(_ value: UInt32) -> String {
        String(CorpusManifest.hexadecimal(UInt64(value)).suffix(8))
    }
}

extension TokenizedRecord.Dataset {
    init(_ entry: DatasetEntry, isListed: Bool) {
        name = entry.name
        self.isListed = isListed
        func list(_ names: [String: String]) -> String {
            names.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
                .joined(separator: ", ")
        }
        reading =
            "\(entry.formatting.rawValue) (\(list(entry.columns)))"
            + (entry.formatting == .alpaca ? "" : " with tags (\(list(entry.tags)))")
            + (entry.sampleCount.map { " and num_samples \($0)" } ?? "")
        files = entry.files.compactMap(FileMark.init)
    }
}

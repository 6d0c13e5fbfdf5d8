package import Files
import Foundation

/// A task file of lm-evaluation-harness: YAML with its keys.
package struct HarnessFile {
    /// Reads a YAML file's keys and values.
    package typealias Reading = @Sendable (_ path: String) throws(EvaluationError) -> JSONValue

    private let path: String
    private let values: JSONValue

    /// Keys that are read, and those that change no score.
    private static let known: Set<String> = [
        "task", "dataset_path", "dataset_name", "dataset_kwargs", "training_split",
        "validation_split", "test_split", "fewshot_split", "doc_to_text", "doc_to_target",
        "doc_to_choice", "description", "gen_prefix", "target_delimiter", "fewshot_delimiter",
        "fewshot_config", "num_fewshot", "output_type", "generation_kwargs", "repeats",
        "filter_list", "metric_list", "metadata", "include",
    ]
    private static let harmless: Set<String> = [
        "tag", "task_alias", "should_decontaminate", "doc_to_decontamination_query",
    ]

    /// - Parameter changes: keys that win over the file's.
    /// - Throws: ``EvaluationError/user(_:)`` for a file that cannot be read, and for keys that would
    ///   change scores and are not known.
    package init(
        _ path: String, _ read: Reading, changes: JSONValue = .object([])
    ) throws(EvaluationError) {
        var values = try Self.merged(path, read, depth: 0)
        for (key, value) in changes.members ?? [] { values = values.setting(key, to: value) }
        try self.init(path, values)
    }

    /// - Parameters:
    ///   - path: of the file that the keys stand in.
    ///   - values: all keys of the task.
    init(_ path: String, _ values: JSONValue) throws(EvaluationError) {
        (self.path, self.values) = (path, values)
        for (key, value) in values.members ?? [] {
            if Self.known.contains(key) || Self.harmless.contains(key) || value.isFalse { continue }
            let nearest = NearestName.find(key, among: Array(Self.known))
            throw .user(
                "\(path): \(key) is not known in task files"
                    + (nearest.map { "; did you mean \($0)?" } ?? "; leave it out"))
        }
    }

    /// The keys of a file over those that it includes.
    private static func merged(
        _ path: String, _ read: Reading, depth: Int
    ) throws(EvaluationError) -> JSONValue {
        guard depth < 8 else { throw .user("\(path): include: files include each other") }
        var values = try read(path)
        guard let include = values["include"]?.string else { return values }
        let folder = (path as NSString).deletingLastPathComponent
        let other =
            include.hasPrefix("/") ? include : (folder as NSString).appendingPathComponent(include)
        var base = try merged(other, read, depth: depth + 1)
        for (key, value) in values.members ?? [] { base = base.setting(key, to: value) }
        values = base
        return values
    }

    private func mistake(_ key: String, _ found: String, _ expected: String) -> EvaluationError {
        .user("\(path): \(key): found \(found), expected \(expected)")
    }

    private func text(_ key: String) throws(EvaluationError) -> String? {
        guard let value = values[key] else { return nil }
        guard let text = value.string else { throw mistake(key, value.kind, "a text") }
        return text
    }

    private func integer(_ key: String, in object: JSONValue) throws(EvaluationError) -> Int? {
        guard let value = object[key] else { return nil }
        guard let number = value.integer, number >= 0 else {
            throw mistake(key, value.kind, "a whole number from 0")
        }
        return number
    }

    private func field(_ key: String) throws(EvaluationError) -> HarnessField? {
        guard let value = values[key] else { return nil }
        switch value {
        case .string(let text): return .text(text)
        case .array, .object, .number: return .value(value)
        case .null, .bool: throw mistake(key, value.kind, "a column, a template or a value")
        }
    }

    /// The words of a choice.
    private func choice<Word: RawRepresentable & CaseIterable>(
        _ key: String, _ text: String
    ) throws(EvaluationError) -> Word where Word.RawValue == String {
        guard let word = Word(rawValue: text) else {
            throw mistake(
                key, "'\(text)'", Word.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return word
    }

    /// The task that the file defines.
    func definition() throws(EvaluationError) -> HarnessDefinition {
        guard let name = try text("task"), !name.isEmpty, !name.contains("/") else {
            throw mistake("task", values["task"]?.kind ?? "nothing", "the task's name")
        }
        let output: HarnessDefinition.OutputType = try choice(
            "output_type", try text("output_type") ?? "generate_until")
        guard let target = try field("doc_to_target") else {
            throw mistake("doc_to_target", "nothing", "a column or a template")
        }
        let asked = try field("doc_to_text") ?? (output == .rolling ? .text("") : nil)
        guard let asked else {
            throw mistake("doc_to_text", "nothing", "a column or a template")
        }
        var definition = HarnessDefinition(
            name, output, text: asked, target: target, choices: try field("doc_to_choice"))
        if output == .choice, definition.choices == nil {
            throw mistake("doc_to_choice", "nothing", "the choices of output_type multiple_choice")
        }
        definition.trainingSplit = try text("training_split")
        definition.validationSplit = try text("validation_split")
        definition.testSplit = try text("test_split")
        definition.fewshotSplit = try text("fewshot_split")
        definition.description = try text("description") ?? ""
        definition.prefix = try text("gen_prefix")
        definition.targetDelimiter = try text("target_delimiter") ?? " "
        definition.shotDelimiter = try text("fewshot_delimiter") ?? "\n\n"
        definition.shots = try integer("num_fewshot", in: values) ?? 0
        definition.version = values["metadata"]?["version"]
        try readData(&definition)
        try readShots(&definition)
        try readGeneration(&definition)
        if let filters = values["filter_list"] {
            definition.filters = try HarnessFile.filters(filters, path)
        }
        try readRepeats(&definition)
        if let metrics = values["metric_list"] {
            definition.metrics = try HarnessFile.metrics(metrics, output, path)
        }
        return definition
    }

    /// Files by split (`dataset_kwargs: {data_files: …}`), beside the task file or from the working folder.
    private func readData(_ definition: inout HarnessDefinition) throws(EvaluationError) {
        let kinds = ["json", "csv", "text", "parquet", "arrow"]
        let source = try text("dataset_path") ?? ""
        let options = values["dataset_kwargs"]
        for (key, value) in options?.members ?? []
        where !["data_files", "trust_remote_code"].contains(key) && !value.isFalse {
            throw mistake("dataset_kwargs: \(key)", value.kind, "data_files alone")
        }
        guard let files = options?["data_files"] else {
            if kinds.contains(source) {
                throw mistake("dataset_kwargs", "nothing", "data_files: {split: file} beside it")
            }
            return
        }
        guard ["json", "csv", "parquet", "arrow"].contains(source) else {
            throw mistake(
                "dataset_path", "'\(source)'",
                "json, csv, parquet or arrow where data_files are given")
        }
        let splits = files.members ?? [(key: "train", value: files)]
        let folder = (path as NSString).deletingLastPathComponent
        for (split, value) in splits {
            let names = value.array ?? [value]
            definition.files[split] = []
            for name in names {
                guard let name = name.string else {
                    throw mistake("data_files: \(split)", name.kind, "a file or a list of files")
                }
                let beside = (folder as NSString).appendingPathComponent(name)
                let isHere = name.hasPrefix("/") || FileManager.default.fileExists(atPath: name)
                definition.files[split]?.append(isHere || folder.isEmpty ? name : beside)
            }
        }
    }

    /// `repeats`, of texts alone: a likelihood is the same each time.
    private func readRepeats(_ definition: inout HarnessDefinition) throws(EvaluationError) {
        let repeats = try integer("repeats", in: values) ?? 1
        guard repeats == 1 || definition.output == .text, (1...1000).contains(repeats) else {
            throw mistake(
                "repeats", "\(repeats)",
                definition.output == .text
                    ? "1 to 1000" : "1 of output_type \(definition.output.rawValue)")
        }
        definition.repeats = repeats
        for filter in definition.filters {
            let few = filter.steps.compactMap { step in
                if case .firstFew(let count) = step { count } else { nil }
            }
            if let most = few.max(), most > repeats {
                throw mistake(
                    "filter \(filter.name)", "take_first_k of \(most)",
                    "at most repeats, \(repeats)")
            }
            guard repeats == 1 || filter.leavesOne else {
                throw mistake(
                    "filter \(filter.name)", "\(repeats) answers at its end",
                    "take_first or majority_vote in it")
            }
        }
    }

    private func readShots(_ definition: inout HarnessDefinition) throws(EvaluationError) {
        guard let options = values["fewshot_config"] else { return }
        for (key, value) in options.members ?? [] {
            switch key {
            case "sampler":
                definition.sampler = try choice("fewshot_config: sampler", value.string ?? "")
            case "split": definition.fewshotSplit = value.string
            case "samples":
                guard let samples = value.array else {
                    throw mistake("fewshot_config: samples", value.kind, "a list of rows")
                }
                definition.samples = samples
            default:
                throw mistake("fewshot_config", key, "sampler, split or samples")
            }
        }
    }

    private func readGeneration(_ definition: inout HarnessDefinition) throws(EvaluationError) {
        guard let options = values["generation_kwargs"] else { return }
        for (key, value) in options.members ?? [] {
            switch key {
            case "until":
                let stops = value.array ?? [value]
                let texts = stops.compactMap(\.string)
                guard texts.count == stops.count else {
                    throw mistake("generation_kwargs: until", value.text(), "texts")
                }
                definition.stops = texts
            case "max_gen_toks":
                definition.longest = max(1, try integer(key, in: options) ?? 256)
            case "do_sample", "temperature", "top_p", "top_k": break
            default:
                throw mistake(
                    "generation_kwargs", key,
                    "until, max_gen_toks, do_sample, temperature, top_p, top_k")
            }
        }
        definition.drawing = try drawing(options)
    }

    /// Texts are drawn where there is a temperature above 0 and `do_sample` is not false; as in transformers
    /// of the 50 likeliest tokens unless told.
    ///
    /// Source: lm-evaluation-harness 0.4.13, models/utils.py (`normalize_gen_kwargs`).
    private func drawing(_ options: JSONValue) throws(EvaluationError) -> TextDrawing? {
        func number(
            _ key: String, _ standard: Double, _ isSound: (Double) -> Bool, _ expected: String
        ) throws(EvaluationError) -> Double {
            guard let value = options[key], value != .null else { return standard }
            guard let number = value.double, isSound(number) else {
                throw mistake("generation_kwargs: \(key)", value.text(), expected)
            }
            return number
        }
        let isAsked = options["do_sample"]?.bool
        if let value = options["do_sample"], value != .null, isAsked == nil {
            throw mistake("generation_kwargs: do_sample", value.text(), "true or false")
        }
        var drawing = TextDrawing()
        drawing.temperature = try number("temperature", 1, { $0 >= 0 }, "a number from 0")
        drawing.topP = try number("top_p", 1, { $0 > 0 && $0 <= 1 }, "a share above 0, at most 1")
        drawing.topK = Int(
            try number("top_k", 50, { $0 >= 0 && $0 == $0.rounded() && $0 < 1e9 }, "a number"))
        let hasTemperature = (options["temperature"]?.double ?? 0) > 0
        guard isAsked ?? hasTemperature else { return nil }
        guard hasTemperature else {
            throw mistake(
                "generation_kwargs: do_sample", "true", "a temperature above 0 beside it")
        }
        return drawing
    }
}

import Configuration
import Distributed
import Files
import Foundation
import ModelFiles
import Reports

/// Log-probabilities of answers under one reference, kept for later runs: `reference-ID.jsonl`, a line an
/// answer. ID stands for what decides them besides an answer's ids: the reference's files and the keys
/// that say how they are computed. The ids stand for row, template and `cutoff_len`.
struct ReferenceFile {
    let path: String
    /// By what stands for an answer.
    private(set) var known: [UInt64: Double] = [:]

    /// - Parameter reads: whether this rank reads what is there; others only name the file.
    /// - Throws: ``TrainingError/user(_:)`` for a file that no run has written.
    init(_ configuration: RunConfiguration, reads: Bool) throws(TrainingError) {
        let folder =
            configuration.preference.referencePath
            ?? (configuration.output.outputDir ?? ".") + "/reference"
        guard reads else {
            path = folder
            return
        }
        path = try folder + "/reference-\(Self.identity(configuration)).jsonl"
        guard FileManager.default.fileExists(atPath: path) else { return }
        try read()
    }

    private mutating func read() throws(TrainingError) {
        guard let data = RegularFile.contents(path) else {
            throw .user("\(path): cannot be read; check its permissions")
        }
        for (number, line) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
            let value = try? JSONValueReader.read([UInt8](line)[...])
            guard let answer = value?["answer"]?.string.flatMap({ UInt64($0, radix: 16) }),
                let sum = value?["logp"]?.double, sum.isFinite
            else {
                throw .user(
                    "\(path) line \(number + 1): found no log-probability of an answer, expected "
                        + "{\"answer\": \"…\", \"logp\": …}; remove the file, and the run computes "
                        + "them anew")
            }
            known[answer] = sum
        }
    }

    /// Writes what is known, with what others have written meanwhile.
    func write(_ sums: [UInt64: Double]) throws(TrainingError) {
        var file = self
        if FileManager.default.fileExists(atPath: path) { try file.read() }
        let all = file.known.merging(sums) { $1 }
        let lines = all.sorted { $0.key < $1.key }.map { answer, sum in
            JSONValue.object([
                ("answer", .string(String(answer, radix: 16))), ("logp", .double(sum)),
            ]).text() + "\n"
        }
        do throws(ReportError) {
            try ReportFile.write(Data(lines.joined().utf8), to: path)
        } catch {
            throw .user("precompute_ref_path: \(error)")
        }
    }

    // MARK: Identity

    /// Keys of a run that decide what a model gives, beside its files.
    private static let deciding = [
        "precision", "quantization_bit", "rope_scaling", "resize_vocab", "train_from_scratch",
    ]

    private static func identity(
        _ configuration: RunConfiguration
    ) throws(TrainingError) -> String {
        let preference = configuration.preference
        let other = preference.refModel
        let (model, adapters) = try ofModelFiles { () throws(ModelFileError) in
            try ModelSource.resolved(
                other ?? configuration.model.modelNameOrPath ?? "",
                adapters: other == nil
                    ? configuration.adapter.adapterNameOrPath : preference.refModelAdapters)
        }
        let source = try ofModelFiles { () throws(ModelFileError) in try ModelSource(path: model) }
        var fingerprint = Fingerprint()
        var files = configuration.model.trainFromScratch ? [] : source.weightFiles
        files.append(model + "/config.json")
        for adapter in adapters {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: adapter)) ?? []
            files += names.filter { $0.hasPrefix("adapter_") || $0.contains("model") }.sorted()
                .map { adapter + "/" + $0 }
        }
        for file in files {
            let data = try? Data(contentsOf: URL(fileURLWithPath: file), options: .alwaysMapped)
            if let data { fingerprint.add(data) }
        }
        let lines = configuration.resolvedText.split(separator: "\n").filter { line in
            let key = line.prefix { $0 != ":" }
            return other == nil
                ? deciding.contains(String(key)) || (drawsWeights(configuration) && key == "seed")
                : key == "precision"
        }
        for line in lines { fingerprint.add(Data(line.utf8)) }
        return fingerprint.text
    }

    /// Whether the weights that a run begins with are partly drawn, and matter.
    private static func drawsWeights(_ configuration: RunConfiguration) -> Bool {
        configuration.model.trainFromScratch || configuration.model.resizeVocab
            || configuration.method.finetuningType == .adapter
    }
}

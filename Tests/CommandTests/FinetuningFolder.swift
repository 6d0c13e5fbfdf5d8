import Foundation
import TestSupport
import Testing

extension TrialFolder {
    /// A folder with the model, rows and adapters of References/finetuning, and settings with which
    /// a run follows the reference.
    static func finetuning() throws -> TrialFolder {
        let folder = try TrialFolder()
        for name in ["model", "data", "lora_start", "dora_start"] {
            try folder.add("finetuning/\(name)", as: name)
        }
        try folder.write("run.yaml", finetuningSettings)
        return folder
    }

    static let finetuningSettings = """
        stage: sft
        finetuning_type: lora
        model_name_or_path: model
        dataset: rows
        dataset_dir: data
        template: chatml
        cutoff_len: 256
        disable_shuffling: true
        lora_rank: 4
        per_device_train_batch_size: 2
        gradient_accumulation_steps: 2
        learning_rate: 2e-2
        lr_scheduler_type: linear
        warmup_steps: 3
        max_steps: 30
        logging_steps: 1
        output_dir: out
        threads_per_rank: 1
        peak_gflops: 50

        """

    /// Copies a file or folder of Tests/References.
    func add(_ reference: String, as name: String) throws {
        try FileManager.default.copyItem(
            at: References.folder.appendingPathComponent(reference),
            to: URL(fileURLWithPath: full(name)))
    }

    /// Finetunes with the folder's settings and `overrides`.
    func tune(
        output: String = "out", ranks: Int = 1, _ overrides: [String] = []
    ) throws -> LockstepRun {
        try run(["train", "run.yaml", "output_dir=\(output)"] + overrides, ranks: ranks)
    }

    /// Finetunes, and requires that the run comes to its end.
    @discardableResult
    func tuneToEnd(
        output: String = "out", ranks: Int = 1, _ overrides: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> LockstepRun {
        let run = try tune(output: output, ranks: ranks, overrides)
        try #require(run.status == 0, "\(run.errors)", sourceLocation: sourceLocation)
        return run
    }

    /// Makes `output` look as the run `source` does that was stopped right after `step`.
    func rewind(_ source: String, to output: String, step: Int) throws {
        try copy(source, to: output)
        let kept = ["trainer_log.jsonl", "checkpoint-\(step).h5", "checkpoint-\(step)"]
        for name in names(output) where !kept.contains(name) { try remove("\(output)/\(name)") }
    }

    /// The mean of the last five losses over that of the first five.
    func progress(_ output: String = "out") throws -> Double {
        let losses = try losses(output)
        try #require(losses.count >= 10)
        return losses.suffix(5).reduce(0, +) / losses.prefix(5).reduce(0, +)
    }

    /// log p of the tokens of a few texts.
    func logProbabilities(
        _ model: String, adapter: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [Double] {
        struct Line: Decodable { let logprobs: [Double?] }
        try write(
            "texts.txt", "The capital of France is Paris.\n梯度是损失对参数的导数\nRed and blue.\n")
        let run = try run(
            ["score", "--model", model, "--input", "texts.txt", "--threads", "1"]
                + (adapter.map { ["--adapter", $0] } ?? []))
        try #require(run.status == 0, "\(run.errors)", sourceLocation: sourceLocation)
        let lines = try run.output.split(separator: "\n").map {
            try JSONDecoder().decode(Line.self, from: Data($0.utf8))
        }
        try #require(lines.count == 3, sourceLocation: sourceLocation)
        return lines.flatMap { $0.logprobs.compactMap(\.self) }
    }
}

/// Requires that two runs of finetuning have the same losses, weights, moments and files of
/// weights, bit for bit.
func expectSameFinetuning(
    _ folder: TrialFolder, _ a: String, _ b: String, step: Int,
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let losses = try (folder.losses(a), folder.losses(b))
    #expect(
        losses.0.count == step && losses.0 == losses.1, "losses differ",
        sourceLocation: sourceLocation)
    let (x, y) = try (folder.state(a, step: step), folder.state(b, step: step))
    // Compared apart, so that a difference is not told with all its numbers.
    let isSame =
        x.model == y.model && x.firstMoment == y.firstMoment && x.secondMoment == y.secondMoment
    #expect(isSame, "weights or moments differ", sourceLocation: sourceLocation)
    let files = folder.names(b).filter { $0.hasSuffix(".safetensors") }
    #expect(!files.isEmpty, sourceLocation: sourceLocation)
    for name in files {
        #expect(
            try folder.data("\(a)/\(name)") == folder.data("\(b)/\(name)"), "\(name) differs",
            sourceLocation: sourceLocation)
    }
}

/// The largest |a − b|.
func largestDistance(_ a: [Double], _ b: [Double]) -> Double {
    guard a.count == b.count, !a.isEmpty else { return .infinity }
    return zip(a, b).map { abs($0 - $1) }.max() ?? .infinity
}

/// A safetensors file, taken apart so that a test can change it.
struct EditableTensors {
    struct Tensor: Equatable {
        var type: String
        var shape: [Int]
        var bytes: Data
    }

    var tensors: [String: Tensor] = [:]

    init(_ file: Data) throws {
        let length = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try JSONSerialization.jsonObject(with: file[8..<8 + length])
        for (name, value) in try #require(header as? [String: Any]) where name != "__metadata__" {
            let entry = try #require(value as? [String: Any])
            let range = try #require(entry["data_offsets"] as? [Int])
            tensors[name] = Tensor(
                type: try #require(entry["dtype"] as? String),
                shape: try #require(entry["shape"] as? [Int]),
                bytes: Data(file[(8 + length + range[0])..<(8 + length + range[1])]))
        }
    }

    func data() throws -> Data {
        var (header, body) = ([String: Any](), Data())
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            header[name] = [
                "dtype": tensor.type, "shape": tensor.shape,
                "data_offsets": [body.count, body.count + tensor.bytes.count],
            ]
            body += tensor.bytes
        }
        let text = try JSONSerialization.data(withJSONObject: header)
        return Data((0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }) + text + body
    }
}

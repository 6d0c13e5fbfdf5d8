import Checkpoints
import Foundation
import Testing

/// A temporary folder with tiny models and token files, in which commands run; gone with its owner.
///
/// All paths given to commands are relative, so that messages can be compared letter for letter.
final class TrialFolder {
    let path: String

    init() throws {
        path =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("lockstep-trial-\(UUID().uuidString)").path
        try write("llama/config.json", Self.llama())
        try write("gpt2/config.json", Self.gpt2())
        try write("tokens.bin", Self.tokens(count: 6001))
        try write("run.yaml", Self.settings)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Settings of a short run on one rank, which tests override.
    static let settings = """
        stage: pt
        model_name_or_path: llama
        train_from_scratch: true
        tokenized_path: tokens.bin
        cutoff_len: 16
        per_device_train_batch_size: 12
        learning_rate: 1e-2
        lr_scheduler_type: cosine
        warmup_steps: 3
        weight_decay: 0.1
        max_steps: 12
        logging_steps: 1
        save_steps: 500
        output_dir: out
        threads_per_rank: 1
        peak_gflops: 50

        """

    /// A Llama of 25 thousand parameters; keys given win.
    static func llama(_ changes: [String: Any] = [:]) -> String {
        json(
            [
                "model_type": "llama", "vocab_size": 96, "hidden_size": 32, "intermediate_size": 64,
                "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
                "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "hidden_act": "silu",
            ], changes)
    }

    /// A GPT-2 of 30 thousand parameters with dropout; keys given win.
    static func gpt2(_ changes: [String: Any] = [:]) -> String {
        json(
            [
                "model_type": "gpt2", "vocab_size": 96, "n_embd": 32, "n_layer": 2, "n_head": 4,
                "n_positions": 64, "resid_pdrop": 0.1, "embd_pdrop": 0.1, "attn_pdrop": 0.1,
            ], changes)
    }

    private static func json(_ keys: [String: Any], _ changes: [String: Any]) -> String {
        let all = keys.merging(changes) { $1 }.filter { !($0.value is NSNull) }
        let data = try? JSONSerialization.data(withJSONObject: all, options: .sortedKeys)
        return String(decoding: data ?? Data(), as: UTF8.self)
    }

    /// Raw uint16 ids below `vocabulary`, each drawn from four that its predecessor allows.
    static func tokens(count: Int, vocabulary: UInt64 = 96, seed: UInt64 = 1) -> Data {
        var random = SeededGenerator(seed: seed)
        var data = Data()
        var id: UInt64 = 5
        for _ in 0..<count {
            id = (id * 7 + [1, 2, 3, 11][Int.random(in: 0..<4, using: &random)]) % vocabulary
            data.append(contentsOf: [UInt8(id & 255), UInt8(id >> 8)])
        }
        return data
    }

    // MARK: files

    func full(_ name: String) -> String { path + "/" + name }

    func write(_ name: String, _ text: String) throws { try write(name, Data(text.utf8)) }

    func write(_ name: String, _ data: Data) throws {
        let url = URL(fileURLWithPath: full(name))
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: url)
    }

    func data(_ name: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: full(name)))
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: full(name)) }

    /// Names in a folder, hidden ones too; empty where it is not there.
    func names(_ folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: full(folder))) ?? []).sorted()
    }

    func copy(_ source: String, to target: String) throws {
        try FileManager.default.copyItem(atPath: full(source), toPath: full(target))
    }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: full(name)) }

    // MARK: commands

    func start(
        _ arguments: [String], ranks: Int = 1, environment: [String: String] = [:],
        input: String? = nil, terminal: PseudoTerminal? = nil, shell: String? = nil
    ) throws -> LockstepProcess {
        try LockstepProcess(
            arguments, ranks: ranks, in: path, environment: environment, input: input,
            terminal: terminal, shell: shell)
    }

    func run(
        _ arguments: [String], ranks: Int = 1, environment: [String: String] = [:],
        input: String? = nil, shell: String? = nil
    ) throws -> LockstepRun {
        try start(
            arguments, ranks: ranks, environment: environment, input: input, shell: shell
        ).finish()
    }

    /// Trains with the folder's settings and `overrides`, the batch divided among ranks.
    func train(
        ranks: Int = 1, output: String = "out", _ overrides: [String] = [],
        shell: String? = nil
    ) throws -> LockstepRun {
        try run(
            Self.trainArguments(ranks: ranks, output: output, overrides), ranks: ranks,
            shell: shell)
    }

    /// Trains, and requires that the run comes to its end.
    func trainToEnd(
        ranks: Int = 1, output: String = "out", _ overrides: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let run = try train(ranks: ranks, output: output, overrides)
        try #require(
            run.status == 0, "\(run.messages) \(run.errors)", sourceLocation: sourceLocation)
    }

    static func trainArguments(
        ranks: Int, output: String, _ overrides: [String]
    ) -> [String] {
        ["train", "run.yaml", "output_dir=\(output)", "per_device_train_batch_size=\(12 / ranks)"]
            + overrides
    }

    // MARK: results

    /// The steps of a run's log.
    func log(_ output: String = "out") throws -> [LoggedStep] {
        try String(decoding: data(output + "/trainer_log.jsonl"), as: UTF8.self)
            .split(separator: "\n").map {
                try JSONDecoder().decode(LoggedStep.self, from: Data($0.utf8))
            }
    }

    /// The losses of a run's training steps, with all their digits.
    func losses(_ output: String = "out") throws -> [Double] { try log(output).compactMap(\.loss) }

    /// Everything that a checkpoint holds.
    func state(_ output: String = "out", step: Int) throws -> TrainingState {
        try CheckpointReader(path: full("\(output)/checkpoint-\(step).h5")).state()
    }
}

/// A line of trainer_log.jsonl.
struct LoggedStep: Decodable, Equatable {
    let step: Int
    let loss: Double?
    let evaluationLoss: Double?
    let rate: Double?
    let norm: Double?
    let lossScale: Double?
    let totalTokens: Int?

    enum CodingKeys: String, CodingKey {
        case step = "current_steps"
        case loss
        case evaluationLoss = "eval_loss"
        case rate = "lr"
        case norm = "grad_norm"
        case lossScale = "loss_scale"
        case totalTokens = "total_tokens"
    }
}

/// splitmix64: the same numbers on every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// The largest |a − b| / |b|.
func largestDifference(_ a: [Double], _ b: [Double]) -> Double {
    guard a.count == b.count, !a.isEmpty else { return .infinity }
    return zip(a, b).map { abs($0 - $1) / abs($1) }.max() ?? .infinity
}

/// Requires that two runs have the same losses, weights and moments, bit for bit.
func expectSameRun(
    _ folder: TrialFolder, _ a: String, _ b: String, step: Int, from first: Int = 1,
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let (x, y) = (try folder.log(a), try folder.log(b))
    #expect(
        x.filter { $0.step >= first }.map(\.loss?.bitPattern)
            == y.filter { $0.step >= first }.map(\.loss?.bitPattern), "losses differ",
        sourceLocation: sourceLocation)
    #expect(x.last?.step == step, sourceLocation: sourceLocation)
    #expect(
        try folder.data(a + "/model.safetensors") == folder.data(b + "/model.safetensors"),
        "weights differ", sourceLocation: sourceLocation)
    let (s, t) = (try folder.state(a, step: step), try folder.state(b, step: step))
    // Compared apart, so that a difference is not told with all its numbers.
    let masters = s.model == t.model
    let moments = s.firstMoment == t.firstMoment && s.secondMoment == t.secondMoment
    #expect(masters, "masters differ", sourceLocation: sourceLocation)
    #expect(moments, "moments differ", sourceLocation: sourceLocation)
    #expect(s.metadata.data == t.metadata.data, sourceLocation: sourceLocation)
    #expect(s.metadata.scaler == t.metadata.scaler, sourceLocation: sourceLocation)
}

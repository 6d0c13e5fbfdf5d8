package import Checkpoints
import Foundation

/// States, folders and fixtures that the tests of checkpoints and of weight files share.
package enum Sample {
    /// Numbers without pattern, the same in every run.
    package static func values(_ count: Int, seed: UInt64) -> [Float] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        return (0..<count).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Float(Int64(bitPattern: state) >> 40) * 0x1p-20
        }
    }

    package static func array(_ name: String, _ shape: [Int], seed: UInt64) -> NamedArray {
        NamedArray(name: name, shape: shape, values: values(shape.reduce(1, *), seed: seed))
    }

    package static let data = DataPosition(
        samplesConsumed: 960, tokensSeen: 61_440, seed: .max - 3, epoch: 0.1 + 0.2,
        sampleTokens: 64, datasetTokens: 1_000_000)

    package static func metadata(step: Int) -> CheckpointMetadata {
        CheckpointMetadata(
            step: step, configuration: "stage: pt\nlearning_rate: 1e-4\n",
            modelConfiguration: "{\"model_type\": \"llama\", \"hidden_size\": 8}",
            tokenizer: [
                "tokenizer.json": "{\"text\": \"größe 日本 🙂\"}", "tokenizer_config.json": "",
            ],
            data: data,
            scaler: ScalerState(scale: 65536, goodSteps: 12, hysteresis: 2, skippedSteps: 1),
            random: RandomState(seed: 1 << 63), history: "{\"best\": null}", optimizer: "adamw",
            optimizerSteps: step - 1)
    }

    /// Shapes as models have them, a scalar, an empty array and special values included.
    package static func state(step: Int) -> TrainingState {
        let seed = UInt64(step)
        var model = [
            array("model.embed_tokens.weight", [17, 8], seed: seed),
            array("model.layers.0.self_attn.q_proj.weight", [8, 8], seed: seed + 100),
            array("model.norm.weight", [8], seed: seed + 200),
            NamedArray(name: "scalar", shape: [], values: [2.5]),
            NamedArray(name: "empty", shape: [0, 4], values: []),
        ]
        model[2].values.replaceSubrange(0..<4, with: [.infinity, -0.0, .leastNonzeroMagnitude, 0])
        let moments = model.map { array($0.name, $0.shape, seed: seed + 300) }
        let squares = model.map { array($0.name, $0.shape, seed: seed + 400) }
        return TrainingState(
            metadata: metadata(step: step), model: model, firstMoment: moments,
            secondMoment: squares)
    }

    /// Runs `body` with a new folder that is removed afterwards.
    package static func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder.path)
    }

    package static func store(_ folder: String) -> HDF5CheckpointStore {
        HDF5CheckpointStore(folder: folder, program: "0.0-test")
    }

    /// A file of Tests/References/checkpoints.
    package static func reference(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "References/checkpoints").appending(path: name).path
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, _ name: String) throws -> Value
    {
        try JSONDecoder().decode(type, from: Data(contentsOf: URL(filePath: reference(name))))
    }

    /// Names in a folder, hidden ones too.
    package static func names(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    }

    /// Changes one byte of a file in place; a second time restores it.
    package static func flip(_ path: String, at offset: Int, with mask: UInt8 = 0x40) throws {
        let file = try FileHandle(forUpdating: URL(filePath: path))
        defer { try? file.close() }
        try file.seek(toOffset: UInt64(offset))
        let byte = try file.read(upToCount: 1)?.first ?? 0
        try file.seek(toOffset: UInt64(offset))
        try file.write(contentsOf: Data([byte ^ mask]))
    }

    /// Makes this process's writes beyond `bytes` of any file fail.
    package static func limitFiles(toBytes bytes: Int) -> Bool {
        var limit = rlimit(rlim_cur: rlim_t(bytes), rlim_max: .max)
        #if canImport(Glibc)
            return setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0
        #else
            return setrlimit(RLIMIT_FSIZE, &limit) == 0
        #endif
    }
}

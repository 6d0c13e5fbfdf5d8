import Foundation
import Testing

@Suite struct DivergenceTests {
    /// A model whose named array holds one number that is not finite.
    private func poison(_ folder: TrialFolder, _ name: String, with value: Float) throws {
        try folder.trainToEnd(output: "sound", ["max_steps=1"])
        var data = try folder.data("sound/model.safetensors")
        let length = Int(
            data.prefix(8).enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) })
        let header = try JSONSerialization.jsonObject(with: data[8..<8 + length]) as? [String: Any]
        let entry = try #require(header?[name] as? [String: Any])
        let offset = 8 + length + (try #require(entry["data_offsets"] as? [Int]))[0]
        withUnsafeBytes(of: value) { data.replaceSubrange(offset..<offset + 4, with: $0) }
        try folder.write("poisoned/model.safetensors", data)
        try folder.write("poisoned/config.json", TrialFolder.llama())
    }

    private let overrides = [
        "model_name_or_path=poisoned", "train_from_scratch=false", "finetuning_type=full",
        "save_steps=1",
    ]

    @Test(arguments: [(1, Float.nan), (2, Float.infinity)])
    func aLossThatIsNotFiniteStopsTheRunAfterMaxSkippedSteps(_ ranks: Int, _ value: Float) throws {
        let folder = try TrialFolder()
        try poison(folder, "model.layers.0.mlp.up_proj.weight", with: value)
        let run = try folder.train(ranks: ranks, overrides + ["max_skipped_steps=3"])
        #expect(run.status == 1)
        #expect(run.messages.count == 1, "\(run.messages)")
        let message = try #require(run.messages.first)
        #expect(message.hasPrefix("step 3: training diverged: on rank 0 ("), "\(message)")
        // Gradients flow back through everything, so the first parameter is already affected.
        #expect(message.contains("the gradient of model."), "\(message)")
        #expect(message.hasSuffix("lower learning_rate or resume from an earlier checkpoint"))
        // No rank has updated anything: two skipped steps were saved, both with the first weights.
        #expect(
            folder.names("out").filter { $0.hasSuffix(".h5") } == [
                "checkpoint-1.h5", "checkpoint-2.h5",
            ])
        let (first, second) = (try folder.state(step: 1), try folder.state(step: 2))
        #expect(second.metadata.optimizerSteps == 0)
        for (a, b) in zip(first.model, second.model) {
            #expect(a.values.map(\.bitPattern) == b.values.map(\.bitPattern))
        }
    }

    @Test func oneStepIsEnoughWhereNoneMayBeSkipped() throws {
        let folder = try TrialFolder()
        try poison(folder, "lm_head.weight", with: .nan)
        let run = try folder.train(ranks: 2, overrides + ["max_skipped_steps=1"])
        #expect(run.status == 1)
        #expect(run.messages.first?.hasPrefix("step 1: training diverged: on rank 0 (") == true)
        #expect(folder.names("out").filter { $0.hasSuffix(".h5") } == [])
    }
}

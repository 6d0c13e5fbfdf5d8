import Foundation
import TestSupport
import Testing

/// The type of the weights that a run's folder names in config.json.
@Suite struct WrittenTypeRunTests {
    @Test(arguments: ["full", "freeze"])
    func aFinetunedModelOfBFloat16IsNamedFloat32AsItIsWritten(method: String) throws {
        let folder = try TrialFolder.finetuning()
        let text = String(decoding: try folder.data("model/config.json"), as: UTF8.self)
        try #require(text.contains("\"dtype\": \"float32\""))
        try folder.write(
            "model/config.json",
            text.replacing("\"dtype\": \"float32\"", with: "\"dtype\": \"bfloat16\""))
        try folder.tuneToEnd([
            "finetuning_type=\(method)", "max_steps=1", "freeze_trainable_layers=1",
        ])
        let tensors = try EditableTensors(folder.data("out/model.safetensors")).tensors
        #expect(Set(tensors.values.map(\.type)) == ["F32"])
        let written = String(decoding: try folder.data("out/config.json"), as: UTF8.self)
        #expect(written.contains("\"dtype\": \"float32\""), "\(written)")
    }
}

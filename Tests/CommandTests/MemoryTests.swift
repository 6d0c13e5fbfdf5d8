import Foundation
import Testing

/// Models that find no room end with a line.
@Suite struct MemoryTests {
    // Llama 2 of 70 billion parameters with its optimizer: 1.1 TB.
    @Test func aModelLargerThanMemoryIsRefusedBeforeItTakesAny() throws {
        let folder = try TrialFolder()
        try folder.write(
            "llama/config.json",
            TrialFolder.llama([
                "hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80,
                "num_attention_heads": 64, "num_key_value_heads": 8,
            ]))
        let run = try folder.train()
        #expect(run.status == 2)
        #expect(run.messages.count == 1)
        #expect(run.messages.first?.contains(" GB of memory for its weights") == true)
        #expect(!folder.exists("out"))
    }

    @Test func aHostileSizeIsNamed() throws {
        let folder = try TrialFolder()
        try folder.write(
            "llama/config.json", TrialFolder.llama(["hidden_size": 100_000_000_000_000]))
        let run = try folder.train()
        #expect(run.status == 2)
        #expect(
            run.messages == [
                "config.json: hidden_size is 100000000000000, expected 1 to 1048576"
            ])
    }

    /// A model folder whose config.json says more than its files hold: sizes of Llama 3 of 405
    /// billion parameters.
    private func folderOfALargeModel() throws -> TrialFolder {
        let folder = try TrialFolder.finetuning()
        let text = try JSONSerialization.jsonObject(with: folder.data("model/config.json"))
        var values = try #require(text as? [String: Any])
        for (key, value) in [
            "hidden_size": 16384, "intermediate_size": 53248, "num_hidden_layers": 126,
            "num_attention_heads": 128, "num_key_value_heads": 8, "head_dim": 128,
        ] { values[key] = value }
        try folder.write(
            "model/config.json", JSONSerialization.data(withJSONObject: values))
        return folder
    }

    @Test(arguments: [
        ["generate", "--model", "model", "--prompt", "a"],
        ["score", "--model", "model", "--input", "texts.txt"],
        ["chat", "--model", "model"],
        ["export", "-", "model_name_or_path=model", "export_dir=made"],
        ["export", "-", "model_name_or_path=model", "export_dir=made", "export_gguf=q8_0"],
    ])
    func aModelThatFindsNoRoomIsRefusedBeforeItIsRead(_ arguments: [String]) throws {
        let folder = try folderOfALargeModel()
        try folder.write("texts.txt", "a b c")
        let run = try folder.run(arguments, input: "")
        #expect(run.status == 2, "\(run.errors)")
        #expect(run.messages.count == 1 && run.output.isEmpty)
        #expect(
            run.messages.first?.contains(" GB of memory for its weights") == true,
            "\(run.errors)")
        #expect(!folder.exists("made"))
    }

    /// A limit on addresses counts as the machine's memory does.
    @Test func aModelLargerThanTheLimitOfTheShellIsRefused() throws {
        let folder = try folderOfALargeModel()
        let run = try folder.run(
            ["generate", "--model", "model", "--prompt", "a", "--threads", "1"],
            shell: "ulimit -v 8000000")
        #expect(run.status == 2, "\(run.errors)")
        #expect(run.messages.first?.contains(" GB of memory for its weights") == true)
    }
}

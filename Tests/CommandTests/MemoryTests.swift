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
}

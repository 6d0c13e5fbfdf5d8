import Foundation
import Testing
import WeightFiles

/// `tokenizer encode` and `decode` with the vocabulary of a GGUF file.
@Suite struct TokenizerGGUFTests {
    private static let lines = [
        "The cat sat.", "naïve 😀 — 猫\tis  here", "<|endoftext|>", "", "12345 it's",
    ]

    /// A folder with a model and the GGUF file that it was exported as.
    private func folder() throws -> TrialFolder {
        let folder = try TrialFolder.finetuning()
        try folder.write(
            "export.yaml", "model_name_or_path: model\nexport_dir: made\nexport_gguf: f16\n")
        let run = try folder.run(["export", "export.yaml"])
        try #require(run.status == 0, "\(run.errors)")
        return folder
    }

    @Test func aFilesVocabularyGivesTheIdsOfItsFolder() throws {
        let folder = try folder()
        let text = Self.lines.joined(separator: "\n") + "\n"
        for more in [[], ["--add-special-tokens"]] {
            let runs = try ["model", "made/model-f16.gguf"].map {
                try folder.run(["tokenizer", "encode", "--tokenizer", $0] + more, input: text)
            }
            #expect(runs.allSatisfy { $0.status == 0 }, "\(runs[1].errors)")
            #expect(runs[0].output == runs[1].output)
            #expect(runs[0].output.split(separator: " ").count > 20)
        }
        let ids = try folder.run(
            ["tokenizer", "encode", "--tokenizer", "made/model-f16.gguf"], input: text)
        let back = try folder.run(
            ["tokenizer", "decode", "--tokenizer", "made/model-f16.gguf"], input: ids.output)
        #expect(back.status == 0 && back.output == text)
    }

    @Test func aFileWithoutTensorsHasATokenizerToo() throws {
        let folder = try folder()
        let file = try GGUFFile(path: folder.full("made/model-f16.gguf"))
        try GGUFWriter.write(
            folder.full("vocabulary.gguf"),
            metadata: file.metadata.sorted { $0.key < $1.key }, tensors: []
        ) { _ in [] }
        let run = try folder.run(
            ["tokenizer", "encode", "--tokenizer", "vocabulary.gguf"], input: "the cat\n")
        #expect(run.status == 0 && !run.output.isEmpty, "\(run.errors)")
    }

    @Test func aMissingOrUnknownWayOfCuttingIsRefusedByName() throws {
        let folder = try folder()
        let file = try GGUFFile(path: folder.full("made/model-f16.gguf"))
        let cases: [(GGUFValue?, String)] = [
            (nil, "tokenizer.ggml.pre: found nothing, expected the name of how the model's text"),
            (.string("superbpe"), "tokenizer.ggml.pre: superbpe is not supported"),
            (.uint32(3), "tokenizer.ggml.pre is 3, expected text"),
        ]
        for (pre, words) in cases {
            var metadata = file.metadata
            metadata["tokenizer.ggml.pre"] = pre
            try GGUFWriter.write(
                folder.full("x.gguf"), metadata: metadata.sorted { $0.key < $1.key }, tensors: []
            ) { _ in [] }
            let run = try folder.run(
                ["tokenizer", "encode", "--tokenizer", "x.gguf"], input: "the cat\n")
            #expect(run.status == 2 && run.errors.contains(words), "\(run.errors)")
        }
    }

    @Test func aFileWithoutTokensIsNamed() throws {
        let folder = try TrialFolder()
        try GGUFWriter.write(
            folder.full("x.gguf"), metadata: [("general.architecture", .string("llama"))],
            tensors: []
        ) { _ in [] }
        let run = try folder.run(
            ["tokenizer", "encode", "--tokenizer", "x.gguf"], input: "the cat\n")
        #expect(run.status == 2 && run.errors.contains("x.gguf holds no tokenizer.ggml.tokens"))
    }
}

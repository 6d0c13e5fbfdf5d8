import Foundation
import TestSupport
import Testing

/// New tokens whose rows begin at their descriptions, beside PyTorch
/// (scripts/references/described_tokens.py).
@Suite struct DescribedTokensTests {
    private struct Reference: Decodable {
        let tokens: [String]
        let ids: [Int]
        /// The embedding's row and the head's, by token.
        let rows: [String: [[Double]]]
    }

    private static let width = 32
    private static let embedding = "model.embed_tokens.weight"
    // What is written is what the run began with: its steps have no length.
    private static let still = [
        "finetuning_type=full", "learning_rate=1e-30", "max_steps=1", "save_strategy=no",
        "new_special_tokens_config=tokens.yaml",
    ]

    private static func reference() throws -> Reference {
        try JSONDecoder().decode(
            Reference.self,
            from: Data(
                contentsOf: References.folder.appendingPathComponent(
                    "described_tokens/rows.json")))
    }

    private func folder() throws -> TrialFolder {
        let folder = try TrialFolder.finetuning()
        try folder.add("described_tokens/tokens.yaml", as: "tokens.yaml")
        return folder
    }

    /// The numbers of a tensor that a run has written, row by row.
    private func rows(
        _ folder: TrialFolder, _ tensor: String, _ file: String = "out/model.safetensors"
    ) throws -> [[Double]] {
        let tensors = try EditableTensors(folder.data(file)).tensors
        let numbers = try #require(tensors[tensor]).bytes.withUnsafeBytes {
            Array($0.bindMemory(to: Float.self))
        }
        return stride(from: 0, to: numbers.count, by: Self.width).map {
            numbers[$0..<$0 + Self.width].map(Double.init)
        }
    }

    // Means of a few float32 in another order.
    private static let rounding = 1e-6

    @Test func rowsBeginAtTheMeanOfTheirDescriptions() throws {
        let folder = try folder()
        let reference = try Self.reference()
        let run = try folder.tuneToEnd(Self.still + ["init_special_tokens=desc_init"])
        #expect(
            run.says(
                "those with a description begin at the mean of its tokens"), "\(run.errors)")
        let found = try rows(folder, Self.embedding)
        let own = try rows(folder, Self.embedding, "model/model.safetensors")
        #expect(Array(found.prefix(own.count)) == own)
        for (token, id) in zip(reference.tokens, reference.ids) {
            let right = try #require(reference.rows[token])
            #expect(largestDistance(found[id], right[0]) < Self.rounding, "\(token)")
        }
        let tokenizer = String(decoding: try folder.data("out/tokenizer.json"), as: UTF8.self)
        for token in reference.tokens { #expect(tokenizer.contains("\"\(token)\"")) }
    }

    /// The head's rows begin with the embedding's, too; where nothing is left of a description, at the
    /// mean of its own.
    @Test func aHeadOfItsOwnBeginsAtTheSameRows() throws {
        let folder = try folder()
        var file = try EditableTensors(folder.data("model/model.safetensors"))
        var head = try #require(file.tensors[Self.embedding])
        head.bytes = head.bytes.withUnsafeBytes { bytes in
            bytes.bindMemory(to: Float.self).reduce(into: Data()) { data, number in
                withUnsafeBytes(of: 2 * number) { data += $0 }
            }
        }
        file.tensors["lm_head.weight"] = head
        try folder.write("model/model.safetensors", file.data())
        let text = String(decoding: try folder.data("model/config.json"), as: UTF8.self)
        try folder.write(
            "model/config.json",
            text.replacing("\"tie_word_embeddings\": true", with: "\"tie_word_embeddings\": false"))
        try folder.tuneToEnd(Self.still + ["init_special_tokens=desc_init"])
        let reference = try Self.reference()
        for (place, name) in [Self.embedding, "lm_head.weight"].enumerated() {
            let found = try rows(folder, name)
            for (token, id) in zip(reference.tokens, reference.ids) {
                let right = try #require(reference.rows[token])
                #expect(
                    largestDistance(found[id], right[place]) < Self.rounding, "\(name) \(token)")
            }
        }
        let again = try #require(reference.rows["<again>"])
        #expect(largestDistance(again[0], again[1]) > 1e-5, "the means of both differ")
    }

    @Test func noiseIsAddedWhereItIsAskedFor() throws {
        let folder = try folder()
        let reference = try Self.reference()
        try folder.tuneToEnd(Self.still + ["init_special_tokens=desc_init_w_noise"])
        let found = try rows(folder, Self.embedding)
        var noise: [Double] = []
        for (token, id) in zip(reference.tokens, reference.ids) {
            let right = try #require(reference.rows[token])
            noise += zip(found[id], right[0]).map { $0 - $1 }
        }
        // 5 rows of 32 numbers of deviation 1/√32; the bound is four deviations of the estimate.
        let spread = (noise.reduce(0) { $0 + $1 * $1 } / Double(noise.count)).squareRoot()
        let deviation = 1 / Double(Self.width).squareRoot()
        #expect(abs(spread / deviation - 1) < 4 / (2 * Double(noise.count)).squareRoot())
        #expect(Set(noise).count > 150)
    }

    @Test func withoutAskingRowsBeginAtTheMeanOfAll() throws {
        let folder = try folder()
        let reference = try Self.reference()
        let run = try folder.tuneToEnd(Self.still)
        #expect(run.says("the descriptions are not used"), "\(run.errors)")
        let found = try rows(folder, Self.embedding)
        for (token, id) in zip(reference.tokens, reference.ids) {
            #expect(largestDistance(found[id], reference.rows[token]?[0] ?? []) > 0.05, "\(token)")
        }
    }

    @Test func aLoRATrainsAndKeepsThem() throws {
        let folder = try folder()
        let settings = ["new_special_tokens_config=tokens.yaml", "init_special_tokens=desc_init"]
        try folder.tuneToEnd(settings + ["max_steps=2"])
        #expect(
            try rows(
                folder, "base_model.model." + Self.embedding, "out/adapter_model.safetensors"
            ).count == 448)
        let beside = try folder.logProbabilities("model", adapter: "out")
        #expect(try folder.logProbabilities("out") == beside)
        // The checkpoint's rows go on, whatever the descriptions say then.
        try folder.write(
            "tokens.yaml",
            "\"<think>\": other\n\"</think>\": words\n\"<again>\": a\n"
                + "\"<mixed>\": b\n\"<number>\": c\n")
        let run = try folder.tuneToEnd(settings + ["max_steps=3"])
        #expect(run.says("resuming from out/checkpoint-2.h5"))
    }

    @Test func aTokenThatIsThereKeepsItsRow() throws {
        let folder = try folder()
        try folder.write("tokens.yaml", "\"<|im_end|>\": the end\n\"<new>\": a b\n")
        let run = try folder.tuneToEnd(Self.still + ["init_special_tokens=desc_init"])
        #expect(run.says("<|im_end|> were there already and stay as they are"), "\(run.errors)")
        let own = try rows(folder, Self.embedding, "model/model.safetensors")
        #expect(try Array(rows(folder, Self.embedding).prefix(own.count)) == own)
    }

    @Test func aFileThatDescribesNothingIsNamed() throws {
        let folder = try folder()
        for (text, words) in [
            (nil, "cannot read 'none.yaml'"), ("{}", "names no tokens"),
            ("- <a>\n- <b>\n", "none.yaml"), ("\"<a>\": [1]\n", "a text that describes <a>"),
            ("\"<a>\": x\n\"<a>\": y\n", "'<a>' is given more than once"),
        ] {
            if let text { try folder.write("none.yaml", text) }
            let run = try folder.tune([
                "new_special_tokens_config=none.yaml", "init_special_tokens=desc_init",
            ])
            #expect(run.status == 2 && run.messages.count == 1, "\(run.errors)")
            #expect(run.messages.first?.contains(words) == true, "\(run.errors)")
            #expect(!folder.exists("out"))
        }
    }
}

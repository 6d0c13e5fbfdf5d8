import Foundation
import ModelFiles

extension Parser {
    private static let seeds = "scripts/fuzz/seeds/"
    private static let model = "Tests/References/sentence_folders/model/"

    /// The files of a whole folder, where they lie there.
    private static let files = [
        "modules.json": "modules.json", "1_Pooling/config.json": "pooling.json",
        "2_Dense/config.json": "dense.json",
        "sentence_bert_config.json": "sentence_bert_config.json",
        "config_sentence_transformers.json": "config_sentence_transformers.json",
    ]

    /// A sentence-transformers folder of which one file is tried: as whole as it is used, a text's
    /// vector among it. The name is the folder's too, and one that ends in .json is taken for a file.
    private static func sentence(
        _ name: String, place: String, seeds: [String], words: [String]
    ) -> Parser {
        Parser(name: name, seeds: seeds.map { Self.seeds + $0 }, words: words) { bytes, folder in
            for file in [
                "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
                "2_Dense/model.safetensors",
            ] { folder.copy(model + file, as: file) }
            for (file, seed) in files where file != place {
                folder.copy(Self.seeds + seed, as: file)
            }
            folder.make((place as NSString).deletingLastPathComponent)
            _ = folder.file(place, bytes)
            return isRead {
                // Most refuse before the weights are read.
                guard try SentenceFolder(folder.path) != nil else { return }
                let model = try SentenceModel(path: folder.path, threads: 1)
                _ = try model.embedding(of: "The dog sees Cats in the sun.", "a text")
            }
        }
    }

    private static let words = ["null", "true", "[", "]", "{", "}", "\"", "1e30", "-1", "\"../"]

    static let sentences = [
        sentence(
            "modules", place: "modules.json", seeds: ["modules.json"],
            words: words + [
                "\"path\": \"2_Dense\"", "\"type\": \"sentence_transformers.models.",
                "sentence_transformers.base.modules.normalize.Normalize", "Dropout",
            ]),
        sentence(
            "pooling", place: "1_Pooling/config.json",
            seeds: ["pooling.json", "pooling-newer.json"],
            words: words + ["\"pooling_mode\": \"", "lasttoken", "weightedmean", "true,"]),
        sentence(
            "dense", place: "2_Dense/config.json", seeds: ["dense.json"],
            words: words + ["torch.nn.modules.linear.Identity", "\"use_residual\": true,"]),
        sentence(
            "sentence_bert_config", place: "sentence_bert_config.json",
            seeds: ["sentence_bert_config.json"],
            words: words + ["\"unpad_inputs\": false,", "\"message\": {\"method\": \"forward\"},"]),
        sentence(
            "config_sentence_transformers", place: "config_sentence_transformers.json",
            seeds: ["config_sentence_transformers.json"],
            words: words + ["\"truncate_dim\": ", "\"model_type\": \"SentenceTransformer\","]),
    ]
}

import Foundation
import TestSupport
import Testing

/// Mistakes of preference training: one line, status 2, nothing written, on all ranks alike.
@Suite struct BadPreferenceTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let message: String
        let arguments: [String]
        var testDescription: String { message }

        static let all = [
            Case(
                message:
                    "dataset kto: no ranking: true found: stages dpo and rm learn from pairs of "
                    + "answers; add it in dataset_info.json where the rows have chosen and rejected",
                arguments: ["dataset=kto"]),
            Case(
                message:
                    "dataset alpaca: ranking: true found: stage kto learns from single answers "
                    + "with a tag (kto_tag); pairs are for dpo and rm",
                arguments: ["stage=kto"]),
            Case(
                message:
                    "dataset alpaca: ranking: true found: preference pairs are not for stage sft",
                arguments: ["stage=sft"]),
            Case(
                message: "dataset data/kto_trl.json: no row has chosen, rejected; columns found: "
                    + "completion, label, prompt; name them in dataset_info.json under columns:",
                arguments: ["dataset=data/kto_trl.json"]),
            Case(
                message:
                    "model 'none' does not exist; expected a Hugging Face folder, a .gguf file "
                    + "or a checkpoint-N.h5; models are read from local files, so download it first",
                arguments: ["ref_model=none"]),
            Case(
                message: "stage: dpo trains decoders, but the model is a bert encoder; answers are "
                    + "compared by decoders",
                arguments: ["model_name_or_path=bert", "train_from_scratch=true"]),
            Case(
                message: "command line: pref_beta: found the number 0, expected a number above 0",
                arguments: ["pref_beta=0"]),
        ]
    }

    @Test(arguments: Case.all, [1, 2])
    func aMistakeIsToldInOneLine(_ mistake: Case, _ ranks: Int) throws {
        let folder = try TrialFolder.preferences()
        try folder.write(
            "bert/config.json",
            """
            {"model_type": "bert", "architectures": ["BertForMaskedLM"], "vocab_size": 384,
             "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
             "num_attention_heads": 2, "max_position_embeddings": 256}
            """)
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            try folder.copy("model/\(name)", to: "bert/\(name)")
        }
        let run = try folder.tune(ranks: ranks, mistake.arguments)
        #expect(run.status == 2)
        expectMessage(run, mistake.message, ranks: ranks)
        #expect(!folder.exists("out/trainer_log.jsonl"))
    }
}

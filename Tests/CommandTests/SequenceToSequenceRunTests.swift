import Foundation
import TestSupport
import Testing

/// Runs of encoder-decoders on pairs of texts beside those of transformers and PEFT on the same rows
/// (scripts/references/sequence_to_sequence.py; float32, no dropout).
@Suite struct SequenceToSequenceRunTests {
    private static let full = ["finetuning_type=full", "learning_rate=2e-3"]
    private static let lora = ["adapter_name_or_path=start"]
    /// Halves of the batch on two ranks, or one after another.
    private static let divided = ["per_device_train_batch_size=2"]

    // Both compute in float32 and differ in the order of their sums; AdamW divides small numbers by one
    // another: a few hundred roundings of 6e-8 after twelve steps.
    @Test(arguments: [("lora", lora), ("full", full)])
    func stepsFollowTheReference(_ name: String, _ overrides: [String]) throws {
        let folder = try TrialFolder.pairs()
        let losses = try TrialFolder.pairReference(name, "losses")
        let norms = try TrialFolder.pairReference(name, "gradient_norms")
        for (output, ranks, more) in [
            ("one", 1, []), ("two", 2, Self.divided + ["zero_stage=1"]),
            ("parts", 1, Self.divided + ["gradient_accumulation_steps=2"]),
            ("again", 1, ["gradient_checkpointing=true"]),
        ] {
            try folder.tuneToEnd(output: output, ranks: ranks, overrides + more)
            let found = try folder.log(output)
            #expect(largestDifference(found.compactMap(\.loss), losses) < 1e-4, "\(output)")
            #expect(largestDifference(found.compactMap(\.norm), norms) < 1e-3, "\(output)")
        }
    }

    @Test(arguments: [
        ["lora_dropout=0.1"], full, ["finetuning_type=freeze", "freeze_trainable_layers=1"],
        ["finetuning_type=adapter"], ["precision=bf16"], ["label_smoothing_factor=0.1"],
    ])
    func aResumedRunEqualsTheUninterruptedOneBitForBit(_ overrides: [String]) throws {
        let folder = try TrialFolder.pairs()
        let overrides = overrides + ["disable_shuffling=false"]
        try folder.tuneToEnd(output: "whole", overrides + ["save_steps=5"])
        try folder.rewind("whole", to: "out", step: 5)
        let run = try folder.tuneToEnd(overrides)
        #expect(run.says("resuming from out/checkpoint-5.h5"))
        try expectSameFinetuning(folder, "out", "whole", step: 12)
    }

    // Dropout's masks go by sample and place, not by what fills up.
    @Test(arguments: [["lora_dropout=0.1"], ["streaming=true", "buffer_size=5"]])
    func twoRanksEqualOne(_ overrides: [String]) throws {
        let folder = try TrialFolder.pairs()
        let configuration = String(decoding: try folder.data("model/config.json"), as: UTF8.self)
        try folder.write(
            "model/config.json",
            configuration.replacing("\"dropout_rate\": 0.0", with: "\"dropout_rate\": 0.1"))
        let overrides = overrides + ["disable_shuffling=false", "learning_rate=1e-3"]
        try folder.tuneToEnd(output: "one", overrides)
        try folder.tuneToEnd(output: "two", ranks: 2, overrides + Self.divided)
        try folder.tuneToEnd(
            output: "single",
            overrides + ["gradient_accumulation_steps=4", "per_device_train_batch_size=1"])
        let one = try folder.losses("one")
        #expect(one.count == 12)
        #expect(largestDifference(try folder.losses("two"), one) < 1e-4)
        #expect(largestDifference(try folder.losses("single"), one) < 1e-4)
    }

    @Test func preparedExamplesGiveTheSameRun() throws {
        let folder = try TrialFolder.pairs()
        try folder.tuneToEnd(output: "plain", Self.lora)
        let kept = Self.lora + ["tokenized_path=kept"]
        let prepared = try folder.run(["prepare", "run.yaml"] + kept)
        #expect(prepared.status == 0, "\(prepared.errors)")
        let run = try folder.tuneToEnd(output: "kept_run", kept)
        #expect(run.says("examples read from kept"))
        #expect(try folder.losses("kept_run") == folder.losses("plain"))
        let other = try folder.tune(kept + ["source_prefix=other"])
        #expect(other.status == 2 && other.says("prepared with template none of another text"))
    }

    /// PEFT's example: mt0's architecture, r 8, alpha 32, dropout 0.1, evaluated and saved each epoch.
    @Test func theExampleOfPEFTsTourRuns() throws {
        let folder = try TrialFolder.pairs()
        let run = try folder.tuneToEnd([
            "lora_rank=8", "lora_alpha=32", "lora_dropout=0.1", "eval_strategy=epoch",
            "save_strategy=epoch", "load_best_model_at_end=true", "val_size=0.25",
            "num_train_epochs=3", "max_steps=-1", "compute_accuracy=true",
        ])
        // Six attentions, each with q and v of 18 × 18.
        #expect(run.says("trainable params: 3,456 || all params: "), "\(run.errors)")
        #expect(try folder.log().compactMap(\.evaluationLoss).count == 3)
        let file = try #require(
            try JSONSerialization.jsonObject(with: folder.data("out/adapter_config.json"))
                as? [String: Any])
        #expect(file["task_type"] as? String == "SEQ_2_SEQ_LM")
        #expect(file["lora_alpha"] as? Int == 32 && file["lora_dropout"] as? Double == 0.1)
        let names = try EditableTensors(folder.data("out/adapter_model.safetensors")).tensors.keys
        let theirs = try EditableTensors(folder.data("start/adapter_model.safetensors")).tensors
            .keys
        #expect(Set(names) == Set(theirs))
    }

    private struct Reference: Decodable {
        let texts: [String: [String]]
        let loss, accuracy: Double

        enum CodingKeys: String, CodingKey {
            case texts
            case loss = "eval_loss"
            case accuracy = "eval_accuracy"
        }
    }

    private struct Line: Decodable {
        let prompt, predict, label: String
    }

    private func reference() throws -> Reference {
        try JSONDecoder().decode(
            Reference.self,
            from: Data(
                contentsOf: References.folder.appendingPathComponent(
                    "sequence_to_sequence/reference.json")))
    }

    @Test(arguments: [("greedy", []), ("beams", ["num_beams=3", "length_penalty=0.5"])])
    func whatIsPredictedAndEvaluatedIsThatOfTransformers(
        _ name: String, _ search: [String]
    ) throws {
        let folder = try TrialFolder.pairs()
        let reference = try reference()
        for ranks in [1, 2] {
            let output = "on\(ranks)"
            try folder.tuneToEnd(
                output: output, ranks: ranks,
                search + [
                    "adapter_name_or_path=trained", "do_train=false", "do_eval=true",
                    "eval_dataset=rows", "predict_with_generate=true", "do_predict=true",
                    "do_sample=false", "max_new_tokens=12", "compute_accuracy=true",
                    "per_device_eval_batch_size=3",
                ])
            let data = try folder.data("\(output)/generated_predictions.jsonl")
            let lines = try String(decoding: data, as: UTF8.self).split(separator: "\n").map {
                try JSONDecoder().decode(Line.self, from: Data($0.utf8))
            }
            #expect(lines.map(\.predict) == reference.texts[name])
            #expect(lines[5].label == "lang")
            #expect(lines[5].prompt.hasPrefix("turn: say 5"))
            let all = try JSONDecoder().decode(
                [String: Double].self, from: folder.data("\(output)/all_results.json"))
            #expect(abs((all["eval_loss"] ?? 0) - reference.loss) < 1e-4)
            #expect(abs((all["eval_accuracy"] ?? 0) - reference.accuracy) < 1e-6)
            for name in ["bleu-4", "rouge-1", "rouge-2", "rouge-l"] {
                #expect(all["predict_" + name] != nil && all["eval_" + name] != nil)
            }
        }
    }

    @Test func generateWritesWhatPredictionsHave() throws {
        let folder = try TrialFolder.pairs()
        let reference = try reference()
        let generate = [
            "generate", "--model", "model", "--adapter", "trained", "--prompt", "turn: say 5\nlong",
            "--max-new-tokens", "12", "--threads", "1",
        ]
        let greedy = try folder.run(generate + ["--temperature", "0"])
        #expect(greedy.status == 0 && greedy.output == (reference.texts["greedy"]?[5] ?? "") + "\n")
        try folder.write(
            "model/generation_config.json",
            "{\"decoder_start_token_id\": 0, \"eos_token_id\": 1, \"num_beams\": 3, "
                + "\"length_penalty\": 0.5}")
        let beams = try folder.run(generate)
        #expect(beams.status == 0 && beams.output == (reference.texts["beams"]?[5] ?? "") + "\n")
        try folder.write("model/generation_config.json", "{\"decoder_start_token_id\": 3}")
        let other = try folder.run(generate)
        #expect(other.status == 2 && other.says("decoder_start_token_id is 3"), "\(other.errors)")
        let chat = try folder.run(["chat", "--model", "model"], input: "long\n")
        #expect(chat.status == 2 && chat.says("lockstep generate"), "\(chat.errors)")
    }

    @Test(arguments: [
        (["template=chatml"], "template is not used with an encoder-decoder"),
        (["packing=true"], "packing is not used with an encoder-decoder"),
        (["neat_packing=true"], "packing is not used with an encoder-decoder"),
        (["train_on_prompt=true"], "train_on_prompt is not used with an encoder-decoder"),
        (["mask_history=true"], "mask_history is not used with an encoder-decoder"),
        (["default_system=Be kind."], "default_system is not used with an encoder-decoder"),
        (["max_source_length=64"], "max_source_length, cutoff_len: 64 tokens are more"),
        (["max_target_length=1"], "max_target_length: found the number 1"),
        (["dataset=turns"], "3 messages before the answer"),
        (["dataset=systems"], "a system prompt"),
        (
            [
                "model_name_or_path=llama", "train_from_scratch=true", "finetuning_type=full",
                "template=chatml",
            ],
            "max_source_length is for an encoder-decoder"
        ),
        (
            ["stage=pt", "tokenized_path=tokens.bin"],
            "max_source_length, stage: texts with targets"
        ),
    ])
    func whatCannotBeHonouredIsRefusedByName(_ overrides: [String], _ words: String) throws {
        let folder = try TrialFolder.pairs()
        try folder.write(
            "data/dataset_info.json",
            """
            {"rows": {"file_name": "rows.json"},
             "turns": {"file_name": "turns.json", "formatting": "sharegpt"},
             "systems": {"file_name": "systems.json",
              "columns": {"prompt": "instruction", "response": "output", "system": "system"}}}
            """)
        let turns = ["human", "gpt", "human", "gpt"].map {
            "{\"from\": \"\($0)\", \"value\": \"a\"}"
        }
        try folder.write(
            "data/turns.json", "[{\"conversations\": [\(turns.joined(separator: ", "))]}]")
        try folder.write(
            "data/systems.json", "[{\"instruction\": \"a\", \"output\": \"b\", \"system\": \"c\"}]")
        if overrides[0].hasPrefix("model_name_or_path") {
            for name in ["tokenizer.json", "tokenizer_config.json"] {
                try folder.copy("model/\(name)", to: "llama/\(name)")
            }
        }
        let run = try folder.tune(overrides)
        #expect(run.status == 2, "\(run.errors)")
        #expect(run.says(words), "\(run.errors)")
        #expect(!folder.exists("out"))
    }
}

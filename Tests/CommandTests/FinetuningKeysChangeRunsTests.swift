import Foundation
import Testing

/// Keys of finetuning and of conversations: a run shows each of them.
@Suite struct FinetuningKeysChangeRunsTests {
    private static let base = [
        "model_name_or_path=model", "stage=sft", "dataset_dir=.", "dataset=turns,more",
        "template=qwen3", "cutoff_len=256", "finetuning_type=lora", "max_steps=2",
        "per_device_train_batch_size=2", "learning_rate=1e-2", "logging_steps=1",
        "save_strategy=no", "threads_per_rank=1", "peak_gflops=50",
    ]

    private func folder() throws -> TrialFolder {
        let folder = try TrialFolder()
        try folder.add("finetuning/model", as: "model")
        try folder.write(
            "dataset_info.json",
            """
            {"turns": {"file_name": "turns.json", "formatting": "sharegpt",
             "columns": {"messages": "conversations", "tools": "tools"}},
             "more": {"file_name": "more.json"}}
            """)
        let turns = (0..<6).map { row in
            """
            {"conversations": [
             {"from": "human", "value": "Count to \(row)"},
             {"from": "gpt", "value": "<think>\\nhm \(row)\\n</think>\\n\\none two"},
             {"from": "human", "value": "and on"},
             {"from": "gpt", "value": "<think>\\nwell\\n</think>\\n\\nthree \(row)"}],
             "tools": "[{\\"name\\": \\"count\\", \\"description\\": \\"counts\\", \
            \\"parameters\\": {}}]"}
            """
        }
        try folder.write("turns.json", "[" + turns.joined(separator: ",") + "]")
        let more = (0..<5).map {
            "{\"instruction\": \"Say \($0)\", \"input\": \"\", \"output\": \"It is \($0) \($0).\"}"
        }
        try folder.write("more.json", "[" + more.joined(separator: ",") + "]")
        return folder
    }

    /// The run that others are compared with.
    private static let plain = Result {
        let suite = FinetuningKeysChangeRunsTests()
        return try suite.traces(suite.folder(), [])
    }

    /// Logged numbers and the files of weights that a run leaves.
    private func traces(_ folder: TrialFolder, _ settings: [String]) throws -> String {
        let output = "out-\(UUID().uuidString.prefix(8))"
        let run = try folder.run(
            ["train", "-"] + Self.base + settings + ["output_dir=\(output)"])
        try #require(run.status == 0, "\(settings): \(run.errors)")
        let steps = try folder.log(output).map {
            "\($0.step) \(String(describing: $0.loss)) \(String(describing: $0.norm)) "
                + "\(String(describing: $0.totalTokens)) "
                + "\(String(describing: $0.evaluationLoss))"
        }
        let files = folder.names(output).filter { $0.contains("model") || $0.contains("adapter") }
        let sums = files.map { name in
            ((try? folder.data("\(output)/\(name)")) ?? Data())
                .reduce(into: 0) { $0 = $0 &* 31 &+ Int($1) }
        }
        return "\(steps) \(files) \(sums)"
    }

    @Test(
        arguments: [
            ([], ["lora_rank=4"]), ([], ["lora_alpha=3"]), ([], ["lora_dropout=0.4"]),
            ([], ["lora_target=q_proj"]), ([], ["additional_target=norm"]),
            ([], ["use_rslora=true"]),
            ([], ["use_dora=true"]), ([], ["loraplus_lr_ratio=8"]), ([], ["pissa_init=true"]),
            ([], ["finetuning_type=adapter"]), ([], ["finetuning_type=freeze"]),
            ([], ["finetuning_type=full"]),
            (["finetuning_type=adapter"], ["adapter_config=par_bn"]),
            (["finetuning_type=adapter"], ["adapter_reduction_factor=4"]),
            ([], ["finetuning_type=oft"]), ([], ["finetuning_type=ia3"]),
            (["finetuning_type=oft"], ["oft_block_size=4"]),
            (["finetuning_type=oft"], ["oft_rank=2"]),
            (["finetuning_type=oft"], ["oft_target=q_proj"]),
            (["finetuning_type=ia3"], ["ia3_target=q_proj"]),
            (["finetuning_type=ia3"], ["ia3_feedforward=v_proj"]),
            ([], ["finetuning_type=boft"]),
            (["finetuning_type=boft"], ["boft_block_size=8"]),
            (["finetuning_type=boft"], ["boft_block_num=4"]),
            (["finetuning_type=boft"], ["boft_n_butterfly_factor=2"]),
            (["finetuning_type=boft"], ["boft_target=q_proj"]),
            (["cutoff_len=200"], ["finetuning_type=prompt_tuning"]),
            (["cutoff_len=200"], ["finetuning_type=p_tuning"]),
            (["cutoff_len=200"], ["finetuning_type=prefix_tuning"]),
            (["finetuning_type=prompt_tuning", "cutoff_len=200"], ["num_virtual_tokens=3"]),
            (
                ["finetuning_type=prompt_tuning", "cutoff_len=200"],
                ["prompt_tuning_init=SAMPLE_VOCAB"]
            ),
            (
                ["finetuning_type=prompt_tuning", "cutoff_len=200", "prompt_tuning_init=TEXT"]
                    + ["prompt_tuning_init_text=one"], ["prompt_tuning_init_text=two three"]
            ),
            (["finetuning_type=p_tuning", "cutoff_len=200"], ["encoder_hidden_size=7"]),
            (["finetuning_type=prefix_tuning", "cutoff_len=200"], ["prefix_projection=true"]),
            (["finetuning_type=freeze"], ["freeze_trainable_layers=1"]),
            (["finetuning_type=freeze"], ["freeze_trainable_modules=mlp"]),
            (["finetuning_type=freeze"], ["freeze_extra_modules=norm"]),
            ([], ["template=qwen3_nothink"]), ([], ["default_system=You count."]),
            (["dataset=more"], ["enable_thinking=false"]), ([], ["tool_format=llama3"]),
            ([], ["train_on_prompt=true"]), ([], ["mask_history=true"]),
            (["mask_history=true"], ["preserve_thinking=true"]), ([], ["cutoff_len=40"]),
            ([], ["max_samples=2"]), ([], ["dataset=more"]), ([], ["packing=true"]),
            (["packing=true"], ["neat_packing=true"]),
            ([], ["mix_strategy=interleave_under"]),
            (["mix_strategy=interleave_over"], ["interleave_probs=0.1,0.9"]),
            ([], ["streaming=true", "buffer_size=2"]), (["streaming=true"], ["buffer_size=1"]),
            ([], ["dataset_info={turns: {file_name: more.json}}"]),
            (["pissa_init=true"], ["pissa_iter=0"]),
            (
                ["loraplus_lr_ratio=4", "lora_target=q_proj,embed_tokens", "max_steps=3"],
                ["loraplus_lr_embedding=1e-2"]
            ),
            (["use_eaft_loss=true"], ["eaft_alpha=3"]),
            (["packing=true", "cutoff_len=64"], ["preprocessing_batch_size=3"]),
            (["eval_strategy=steps", "eval_steps=1", "eval_dataset=more"], ["eval_dataset=turns"]),
        ] as [([String], [String])])
    func aKeyThatIsHonouredIsSeenInARun(_ beside: [String], _ change: [String]) throws {
        let folder = try folder()
        let before = try beside.isEmpty ? Self.plain.get() : traces(folder, beside)
        #expect(try traces(folder, beside + change) != before, "\(beside) \(change)")
    }

    @Test func theSameSettingsLeaveTheSame() throws {
        let folder = try folder()
        let all = try [[], ["gradient_checkpointing=true"], ["preprocessing_num_workers=2"]]
            .map { try traces(folder, $0) }
        #expect(Set(all).count == 1)
    }

    @Test func anAdapterIsReadFromItsFolderInsideAnother() throws {
        let folder = try folder()
        let run = try folder.run(
            ["train", "-"] + Self.base + ["output_dir=saves/best", "save_strategy=steps"])
        try #require(run.status == 0, "\(run.errors)")
        let merged = try ["adapter_name_or_path=saves/best", "adapter_name_or_path=saves"].map {
            let folders = $0.hasSuffix("best") ? [] : ["adapter_folder=best"]
            let output = "merged-\(folders.count)"
            let run = try folder.run(
                ["export", "-", "model_name_or_path=model", $0, "export_dir=\(output)"] + folders)
            try #require(run.status == 0, "\(run.errors)")
            return try folder.data("\(output)/model.safetensors")
        }
        #expect(merged[0] == merged[1])
    }
}

import Configuration
import Foundation
import Testing
import lockstep

/// Files of LLaMA-Factory's v1: keys and values of its examples/v1, written by hand and sorted.
@Suite struct V1ConfigurationTests {
    private static let common = """
        cutoff_len: 2048
        dist_config: {dcp_path: null, name: fsdp2}
        kernel_config: {include_kernels: auto, name: auto}
        learning_rate: 1.0e-4
        max_new_tokens: 128
        max_steps: 10
        micro_batch_size: 1
        model: models/tiny
        model_class: llm
        output_dir: outputs/test
        sample_backend: hf
        train_dataset: data/v1_sft_demo.yaml

        """
    private static let lora = """
        peft_config: {lora_alpha: 32, lora_dropout: 0.05, name: lora, r: 16, target_modules: all}

        """
    private static let datasets = """
        identity:
          converter: alpaca
          path: data/identity.json
          source: local
        tools:
          converter: sharegpt
          path: data/tools.json
          size: 500
          source: local

        """

    private func read(
        _ text: String, _ overrides: [String] = [], ranks: Int = 1,
        command: RunConfiguration.Command = .train, datasets: String = datasets
    ) throws -> RunConfiguration {
        let values = try YAMLDocument(text: text, file: "v1.yaml", overrides: overrides).values
        try #require(LLaMAFactoryV1.recognises(values))
        let v1 = try LLaMAFactoryV1(values, ranks: ranks) { path throws(ConfigurationError) in
            path == "data/v1_sft_demo.yaml"
                ? try YAMLDocument(text: datasets, file: "v1_sft_demo.yaml").values : nil
        }
        return try RunConfiguration(values: v1.values, command: command, notices: v1.notices)
    }

    private func message(_ text: String, datasets: String = datasets) -> String? {
        do {
            _ = try read(text, datasets: datasets)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func itsOwnDefaultsComeWithIt() throws {
        let run = try read("model: m\ntrain_dataset: rows.json\noutput_dir: o\n")
        #expect(run.method.stage == .supervised && run.method.finetuningType == .full)
        #expect(run.model.modelNameOrPath == "m" && run.data.dataset == ["rows.json"])
        #expect(run.train.perDeviceTrainBatchSize == 1)
        #expect(run.train.gradientAccumulationSteps == 1)
        #expect(run.train.learningRate == 1e-4 && run.train.schedule == .constant)
        #expect(run.train.weightDecay == 0.01 && run.train.numTrainEpochs == 3)
        #expect(run.train.maxSteps == nil && run.train.maxGradNorm == 1 && run.train.seed == 42)
        #expect(run.compute.precision == .bf16 && run.data.cutoffLen == 2048)
        #expect(run.output.loggingSteps == .steps(1) && run.output.saveStrategy == .steps)
        #expect(run.generation.maxNewTokens == 128)
        #expect(
            run.notices.first
                == "this is a file of LLaMA-Factory's v1; its keys are read as those of v0")
    }

    @Test func aLoRAFileMeansTheSame() throws {
        let run = try read(Self.common + Self.lora)
        #expect(run.method.finetuningType == .lora)
        #expect(run.adapter.loraRank == 16 && run.adapter.loraAlpha == 32)
        #expect(run.adapter.loraDropout == 0.05 && run.adapter.loraTarget == ["all"])
        #expect(run.train.maxSteps == 10 && run.output.outputDir == "outputs/test")
        #expect(run.data.dataset == ["identity", "tools"] && run.data.datasetDir == ".")
        #expect(
            run.data.datasetInfo?.text()
                == #"{"identity": {"file_name": "data/identity.json", "formatting": "alpaca"}, "#
                + #""tools": {"file_name": "data/tools.json", "formatting": "sharegpt", "#
                + #""num_samples": 500}}"#)
        #expect(
            run.notices.contains {
                $0.hasPrefix("dist_config, kernel_config: no effect here; ranks come from mpirun")
            })
    }

    @Test func peftsOwnDefaultsAreThoseOfV1() throws {
        let run = try read(Self.common + "peft_config: {name: lora, use_rslora: true}\n")
        #expect(run.adapter.loraRank == 8 && run.adapter.loraAlpha == 16)
        #expect(run.adapter.loraDropout == 0.05 && run.adapter.useRSLoRA)
    }

    @Test func aFileThatFreezesLayersMeansTheSame() throws {
        let run = try read(
            Self.common + """
                global_batch_size: 4
                peft_config:
                  freeze_extra_modules: null
                  freeze_trainable_layers: 3
                  freeze_trainable_modules: mlp
                  name: freeze

                """)
        #expect(run.method.finetuningType == .freeze)
        #expect(run.adapter.freezeTrainableLayers == 3)
        #expect(run.adapter.freezeTrainableModules == ["mlp"])
        #expect(run.train.gradientAccumulationSteps == 4)
    }

    @Test(arguments: [
        // Files of the examples, each as what it adds to the common keys.
        "", "template: qwen3_nothink\nquant_config: null\n",

        "init_config: {name: init_on_meta}\nbf16: false\nglobal_batch_size: 1\n",
        "init_config: {name: init_on_rank0}\nbf16: true\n",
        "batching_strategy: normal\n", "batching_strategy: padding_free\nflash_attn: sdpa\n",
        "batching_strategy: dynamic_padding_free\nflash_attn: flash_attention_2\n",
        "trust_remote_code: true\ncp_size: 1\ncp_mode: ulysses\n",
        "quant_config: null\nsave_steps: 10\n", "save_epochs: 1\nsave_total_limit: 2\n",
        "resume_from_checkpoint: auto\n", "enable_activation_checkpointing: true\n",
        "dist_timeout: 18000\nbatching_workers: 16\nfull_determinism: true\nseed: 7\n",
    ])
    func whatMeansTheSameOrNothingHereIsTaken(_ more: String) throws {
        let run = try read(Self.common + more)
        #expect(run.method.finetuningType == .full && run.data.dataset.count == 2)
    }

    @Test func aQuantizedBaseIsTaken() throws {
        let run = try read(
            Self.common + Self.lora
                + "quant_config: {name: bnb, quantization_bit: 4, compute_dtype: float16}\n")
        #expect(run.adapter.quantizationBit == 4)
        #expect(run.notices.contains { $0.contains("quant_config.compute_dtype") })
    }

    @Test func batchesMeanTheSame() throws {
        let text = Self.common.replacing("micro_batch_size: 1", with: "micro_batch_size: 2")
        let two = try read(text + "global_batch_size: 16\n", ranks: 2)
        #expect(two.train.gradientAccumulationSteps == 4)
        #expect(try read(text, ranks: 2).train.gradientAccumulationSteps == 1)
        #expect(
            message(text + "global_batch_size: 3\n")
                == "v1.yaml line 13: global_batch_size, micro_batch_size: 3 found, expected a "
                + "multiple of micro_batch_size times 1 rank")
        let packed = try read(text + "batching_strategy: dynamic_padding_free\n")
        #expect(packed.data.neatPacking && packed.data.packing)
        #expect(try !read(text + "batching_strategy: padding_free\n").data.packing)
    }

    @Test func savingMeansTheSame() throws {
        // v1 writes the model at the end; so does a run that saves.
        #expect(try read(Self.common).output.saveStrategy == .steps)
        let steps = try read(Self.common + "save_steps: 7\n")
        #expect(steps.output.saveStrategy == .steps && steps.output.saveSteps == .steps(7))
        #expect(try read(Self.common + "save_epochs: 1\n").output.saveStrategy == .epoch)
        #expect(
            message(Self.common + "save_epochs: 0.5\n")
                == "v1.yaml line 13: save_epochs: the number 0.5 is not supported yet; use 1, or "
                + "save_steps")
    }

    @Test(arguments: [
        ("model_class: cls\n", "model_class: the text 'cls' is not supported yet; other heads"),
        ("optim_config: {name: muon}\n", "optim_config: a map of keys is not supported yet; Muon"),
        ("lr_scheduler_config: {name: cosine}\n", "lr_scheduler_config: a map of keys is not"),
        ("mtp_config: {name: mtp}\n", "mtp_config: a map of keys is not supported yet; predicting"),
        ("cp_size: 2\n", "cp_size: the number 2 is not supported yet; a sequence is not divided"),
        ("custom_chat_template: x.jinja\n", "custom_chat_template: the text 'x.jinja' is not"),
        ("sample_backend: vllm\n", "sample_backend: the text 'vllm' is not supported yet; text is"),
        (
            "batching_strategy: dynamic_batching\n",
            "batching_strategy: found the text 'dynamic_batching', expected one of normal, "
        ),
        ("peft_config: {name: oft}\n", "peft_config.name: found the text 'oft', expected one of"),
        ("peft_config: lora\n", "peft_config: found the text 'lora', expected a map with name: "),
        ("peft_config: {name: lora, rank: 3}\n", "unknown key 'peft_config.rank'; "),
        (
            "peft_config: {name: lora, lora_alfa: 3}\n",
            "unknown key 'peft_config.lora_alfa'; did you mean 'peft_config.lora_alpha'?"
        ),
        ("quant_config: {name: gptq}\n", "quant_config.name: found the text 'gptq', expected one"),
        (
            "dist_config: {name: fsdp2, dcp_path: /x}\n",
            "dist_config.dcp_path: the text '/x' is not supported yet; weights come from"
        ),
        ("no_such_key: 1\n", "unknown key 'no_such_key'; no known key is like it"),
        ("train_dataset: gone.yaml\n", "train_dataset: 'gone.yaml' does not exist; give a YAML"),
    ])
    func whatHasNoEqualIsRefusedByName(_ more: String, _ expected: String) {
        let key = more.prefix { $0 != ":" }
        let text = Self.common.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.hasPrefix(key + ":") }.joined(separator: "\n")
        let answer = message(text + more) ?? ""
        #expect(answer.contains(expected) && !answer.contains("\n"), "\(answer)")
    }

    @Test(arguments: [
        ("{path: a.json, source: local}", "a.converter: none found, expected alpaca or sharegpt"),
        ("{path: a.json, source: local, converter: pair}", "a.converter: pair found, expected"),
        ("{source: local, converter: alpaca}", "a.path: is missing; give the file of the rows"),
        ("{path: a.json, converter: alpaca, weight: 0.5}", "a.weight: 0.5 found, expected 1"),
        ("{path: a.json, converter: alpaca, streaming: true}", "a.streaming: true found"),
        ("{path: a.json, converter: alpaca, rows: 3}", "a.rows: no such key; known are path"),
        ("rows.json", "a.path: the text 'rows.json' found, expected a map of keys"),
    ])
    func whatADatasetAsksForAndIsNotThereIsRefusedByName(_ entry: String, _ expected: String) {
        let answer = message(Self.common, datasets: "a: \(entry)\n") ?? ""
        #expect(answer.contains("train_dataset " + expected), "\(answer)")
    }

    @Test func argumentsOfEitherFormWin() throws {
        let run = try read(
            Self.common,
            ["model=other", "per_device_train_batch_size=3", "lr_scheduler_type=cosine"])
        #expect(run.model.modelNameOrPath == "other" && run.train.schedule == .cosine)
        #expect(run.train.perDeviceTrainBatchSize == 3)
        let bits = try read(Self.common, ["precision=fp32", "dataset=own.json"])
        #expect(bits.compute.precision == .fp32 && bits.data.dataset == ["own.json"])
    }

    @Test func filesOfTheFirstFormAreNotTaken() throws {
        for text in [TrialFolder.settings, "model: m\nstage: sft\n", "lr: 1\n", ""] {
            let values = try YAMLDocument(text: text, file: "run.yaml").values
            #expect(!LLaMAFactoryV1.recognises(values), "\(text)")
        }
    }

    @Test func aFileOfV1Trains() throws {
        let folder = try TrialFolder()
        try folder.add("finetuning/model", as: "model")
        try folder.add("llamafactory/data", as: "data")
        try folder.write(
            "data/v1_sft_demo.yaml",
            """
            alpaca_en_demo: {converter: alpaca, path: data/alpaca_en_demo.json, size: 9, source: local}
            identity: {converter: alpaca, path: data/identity.json, source: local}

            """)
        try folder.write(
            "v1.yaml",
            Self.common.replacing("models/tiny", with: "model")
                .replacing("cutoff_len: 2048", with: "cutoff_len: 128\ntemplate: qwen3_nothink")
                + Self.lora)
        let run = try folder.run(
            ["train", "v1.yaml", "max_steps=2", "threads_per_rank=1", "peak_gflops=50"])
        try #require(run.status == 0, "\(run.errors)")
        #expect(run.says("this is a file of LLaMA-Factory's v1"))
        #expect(run.says("rank 16, alpha 32.0"))
        #expect(folder.exists("outputs/test/adapter_model.safetensors"))
        #expect(try folder.losses("outputs/test").count == 2)
    }
}

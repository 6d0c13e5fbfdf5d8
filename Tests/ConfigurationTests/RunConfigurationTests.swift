import Configuration
import ConfigurationSupport
import Testing

@Suite struct RunConfigurationTests {
    @Test func defaultsAreThoseOfLLaMAFactoryAndTransformers() throws {
        let run = try training()
        #expect(run.train.perDeviceTrainBatchSize == 8)
        #expect(run.train.learningRate == 5e-5)
        #expect(run.train.numTrainEpochs == 3)
        #expect(run.train.maxSteps == nil)
        #expect(run.train.schedule == .linear)
        #expect(run.train.adamBeta1 == 0.9 && run.train.adamBeta2 == 0.999)
        #expect(run.train.adamEpsilon == 1e-8 && run.train.weightDecay == 0)
        #expect(run.train.maxGradNorm == 1)
        #expect(run.train.seed == 42 && run.train.dataSeed == 42)
        #expect(run.train.optimizer == .adamw)
        #expect(run.data.cutoffLen == 2048 && run.data.datasetDir == "data")
        #expect(run.output.loggingSteps == .steps(500) && run.output.saveSteps == .steps(500))
        #expect(run.output.resume == .automatic && run.output.saveTotalLimit == nil)
        #expect(run.evaluation.evalStrategy == .no && run.evaluation.perDeviceEvalBatchSize == 8)
        #expect(run.compute.precision == .fp32 && run.compute.zeroStage == nil)
        #expect(run.method.doTrain && !run.method.doEval)
        #expect(run.notices.isEmpty)
    }

    /// What is measured or foretold is what would be trained.
    @Test func benchAndPlanMeanTheRunThatTrainWouldMake() throws {
        for scratch in [true, false] {
            let types = try [RunConfiguration.Command.train, .bench, .plan].map { command in
                try RunConfiguration(
                    values: trainingValues(["train_from_scratch": .bool(scratch)]),
                    command: command
                ).method.finetuningType
            }
            #expect(types == Array(repeating: scratch ? .full : .lora, count: 3))
        }
    }

    /// Unlike LLaMA-Factory, where it is on by default.
    @Test func activationsAreKeptUnlessRecomputingIsAskedFor() throws {
        #expect(try !training().model.gradientCheckpointing)
        for (key, value) in [
            ("gradient_checkpointing", true), ("activation_checkpointing", true),
            ("disable_gradient_checkpointing", false),
        ] {
            let run = try RunConfiguration(
                values: trainingValues().merging(values([:])) { $1 }
                    .merging([key: ConfigurationValue(.bool(value))]) { $1 },
                command: .train)
            #expect(run.model.gradientCheckpointing, "\(key)")
        }
        #expect(
            try !training(["disable_gradient_checkpointing": .bool(true)])
                .model.gradientCheckpointing)
    }

    @Test func samplesOfTheDefaultLengthFallToTheModelsPositions() throws {
        let fitted = try training().fitting(positions: 128)
        #expect(fitted.data.cutoffLen == 128 && !fitted.isGiven("cutoff_len"))
        #expect(fitted.resolvedText.contains("cutoff_len: 128\n"))
        #expect(
            fitted.notices == [
                "cutoff_len: 2048, its default, became 128: the model has 128 positions; set "
                    + "cutoff_len for other samples"
            ])
        #expect(try training().fitting(positions: 4096).notices.isEmpty)
        let given = try training(["cutoff_len": .int(512)]).fitting(positions: 128)
        #expect(given.data.cutoffLen == 512 && given.notices.isEmpty)
    }

    @Test func precisionHasThreeSpellings() throws {
        #expect(try training(["bf16": .bool(true)]).compute.precision == .bf16)
        #expect(try training(["fp16": .bool(true)]).compute.precision == .fp16)
        #expect(try training(["precision": .string("bfloat16")]).compute.precision == .bf16)
        #expect(
            try training(["precision": .string("fp16"), "fp16": .bool(true)])
                .compute.precision == .fp16)
        let pure = try training(["pure_bf16": .bool(true)])
        #expect(pure.compute.precision == .bf16)
        #expect(pure.notices == ["pure_bf16: runs as bf16: true; master weights stay float32"])
    }

    @Test func spellingsOfBothTransformersGenerationsMeanTheSame() throws {
        #expect(try training(["warmup_ratio": .double(0.1)]).train.warmup == .fraction(0.1))
        #expect(try training(["warmup_steps": .double(0.1)]).train.warmup == .fraction(0.1))
        #expect(try training(["warmup_steps": .int(100)]).train.warmup == .steps(100))
        for key in ["eval_strategy", "evaluation_strategy"] {
            var all = trainingValues(["val_size": .int(8)])
            all[key] = ConfigurationValue(.string("steps"))
            let run = try RunConfiguration(values: all, command: .train)
            #expect(run.evaluation.evalStrategy == .steps && run.method.doEval)
        }
        for name in ["adamw_torch", "adamw_torch_fused", "adamw_hf"] {
            #expect(try training(["optim": .string(name)]).train.optimizer == .adamw)
        }
        #expect(try training(["optim": .string("lion")]).train.optimizer == .lion)
        // YAML 1.1 readers turn a bare `no` into false.
        #expect(try training(["eval_strategy": .bool(false)]).evaluation.evalStrategy == .no)
    }

    @Test func keysWithoutEffectAreAcceptedWithOneLineForEachReason() throws {
        let run = try training([
            "trust_remote_code": .bool(true), "ddp_timeout": .int(180_000_000),
            "dataloader_num_workers": .int(4), "use_fast_tokenizer": .bool(true),
            "deepspeed": .null, "flash_attn": .string("fa2"), "group_by_length": .bool(false),
        ])
        #expect(run.notices.count == 3)
        #expect(
            run.notices.contains(
                "trust_remote_code, use_fast_tokenizer: no effect here; models and tokenizers are "
                    + "read from local files"))
        #expect(!run.notices.contains { $0.contains("deepspeed:") })
    }

    /// As Transformers writes it in place of none.
    @Test func nothingIsReportedToAnEmptyList() throws {
        let run = try training(["report_to": .list([])])
        #expect(!run.output.writesEvents && run.notices.isEmpty)
        #expect(run.resolvedText.contains("report_to: [none]\n"))
        // Other lists stay without use where they are empty.
        #expect(throws: ConfigurationError.self) { try training(["dataset": .list([])]) }
    }

    @Test func warnsOfSettingsThatHaveNoSay() throws {
        let run = try training([
            "max_steps": .int(10), "num_train_epochs": .double(2), "warmup_steps": .int(50),
            "warmup_ratio": .double(0.1), "loss_scale_window": .int(100),
            "logging_dir": .string("events"),
        ])
        #expect(
            run.notices == [
                "logging_dir: not used, since report_to does not name tensorboard",
                "num_train_epochs: not used, since max_steps is 10",
                "warmup_ratio: not used, since warmup_steps is 50",
                "warmup_steps: 50 of only 10 steps, so the rate never reaches learning_rate",
                "loss_scale_window: not used, since only fp16 scales losses",
            ])
    }

    @Test func eachCommandPassesOverTheOthersKeys() throws {
        var all = trainingValues([
            "stage": .string("sft"), "finetuning_type": .string("lora"),
            "learning_rate": .string("nonsense"), "temperature": .double(0.5),
            "export_dir": .string("out"), "lora_rank": .int(8),
        ])
        let generate = try RunConfiguration(values: all, command: .generate)
        #expect(generate.generation.temperature == 0.5)
        #expect(try RunConfiguration(values: all, command: .export).export.exportDir == "out")
        all["no_such_key"] = ConfigurationValue(.int(1))
        #expect(throws: ConfigurationError.self) {
            try RunConfiguration(values: all, command: .generate)
        }
    }

    @Test func everyCommandHasDefaultsForEverySection() throws {
        for command in RunConfiguration.Command.allCases {
            let all = trainingValues([
                "dataset": .string("a.txt, b/*.jsonl.gz"), "export_dir": .string("out"),
                "task": .string("mmlu_test"),
            ])
            let run = try RunConfiguration(values: all, command: command)
            #expect(run.command == command)
            #expect(
                run.data.dataset
                    == (command == .prepare || command == .train
                        || command == .bench || command == .plan ? ["a.txt", "b/*.jsonl.gz"] : []))
        }
        #expect(try RunConfiguration(values: [:], command: .bench).method.stage == .supervised)
    }

    @Test func nullsAreUnset() throws {
        let run = try training([
            "resume_from_checkpoint": .null, "seed": .null, "max_samples": .null,
            "eval_dataset": .null,
        ])
        #expect(run.output.resume == .automatic && run.train.seed == 42)
    }

    @Test func resumingHasFourForms() throws {
        func resume(_ content: ConfigurationValue.Content) throws -> OutputSection.Resume {
            try training(["resume_from_checkpoint": content]).output.resume
        }
        #expect(try resume(.bool(true)) == .newest)
        #expect(try resume(.bool(false)) == .never)
        #expect(
            try resume(.string("saves/checkpoint-5.h5"))
                == .checkpoint(path: "saves/checkpoint-5.h5"))
        #expect(try training(["overwrite_output_dir": .bool(true)]).output.resume == .never)
    }

    @Test func wholeNumbersMayBeWrittenAsDecimalsAndTextsAsNumbers() throws {
        #expect(try training(["max_steps": .double(1e3)]).train.maxSteps == 1000)
        var all = trainingValues()
        all["run_name"] = ConfigurationValue(.double(1.10), spelling: "1.10")
        #expect(try RunConfiguration(values: all, command: .train).output.runName == "1.10")
    }

    @Test func bestMetricOfPerplexityIsTheSmallest() throws {
        let run = try training([
            "val_size": .int(4), "eval_strategy": .string("steps"),
            "metric_for_best_model": .string("perplexity"), "early_stopping_steps": .int(3),
        ])
        #expect(run.bestMetric?.name == "eval_perplexity")
        #expect(run.bestMetric?.greaterIsBetter == false)
        #expect(run.earlyStopping?.patience == 3)
        #expect(try training().bestMetric == nil)
    }

    @Test func zeroMeansNoLimit() throws {
        #expect(try training(["max_grad_norm": .int(0)]).train.maxGradNorm == nil)
        #expect(try training(["save_total_limit": .int(0)]).output.saveTotalLimit == nil)
        #expect(try training(["save_total_limit": .int(2)]).output.saveTotalLimit == 2)
    }

    @Test func theTableHasEveryNameOnce() {
        let names = ConfigurationKey.table.flatMap { [$0.name] + $0.aliases }
        #expect(Set(names).count == names.count)
        #expect(names.count > 350)
    }

    @Test func theTextListsWhatTheCommandReads() throws {
        let text = try training(["bf16": .bool(true), "run_name": .string("a: b")]).resolvedText
        #expect(text.hasPrefix("# model\nmodel_name_or_path: models/tiny\n"))
        #expect(text.contains("\nprecision: bf16\nbf16: true\nfp16: false\n"))
        #expect(text.contains("\nlearning_rate: 5e-05\n"))
        #expect(text.contains("\nrun_name: \"a: b\"\n"))
        #expect(text.contains("\nmax_samples: null\n"))
        #expect(!text.contains("export_dir"))
        #expect(!text.contains("trust_remote_code"))
    }

    @Test func theHashTellsRunsApartButNotMachines() throws {
        let hash = try training().hash
        #expect(try training().hash == hash)
        #expect(try training(["threads_per_rank": .int(3)]).hash == hash)
        #expect(try training(["output_dir": .string("elsewhere")]).hash == hash)
        #expect(try training(["learning_rate": .double(5e-5)]).hash == hash)
        #expect(try training(["learning_rate": .double(6e-5)]).hash != hash)
        #expect(try training(["save_steps": .int(7)]).hash != hash)
        #expect(try training(["bf16": .bool(true)]).hash != hash)
    }
}

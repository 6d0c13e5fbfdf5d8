import Foundation
import Testing

/// Keys that decide steps, rates, samples, files or numbers: a run shows each of them.
@Suite struct KeysChangeRunsTests {
    /// Settings of a run of three steps, and what is changed beside it.
    private static let base = [
        "max_steps=3", "val_size=4", "eval_strategy=steps", "eval_steps=3",
        "per_device_train_batch_size=4", "warmup_steps=0", "save_strategy=no",
    ]

    /// The run that others are compared with.
    private static let plain = Result { try KeysChangeRunsTests().traces(TrialFolder(), []) }

    /// What a run leaves that can be seen from outside: every logged number, and the files.
    private func traces(_ folder: TrialFolder, _ settings: [String]) throws -> String {
        let output = "out-\(UUID().uuidString.prefix(8))"
        let run = try folder.run(
            ["train", "run.yaml"] + Self.base + settings + ["output_dir=\(output)"])
        try #require(run.status == 0, "\(settings): \(run.errors)")
        let steps = try folder.log(output).map {
            "\($0.step) \(String(describing: $0.loss)) \(String(describing: $0.evaluationLoss)) "
                + "\(String(describing: $0.rate)) \(String(describing: $0.norm)) "
                + "\(String(describing: $0.totalTokens))"
        }
        let names = folder.names(output)
        let last = names.filter { $0.hasPrefix("model") }.map {
            try? folder.data("\(output)/\($0)")
        }
        let sum = last.compactMap { $0 }.map { $0.reduce(into: 0) { $0 = $0 &* 31 &+ Int($1) } }
        return "\(steps) \(names) \(sum)"
    }

    @Test(arguments: [
        ["learning_rate=2e-2"], ["weight_decay=0.3"], ["adam_beta1=0.5"], ["adam_beta2=0.5"],
        ["adam_epsilon=1e-3"], ["max_grad_norm=0.01"], ["seed=7"], ["data_seed=7"],
        ["warmup_steps=2"], ["warmup_ratio=0.6"], ["lr_scheduler_type=linear"],
        ["lr_scheduler_kwargs.num_cycles=2.5"], ["optim=lion_32bit"], ["optim=sgd"],
        ["use_muon=true"], ["use_adam_mini=true"], ["use_galore=true"], ["use_apollo=true"],
        ["neftune_noise_alpha=5"], ["use_badam=true"],
        ["max_steps=4"], ["max_steps=-1", "num_train_epochs=0.05"],
        ["gradient_accumulation_steps=2"], ["per_device_train_batch_size=5"], ["cutoff_len=17"],
        ["disable_shuffling=true"], ["train_sampling_strategy=sequential"], ["val_size=6"],
        ["eval_steps=1"], ["eval_strategy=no"],
        ["logging_steps=2"], ["logging_strategy=epoch"], ["save_strategy=steps"],
        ["save_strategy=best"], ["plot_loss=true"], ["report_to=tensorboard"], ["report_to=all"],
        ["precision=bf16"], ["fp8=true"],
        ["eval_on_start=true"], ["pure_bf16=true"],
    ])
    func aKeyThatIsHonouredIsSeenInARun(_ settings: [String]) throws {
        let before = try Self.plain.get()
        #expect(try traces(TrialFolder(), settings) != before, "\(settings)")
    }

    @Test(arguments: [
        (["optim=sgd"], "sgd_momentum=0.9"), (["optim=sgd"], "optim_args=momentum=0.9"),
        ([], "correct_bias=false"), (["use_galore=true"], "adam_epsilon=1e-3"),
        (["optim=adafactor"], "adafactor_scale_parameter=true"),
        (["use_muon=true"], "muon_momentum=0.5"), (["use_muon=true"], "muon_lr=0.5"),
        (["use_muon=true"], "muon_adjust_lr_fn=original"),
        (["use_galore=true"], "galore_rank=2"), (["use_galore=true"], "galore_scale=0.5"),
        (["use_galore=true", "galore_rank=2"], "galore_update_interval=2"),
        (["use_galore=true"], "galore_target=mlp"),
        (["use_galore=true", "galore_rank=2"], "galore_proj_type=reverse_std"),
        (["use_apollo=true"], "apollo_rank=2"), (["use_apollo=true"], "apollo_scale=2"),
        (["use_apollo=true"], "apollo_update_interval=2"),
        (["use_apollo=true"], "apollo_target=mlp"), (["use_apollo=true"], "apollo_proj=svd"),
        (["use_apollo=true"], "apollo_proj_type=reverse_std"),
        (["use_apollo=true"], "apollo_scale_type=tensor"),
        (["use_badam=true"], "badam_switch_interval=1"),
        (["use_badam=true"], "badam_start_block=1"),
        (["use_badam=true"], "badam_switch_mode=descending"),
        (["optim=muon"], "optim_args=momentum=0.5"),
        (
            ["optim=galore_adamw", "optim_target_modules=attn,mlp", "optim_args=rank=4"],
            "optim_target_modules=mlp"
        ),
        (["eval_steps=1"], "eval_delay=2"),
        (["logging_steps=3"], "logging_first_step=true"),
        (
            ["max_steps=-1", "num_train_epochs=1", "per_device_train_batch_size=100"],
            "dataloader_drop_last=true"
        ),
        (
            ["save_strategy=best", "eval_steps=1", "metric_for_best_model=loss"],
            "greater_is_better=true"
        ),
    ])
    func aKeyThatIsHonouredIsSeenBesideOthers(_ beside: [String], _ change: String) throws {
        let folder = try TrialFolder()
        #expect(
            try traces(folder, beside) != traces(folder, beside + [change]), "\(beside) \(change)")
    }

    @Test func spreadBlocksAreTrainedInPlaceOfTheLast() throws {
        let folder = try TrialFolder()
        try folder.write("deep/config.json", TrialFolder.llama(["num_hidden_layers": 4]))
        let beside = [
            "model_name_or_path=deep", "finetuning_type=freeze", "freeze_trainable_layers=2",
        ]
        #expect(
            try traces(folder, beside) != traces(folder, beside + ["use_llama_pro=true"]))
    }

    @Test func aCheckpointOfTheModelOnlyHasNoMoments() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(output: "whole", ["max_steps=1"])
        try folder.trainToEnd(output: "model", ["max_steps=1", "save_only_model=true"])
        let (whole, model) = try (folder.state("whole", step: 1), folder.state("model", step: 1))
        #expect(model.firstMoment.isEmpty && model.secondMoment.isEmpty)
        #expect(!whole.firstMoment.isEmpty && model.model == whole.model)
    }

    @Test func aRunsNameIsTheTitleOfItsPlot() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(["max_steps=2", "run_name=a name of its own"])
        let plot = String(decoding: try folder.data("out/training_loss.svg"), as: UTF8.self)
        #expect(plot.contains("a name of its own"))
    }

    @Test func whatWatchesARunIsWrittenWhereItIsTold() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd([
            "max_steps=2", "report_to=tensorboard", "logging_dir=events/a",
            "metrics_file=node/run.prom", "run_name=a name of its own",
        ])
        #expect(folder.names("events/a").count == 1 && !folder.exists("out/runs"))
        let figures = String(decoding: try folder.data("node/run.prom"), as: UTF8.self)
        #expect(figures.contains("lockstep_step{run=\"a name of its own\"} 2\n"))
        #expect(figures.contains("lockstep_running{run=\"a name of its own\"} 0\n"))
    }

    /// What the test above would not see if runs differed by themselves.
    @Test func theSameSettingsLeaveTheSame() throws {
        let folder = try TrialFolder()
        let settings = [
            [], [], ["optim=paged_adamw_8bit"], ["train_sampling_strategy=random"],
            ["group_by_length=true"],
        ]
        let all = try settings.map { try traces(folder, $0) }
        #expect(Set(all).count == 1)
    }

    @Test func positionsAreStretchedAsAConfigurationWrittenByHandStretchesThem() throws {
        let folder = try TrialFolder()
        let scaling: [String: Any] = ["rope_type": "linear", "factor": 2.0]
        try folder.write(
            "byhand/config.json",
            TrialFolder.llama(["max_position_embeddings": 128, "rope_scaling": scaling]))
        try folder.write("long/config.json", TrialFolder.llama(["max_position_embeddings": 128]))
        let settings = ["cutoff_len=100", "per_device_train_batch_size=2"]
        let traces = try [
            ["rope_scaling=linear"], ["model_name_or_path=byhand"], ["model_name_or_path=long"],
        ].map { try self.traces(folder, settings + $0) }
        #expect(traces[0] == traces[1] && traces[0] != traces[2])
        let run = try folder.run(["train", "run.yaml"] + Self.base + settings)
        #expect(run.status == 2 && run.says("cutoff_len is 100 but the model is made for 64"))
    }

    @Test func theBestCheckpointsAreThoseOfBestEvaluations() throws {
        let folder = try TrialFolder()
        let run = try folder.run(
            ["train", "run.yaml"] + Self.base + [
                "max_steps=8", "eval_steps=2", "save_strategy=best", "learning_rate=1e-1",
            ])
        try #require(run.status == 0, "\(run.errors)")
        var best = Double.infinity
        var steps: Set<Int> = [8]
        for line in try folder.log() {
            guard let loss = line.evaluationLoss, loss < best else { continue }
            best = loss
            steps.insert(line.step)
        }
        let saved = folder.names("out").filter { $0.hasSuffix(".h5") }.compactMap {
            Int($0.dropFirst("checkpoint-".count).dropLast(3))
        }
        #expect(Set(saved) == steps)
    }
}

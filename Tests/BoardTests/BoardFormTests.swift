import Board
import Configuration
import Files
import Serving
import Testing

@Suite struct BoardFormTests {
    /// A form with some fields, each a text or a truth.
    private func form(_ fields: KeyValuePairs<String, JSONValue>) throws -> BoardForm {
        try BoardForm(.object(fields.map { ($0.key, $0.value) }))
    }

    private func settings(
        _ form: BoardForm, _ task: BoardForm.Task = .train, extra: JSONValue = .object([])
    ) throws -> [String: JSONValue] {
        let members = try form.settings(for: task, output: "saves/m/lora/x") {
            _ throws(ServerProblem) in extra
        }
        return Dictionary(members.map { ($0.key, $0.value) }) { first, _ in first }
    }

    @Test func aFormWithItsStandardValuesIsThatOfLLaMABoard() throws {
        let form = try form([
            "top.model_path": .string("models/m"), "train.dataset": .string("alpaca"),
        ])
        #expect(
            try settings(form) == [
                "model_name_or_path": .string("models/m"), "finetuning_type": .string("lora"),
                "stage": .string("sft"), "do_train": .bool(true), "dataset": .string("alpaca"),
                "dataset_dir": .string("data"), "learning_rate": .double(5e-5),
                "num_train_epochs": .double(3), "max_grad_norm": .double(1),
                "max_samples": .int(100_000), "cutoff_len": .int(2048),
                "per_device_train_batch_size": .int(2), "gradient_accumulation_steps": .int(8),
                "lr_scheduler_type": .string("cosine"), "logging_steps": .int(5),
                "save_steps": .int(100), "warmup_steps": .int(0), "optim": .string("adamw_torch"),
                "lora_rank": .int(8), "lora_alpha": .int(16), "lora_dropout": .int(0),
                "lora_target": .string("all"), "plot_loss": .bool(true),
                "output_dir": .string("saves/m/lora/x"),
            ])
    }

    @Test func groupsHaveASayWhereTheyApply() throws {
        let base: KeyValuePairs<String, JSONValue> = [
            "top.model_path": .string("m"), "top.finetuning_type": .string("full"),
            "train.training_stage": .string("DPO"), "train.pref_loss": .string("ipo"),
            "train.use_galore": .bool(true), "train.galore_rank": .string("4"),
            "train.compute_type": .string("bf16"), "train.lora_rank": .string("64"),
        ]
        let found = try settings(form(base))
        #expect(found["stage"] == .string("dpo") && found["pref_loss"] == .string("ipo"))
        #expect(found["use_galore"] == .bool(true) && found["galore_rank"] == .int(4))
        #expect(found["bf16"] == .bool(true))
        #expect(found["lora_rank"] == nil && found["use_apollo"] == nil)
        let plain = try settings(form(["top.model_path": .string("m")]))
        #expect(plain["pref_loss"] == nil && plain["galore_rank"] == nil && plain["bf16"] == nil)
    }

    @Test func heldOutSamplesAreTriedAsOftenAsCheckpointsAreSaved() throws {
        let found = try settings(
            form(["top.model_path": .string("m"), "train.val_size": .string("0.1")]))
        #expect(found["val_size"] == .double(0.1) && found["eval_strategy"] == .string("steps"))
        #expect(found["eval_steps"] == .int(100) && found["per_device_eval_batch_size"] == .int(2))
        let own = try settings(
            form([
                "top.model_path": .string("m"), "train.eval_dataset": .string("e"),
                "train.eval_steps": .string("7"), "train.load_best_model_at_end": .bool(true),
            ]))
        #expect(own["eval_steps"] == .int(7) && own["load_best_model_at_end"] == .bool(true))
    }

    @Test func aCheckpointIsAnAdapterOrAModel() throws {
        let adapter = try settings(
            form([
                "top.model_path": .string("m"), "top.checkpoint_path": .string("saves/a,saves/b"),
            ]))
        #expect(adapter["adapter_name_or_path"] == .string("saves/a,saves/b"))
        let model = try settings(
            form([
                "top.model_path": .string("m"), "top.finetuning_type": .string("full"),
                "top.checkpoint_path": .string("saves/a"),
            ]))
        #expect(model["model_name_or_path"] == .string("saves/a"))
        #expect(model["adapter_name_or_path"] == nil)
    }

    @Test func furtherKeysWinButNotOverTheRunsFolder() throws {
        let found = try settings(
            form(["top.model_path": .string("m"), "train.extra_args": .string("x")]),
            extra: .object([("lora_rank", .int(2)), ("output_dir", .string("elsewhere"))]))
        #expect(found["lora_rank"] == .int(2))
        #expect(found["output_dir"] == .string("saves/m/lora/x"))
    }

    @Test func evaluationAndExportHaveKeysOfTheirOwn() throws {
        let form = try form([
            "top.model_path": .string("m"), "eval.dataset": .string("e"),
            "export.export_dir": .string("out"),
        ])
        let predicting = try settings(form, .evaluate)
        #expect(predicting["do_train"] == .bool(false) && predicting["do_predict"] == .bool(true))
        #expect(predicting["eval_dataset"] == .string("e") && predicting["top_p"] == .double(0.7))
        #expect(predicting["learning_rate"] == nil && predicting["do_eval"] == nil)
        let exporting = try settings(form, .export)
        #expect(exporting["export_dir"] == .string("out") && exporting["export_size"] == .int(5))
        #expect(exporting["output_dir"] == nil && exporting["dataset"] == nil)
    }

    @Test func tasksAreTriedByACommandOfTheirOwn() throws {
        let form = try form([
            "top.model_path": .string("m"), "eval.kind": .string("tasks"),
            "eval.task": .string("mmlu_test,tasks/own.yaml"), "eval.n_shot": .string("2"),
            "eval.dataset": .string("e"), "eval.extra_args": .string("x"),
        ])
        let found = try settings(
            form, .evaluate, extra: .object([("save_dir", .string("elsewhere"))]))
        #expect(form.command(for: .evaluate) == "eval" && form.command(for: .train) == "train")
        #expect(
            found == [
                "model_name_or_path": .string("m"), "finetuning_type": .string("lora"),
                "task": .string("mmlu_test,tasks/own.yaml"), "task_dir": .string("evaluation"),
                "n_shot": .int(2), "lang": .string("en"), "batch_size": .int(4),
                "max_samples": .int(100_000), "save_dir": .string("saves/m/lora/x/results"),
            ])
    }

    @Test(arguments: [
        ("PPO", "ppo", ["reward_model", "ppo_epochs", "max_new_tokens"], "grpo_loss"),
        ("GRPO", "grpo", ["grpo_reward", "grpo_loss", "max_new_tokens"], "ppo_epochs"),
        ("DPO", "dpo", ["pref_beta"], "max_new_tokens"),
    ])
    func aStageHasItsOwnKeys(
        _ name: String, _ stage: String, _ own: [String], _ others: String
    ) throws {
        let found = try settings(
            form([
                "top.model_path": .string("m"), "train.training_stage": .string(name),
                "train.reward_model": .string("saves/rm"), "train.grpo_reward": .string("numeric"),
            ]))
        #expect(found["stage"] == .string(stage) && found[others] == nil)
        for key in own { #expect(found[key] != nil, "\(key)") }
    }

    @Test(arguments: [
        ("train.learning_rate", JSONValue.string("fast"), "expected a number"),
        ("train.learning_rate", .string("nan"), "expected a number"),
        ("train.training_stage", .string("sft"), "expected one of Supervised Fine-Tuning"),
        ("train.packing", .string("yes"), "expected true or false"),
        ("train.lernrate", .string("1"), "is no field"), ("train.dataset", .bool(true), "a text"),
    ])
    func aValueThatAFieldCannotHaveIsNamed(_ name: String, _ value: JSONValue, _ words: String) {
        do throws(ServerProblem) {
            _ = try BoardForm(.object([(name, value)]))
            Issue.record("\(name) is taken")
        } catch {
            #expect(error.status == 400 && error.param == name)
            #expect(error.message.contains(name) && error.message.contains(words))
        }
    }

    @Test func aFormWithoutAModelIsRefused() throws {
        let empty = try form([:])
        #expect(throws: ServerProblem.self) { try settings(empty) }
    }

    /// As LLaMA Board 0.9 saves it: lists of names, numbers as such, fields of engines that are not here.
    @Test func aFormOfLLaMABoardIsTakenAndWhatIsLeftOutIsNamed() throws {
        let (form, unknown) = try BoardForm.reading(
            .object([
                ("top.model_path", .string("m")), ("top.booster", .string("unsloth")),
                ("train.dataset", .array([.string("a"), .string("b")])),
                ("train.cutoff_len", .int(512)), ("train.use_swanlab", .bool(false)),
                ("train.ds_stage", .string("none")), ("top.checkpoint_path", .null),
                ("train.image_max_pixels", .string("768*768")),
            ]))
        #expect(unknown == ["top.booster", "train.image_max_pixels"])
        let found = try settings(form)
        #expect(found["dataset"] == .string("a,b") && found["cutoff_len"] == .int(512))
        #expect(found["adapter_name_or_path"] == nil)
    }

    @Test func everyFieldsKeyIsOneThatSomeCommandObeys() {
        let keys = Set(ConfigurationKey.table.filter { $0.support == .full }.map(\.name))
        for field in BoardFields.all {
            if let key = field.key { #expect(keys.contains(key), "\(field.name): \(key)") }
            #expect(!field.english.isEmpty && !field.chinese.isEmpty, "\(field.name)")
        }
        #expect(Set(BoardFields.all.map(\.name)).count == BoardFields.all.count)
    }

    @Test func settingsAreYAMLThatReadsBack() {
        let text = YAMLText.lines([
            ("a", .string("plain/word-1.0_x")), ("b", .string("5")), ("c", .string("no")),
            ("d", .string("with: colon # and \"quotes\"\n")), ("e", .int(3)), ("f", .bool(true)),
            ("g", .string("")), ("train.x", .double(5e-5)), ("h", .array([.string("x"), .int(1)])),
            ("i", .object([("k", .string("v w"))])), ("j", .null), ("l", .string("~/x")),
        ])
        #expect(
            text == """
                a: plain/word-1.0_x
                b: "5"
                c: "no"
                d: "with: colon # and \\"quotes\\"\\n"
                e: 3
                f: true
                g: ""
                train.x: 5e-05
                h: [x, 1]
                i: {k: "v w"}
                j: null
                l: "~/x"

                """)
    }
}

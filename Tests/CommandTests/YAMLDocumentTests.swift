import Configuration
import Foundation
import Testing
import lockstep

@Suite struct YAMLDocumentTests {
    private func contents(
        _ text: String, _ overrides: [String] = []
    ) throws -> [String: ConfigurationValue.Content] {
        try YAMLDocument(text: text, file: "run.yaml", overrides: overrides).values
            .mapValues(\.content)
    }

    private func message(_ text: String, _ overrides: [String] = []) -> String? {
        do {
            _ = try YAMLDocument(text: text, file: "run.yaml", overrides: overrides)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test(arguments: [
        ("1e-4", 1e-4), ("1.0e-5", 1e-5), ("2e-5", 2e-5), ("5.", 5.0), (".5", 0.5),
        ("-1.5E+3", -1500), ("+0.25", 0.25), ("5E-06", 5e-6), (".inf", .infinity),
    ])
    func decimalsInEveryFormAreNumbers(text: String, number: Double) throws {
        #expect(try contents("x: \(text)")["x"] == .double(number))
        #expect(try contents("", ["x=\(text)"])["x"] == .double(number))
    }

    @Test(arguments: [
        ("0", 0), ("-7", -7), ("+3", 3), ("180000000", 180_000_000), ("1_000", 1000),
        ("0x1f", 31), ("007", 7),
    ])
    func integersAreNumbers(text: String, number: Int) throws {
        #expect(try contents("x: \(text)")["x"] == .int(number))
    }

    @Test(arguments: [
        "1e", "e5", "1.2.3", "1:30", "+", ".", "1e-4x", "no", "yes", "12abc", "_1", "0x",
        "qwen3", "a/b.c", "3.5B", "١",
    ])
    func otherWordsAreTexts(text: String) throws {
        #expect(try contents("x: \(text)")["x"] == .string(text))
    }

    @Test func quotesMakeATextOfANumber() throws {
        let all = try contents("a: \"2e-5\"\nb: 'true'\nc: \"\"\n")
        #expect(all == ["a": .string("2e-5"), "b": .string("true"), "c": .string("")])
    }

    @Test func nullsHaveFourForms() throws {
        let all = try contents("a: null\nb: ~\nc:\nd: Null\n", ["e="])
        #expect(all.count == 5)
        #expect(all.values.allSatisfy { $0 == .null })
    }

    @Test func valuesKnowTheirLine() throws {
        let text = "# head\n\nseed: 1\n\nlr_scheduler_kwargs:\n  power: 2\n"
        let values = try YAMLDocument(text: text, file: "run.yaml").values
        #expect(values["seed"]?.place == .line(3, file: "run.yaml"))
        #expect(values["lr_scheduler_kwargs"]?.place == .line(5, file: "run.yaml"))
        guard case .map(let inner)? = values["lr_scheduler_kwargs"]?.content else {
            Issue.record("no map")
            return
        }
        #expect(inner["power"]?.place == .line(6, file: "run.yaml"))
    }

    @Test func overridesWinAndReachIntoMaps() throws {
        let text = "seed: 1\nlr_scheduler_kwargs: {power: 2, lr_end: 1e-6}\n"
        let values = try YAMLDocument(
            text: text, file: "run.yaml",
            overrides: ["seed=2", "lr_scheduler_kwargs.power=3", "dataset=a=b.txt", "x.y={z: 1}"]
        ).values
        #expect(values["seed"]?.content == .int(2))
        #expect(values["seed"]?.place == .override)
        #expect(values["dataset"]?.content == .string("a=b.txt"))
        guard case .map(let inner)? = values["lr_scheduler_kwargs"]?.content else {
            Issue.record("no map")
            return
        }
        #expect(inner["power"]?.content == .int(3) && inner["lr_end"]?.content == .double(1e-6))
    }

    @Test func mistakesAreOneLineEach() {
        #expect(
            message("seed: 1\nbf16: true\nseed: 2\n")
                == "run.yaml: key 'seed' is given more than once (lines 1, 3); keep one")
        #expect(
            message("- a\n- b\n") == "run.yaml line 1: expected lines of the form key: value")
        #expect(
            message("just words") == "run.yaml line 1: expected lines of the form key: value")
        #expect(message("seed: [1, 2") != nil)
        #expect(message("a: 1\n\tb: 2\n")?.hasPrefix("run.yaml line 2: not valid YAML: ") == true)
        #expect(message("a: *b\n")?.contains("\n") == false)
        #expect(message("", ["seed"]) == "command line: found 'seed', expected key=value")
        #expect(message("", ["=1"]) == "command line: found '=1', expected key=value")
        #expect(message("", ["a=[1"])?.hasPrefix("command line: not valid YAML: ") == true)
        #expect(throws: ConfigurationError.self) { try YAMLDocument(contentsOf: "no/such.yaml") }
    }

    /// A file has comments, an argument has none.
    @Test func nothingOfAnArgumentIsAComment() throws {
        let values = try YAMLDocument(
            text: "a: b #c\n", file: "run.yaml",
            overrides: ["d=e #f", "g=#h", "i=[j, 'k #l']", "m='n' #o", "p=q#r", "s= 5"]
        ).values
        #expect(values["a"]?.content == .string("b"))
        #expect(values["d"]?.content == .string("e #f") && values["g"]?.content == .string("#h"))
        guard case .list(let items)? = values["i"]?.content else {
            Issue.record("i is no list")
            return
        }
        #expect(items.map(\.content) == [.string("j"), .string("k #l")])
        #expect(values["m"]?.content == .string("n") && values["p"]?.content == .string("q#r"))
        #expect(values["s"]?.content == .int(5))
    }

    @Test func anEmptyFileHasNoKeys() throws {
        #expect(try contents("").isEmpty)
        #expect(try contents("# only a comment\n").isEmpty)
    }

    @Test func theResolvedTextReadsBackAsTheSameConfiguration() throws {
        let text = """
            ### model
            model_name_or_path: models/tiny
            train_from_scratch: true
            ### method
            stage: pt
            do_train: true
            finetuning_type: full
            ### dataset
            tokenized_path: 2024
            dataset: a.txt, b c.txt
            val_size: 0.1
            ### output
            output_dir: "no"
            logging_steps: 10
            save_steps: 0.25
            plot_loss: true
            overwrite_output_dir: true
            report_to: none
            ### train
            per_device_train_batch_size: 1
            learning_rate: 1.0e-4
            lr_scheduler_type: cosine_with_min_lr
            lr_scheduler_kwargs: {min_lr: 1.0e-05}
            warmup_ratio: 0.1
            bf16: true
            ddp_timeout: 180000000
            eval_strategy: steps
            eval_steps: 0.25
            load_best_model_at_end: true
            """
        let values = try YAMLDocument(text: text, file: "run.yaml").values
        for command in [RunConfiguration.Command.train, .plan, .bench] {
            let run = try RunConfiguration(values: values, command: command)
            let again = try RunConfiguration(
                values: YAMLDocument(text: run.resolvedText, file: "resolved.yaml").values,
                command: command)
            #expect(again.resolvedText == run.resolvedText)
            #expect(again.hash == run.hash)
            #expect(run.data.tokenizedPath == "2024" && run.train.learningRate == 1e-4)
        }
    }

    /// The keys of LLaMA-Factory's training examples, with the values of its pretraining one.
    @Test func anExampleOfLLaMAFactoryRunsUnchangedButForItsPlaces() throws {
        let text = """
            ### model
            model_name_or_path: models/tiny
            trust_remote_code: true
            ### method
            stage: pt
            do_train: true
            finetuning_type: full
            lora_rank: 8
            lora_target: all
            deepspeed: examples/deepspeed/ds_z3_config.json  # choices: [ds_z0, ds_z2, ds_z3]
            ### dataset
            dataset: c4_demo
            tokenized_path: data/shards
            template: llama3
            cutoff_len: 2048
            max_samples: 1000
            overwrite_cache: true
            preprocessing_num_workers: 16
            dataloader_num_workers: 4
            ### output
            output_dir: saves/llama3-8b/lora/pretrain
            logging_steps: 10
            save_steps: 500
            plot_loss: true
            overwrite_output_dir: true
            save_only_model: false
            report_to: none  # choices: [none, wandb, tensorboard, swanlab, mlflow]
            ### train
            per_device_train_batch_size: 1
            gradient_accumulation_steps: 8
            learning_rate: 1.0e-4
            num_train_epochs: 3.0
            lr_scheduler_type: cosine
            warmup_ratio: 0.1
            bf16: true
            ddp_timeout: 180000000
            resume_from_checkpoint: null
            ### eval
            # eval_dataset: c4_demo
            val_size: 0.1
            per_device_eval_batch_size: 1
            eval_strategy: steps
            eval_steps: 500
            """
        let run = try RunConfiguration(
            values: YAMLDocument(text: text, file: "pretrain.yaml").values, command: .train)
        #expect(run.train.learningRate == 1e-4 && run.train.schedule == .cosine)
        #expect(run.train.warmup == .fraction(0.1) && run.compute.precision == .bf16)
        #expect(run.output.resume == .never && run.output.plotLoss)
        #expect(run.evaluation.evalSteps == .steps(500) && run.data.valSize == 0.1)
        #expect(run.notices.count { $0.contains(": no effect here; ") } == 3)
        let others = run.notices.filter { !$0.contains(": no effect here; ") }
        #expect(
            others == [
                "max_samples: not used, since the shards of tokenized_path are read",
                "template: not used, since with stage: pt text is not a conversation",
            ])
    }
}

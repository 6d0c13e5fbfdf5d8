import Configuration
import ConfigurationSupport
import Testing

/// One wrong input and the line it must answer with.
struct Mistake: Sendable, CustomTestStringConvertible {
    let contents: [(String, ConfigurationValue.Content)]
    let message: String
    var absent: Set<String> = []
    var command = RunConfiguration.Command.train

    init(
        _ contents: KeyValuePairs<String, ConfigurationValue.Content>,
        without absent: Set<String> = [],
        command: RunConfiguration.Command = .train, _ message: String
    ) {
        self.contents = Array(contents.map { ($0.key, $0.value) })
        self.absent = absent
        self.command = command
        self.message = message
    }

    var testDescription: String { message }

    /// What the mistake says, or `nil` if it was not noticed.
    func answer() -> String? {
        var all = trainingValues(without: absent)
        for (index, (key, content)) in contents.enumerated() {
            all[key] = ConfigurationValue(content, place: .line(index + 10, file: "run.yaml"))
        }
        do {
            _ = try RunConfiguration(values: all, command: command)
            return nil
        } catch {
            return "\(error)"
        }
    }
}

@Suite struct ConfigurationMistakeTests {
    @Test(arguments: Mistake.ofKeys + Mistake.ofTypes + Mistake.ofRanges)
    func wrongKeyOrValueIsNamedWithItsLine(_ mistake: Mistake) {
        #expect(mistake.answer() == mistake.message)
    }

    @Test(arguments: Mistake.ofCombinations)
    func keysThatDoNotGoTogetherAreNamed(_ mistake: Mistake) {
        #expect(mistake.answer() == mistake.message)
    }

    @Test(arguments: Mistake.ofLaterVersions + Mistake.ofAbsence)
    func whatIsMissingOrNotThereYetIsNamed(_ mistake: Mistake) {
        #expect(mistake.answer() == mistake.message)
    }

    @Test func everyMessageIsOneLine() {
        let all =
            Mistake.ofKeys + Mistake.ofTypes + Mistake.ofRanges + Mistake.ofCombinations
            + Mistake.ofLaterVersions + Mistake.ofAbsence
        #expect(all.count > 60)
        for mistake in all { #expect(!mistake.message.contains("\n")) }
    }

    @Test func theFirstMistakeFromTheTopOfTheFileIsReported() {
        let mistake = Mistake(
            ["seed": .string("x"), "lerning_rate": .double(1)],
            "run.yaml line 10: seed: found the text 'x', expected a whole number of at least 0")
        #expect(mistake.answer() == mistake.message)
    }

    @Test func overridesAreNamedAsSuch() {
        var all = trainingValues()
        all["seed"] = ConfigurationValue(.string("x"), place: .override)
        #expect(throws: ConfigurationError.self) {
            do {
                _ = try RunConfiguration(values: all, command: .train)
            } catch {
                #expect(
                    "\(error)"
                        == "command line: seed: found the text 'x', expected a whole number of "
                        + "at least 0")
                throw error
            }
        }
    }
}

extension Mistake {
    static let ofKeys: [Mistake] = [
        Mistake(
            ["lerning_rate": .double(1e-4)],
            "run.yaml line 10: unknown key 'lerning_rate'; did you mean 'learning_rate'?"),
        Mistake(
            ["per-device-train-batch-size": .int(1)],
            "run.yaml line 10: unknown key 'per-device-train-batch-size'; did you mean "
                + "'per_device_train_batch_size'?"),
        Mistake(
            ["warmup_step": .int(1)],
            "run.yaml line 10: unknown key 'warmup_step'; did you mean 'warmup_steps'?"),
        Mistake(
            ["Cutoff_Len": .int(1)],
            "run.yaml line 10: unknown key 'Cutoff_Len'; did you mean 'cutoff_len'?"),
        Mistake(
            ["xyzzy": .int(1)], "run.yaml line 10: unknown key 'xyzzy'; no known key is like it"),
        Mistake(
            ["eval_strategy": .string("steps"), "evaluation_strategy": .string("epoch")],
            "run.yaml line 11: eval_strategy, evaluation_strategy: are two names of one setting "
                + "but differ; keep one"),
    ]

    static let ofTypes: [Mistake] = [
        Mistake(
            ["cutoff_len": .string("long")],
            "run.yaml line 10: cutoff_len: found the text 'long', expected a whole number of at "
                + "least 2"),
        Mistake(
            ["cutoff_len": .double(12.5)],
            "run.yaml line 10: cutoff_len: found the number 12.5, expected a whole number of at "
                + "least 2"),
        Mistake(
            ["learning_rate": .string("2e-5x")],
            "run.yaml line 10: learning_rate: found the text '2e-5x', expected a number of at "
                + "least 0"),
        Mistake(
            ["learning_rate": .bool(true)],
            "run.yaml line 10: learning_rate: found true, expected a number of at least 0"),
        Mistake(
            ["plot_loss": .int(1)],
            "run.yaml line 10: plot_loss: found the number 1, expected true or false"),
        Mistake(
            ["output_dir": .list([])],
            "run.yaml line 10: output_dir: found a list, expected a text"),
        Mistake(
            ["output_dir": .string("")],
            "run.yaml line 10: output_dir: found the text '', expected a text"),
        Mistake(
            ["dataset": .map([:])],
            "run.yaml line 10: dataset: found a map of keys, expected a text, a list of texts, or "
                + "texts separated by commas"),
        Mistake(
            ["lr_scheduler_kwargs": .int(3)],
            "run.yaml line 10: lr_scheduler_kwargs: found the number 3, expected a map of keys, as "
                + "in {power: 2.0}"),
        Mistake(
            ["optim": .list([])],
            "run.yaml line 10: optim: found a list, expected one of adamw_torch, lion_32bit, sgd, "
                + "adafactor, muon, adam_mini, galore_adamw, apollo_adamw, badam"
        ),
        Mistake(
            ["save_steps": .string("often")],
            "run.yaml line 10: save_steps: found the text 'often', expected a whole number of "
                + "steps, or a fraction of all steps below 1"),
    ]

    static let ofRanges: [Mistake] = [
        Mistake(
            ["cutoff_len": .int(1)],
            "run.yaml line 10: cutoff_len: found the number 1, expected a whole number of at "
                + "least 2"),
        Mistake(
            ["learning_rate": .double(-1e-4)],
            "run.yaml line 10: learning_rate: found the number -0.0001, expected a number of at "
                + "least 0"),
        Mistake(
            ["learning_rate": .double(.infinity)],
            "run.yaml line 10: learning_rate: found the number inf, expected a number of at least "
                + "0"),
        Mistake(
            ["adam_beta2": .double(1)],
            "run.yaml line 10: adam_beta2: found the number 1.0, expected a number of at least 0 "
                + "and below 1"),
        Mistake(
            ["num_train_epochs": .int(0)],
            "run.yaml line 10: num_train_epochs: found the number 0, expected a number above 0"),
        Mistake(
            ["warmup_ratio": .double(1.5)],
            "run.yaml line 10: warmup_ratio: found the number 1.5, expected a number of at least "
                + "0 and at most 1"),
        Mistake(
            ["logging_steps": .double(1.5)],
            "run.yaml line 10: logging_steps: found the number 1.5, expected a whole number of "
                + "steps, or a fraction of all steps below 1"),
        Mistake(
            ["save_steps": .int(0)],
            "run.yaml line 10: save_steps: found the number 0, expected a whole number of steps, "
                + "or a fraction of all steps below 1"),
        Mistake(
            ["val_size": .double(2.5)],
            "run.yaml line 10: val_size: found the number 2.5, expected 0, a fraction below 1, or "
                + "a whole number"),
        Mistake(
            ["lr_scheduler_type": .string("cosin")],
            "run.yaml line 10: lr_scheduler_type: found the text 'cosin', expected one of linear, "
                + "cosine, cosine_with_restarts, polynomial, constant, constant_with_warmup, "
                + "inverse_sqrt, cosine_with_min_lr, cosine_warmup_with_min_lr, "
                + "warmup_stable_decay, reduce_lr_on_plateau; did you mean 'cosine'?"),
        Mistake(
            ["precision": .string("fp8")],
            "run.yaml line 10: precision: found the text 'fp8', expected one of fp32, bf16, fp16"),
        Mistake(
            ["per_device_train_batch_size": .int(0)],
            "run.yaml line 10: per_device_train_batch_size: found the number 0, expected a whole "
                + "number of at least 1"),
    ]

    static let ofAbsence: [Mistake] = [
        Mistake(
            [:], without: ["output_dir"],
            "output_dir is missing: give the folder for checkpoints and reports"),
        Mistake(
            [:], without: ["tokenized_path"],
            "tokenized_path is missing: give the folder of shards that `lockstep prepare` wrote, "
                + "or a token file"),
        Mistake(
            ["model_name_or_path": .null],
            "model_name_or_path is missing: give a Hugging Face folder or a .gguf file; with "
                + "train_from_scratch: true a folder with config.json is enough"),
        Mistake(
            [:], without: ["stage", "tokenized_path"],
            "dataset is missing: give files, or names in dataset_info.json in dataset_dir"),
        Mistake(
            [:], without: ["stage"], command: .prepare,
            "stage is missing: set stage: pt to prepare running text, or stage: sft for "
                + "conversations"),
        Mistake(
            ["stage": .string("sft")], command: .prepare,
            "dataset is missing: give files, or names in dataset_info.json in dataset_dir"),
        Mistake(
            ["stage": .string("sft"), "eval_dataset": .string("e")], without: ["tokenized_path"],
            command: .prepare,
            "tokenized_path is missing: give the folder that the examples go to"),
        Mistake(
            [:], command: .prepare,
            "dataset is missing: give the text: files, folders, patterns, or names in "
                + "dataset_info.json"),
        Mistake(
            [:], command: .export, "export_dir is missing: give the folder that the model goes to"),
    ]
}

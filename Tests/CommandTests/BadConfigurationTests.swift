import Foundation
import Testing

/// A mistake in a configuration and the line that answers it.
struct BadConfiguration: CustomTestStringConvertible, Sendable {
    let message: String
    var arguments: [String] = []
    /// Lines that come after those of run.yaml.
    var lines: [String] = []
    /// The text of a config.json of a model of its own.
    var model: String?
    /// Where two ranks are tried too.
    var ranks = [1]

    var testDescription: String { message }

    static let places = "run.yaml line \(TrialFolder.settings.split(separator: "\n").count + 1): "

    static let table: [BadConfiguration] = [
        BadConfiguration(
            message: places + "unknown key 'lerning_rate'; did you mean 'learning_rate'?",
            lines: ["lerning_rate: 1e-3"], ranks: [1, 2]),
        BadConfiguration(
            message: "command line: unknown key 'save_step'; did you mean 'save_steps'?",
            arguments: ["save_step=3"]),
        BadConfiguration(
            message: "run.yaml: key 'max_steps' is given more than once (lines 11, 17); keep one",
            lines: ["max_steps: 3"]),
        BadConfiguration(
            message: "command line: max_steps: found the text 'many', expected a whole number of "
                + "at least -1",
            arguments: ["max_steps=many"], ranks: [1, 2]),
        BadConfiguration(
            message: places + "val_size: found the number -1, expected 0, a fraction below 1, or "
                + "a whole number",
            lines: ["val_size: -1"]),
        BadConfiguration(
            message: "command line: optim: found the text 'adamv', expected one of adamw_torch, "
                + "lion_32bit, sgd, adafactor, muon, adam_mini, galore_adamw, apollo_adamw, badam; "
                + "did you mean 'adamw'?",
            arguments: ["optim=adamv"]),
        BadConfiguration(
            message: "command line: gradient_accumulation_steps: found the number "
                + "4611686018427387904, expected a whole number of at least 1 and at most 1000000",
            arguments: ["gradient_accumulation_steps=4611686018427387904"], ranks: [1, 2]),
        BadConfiguration(
            message: "command line: per_device_train_batch_size: found the number "
                + "4611686018427387904, expected a whole number of at least 1 and at most 1000000",
            arguments: ["per_device_train_batch_size=4611686018427387904"]),
        BadConfiguration(
            message: "command line: num_train_epochs: found the number 1e300, expected a number "
                + "above 0 and at most 1000000",
            arguments: ["num_train_epochs=1e300", "max_steps=-1"]),
        BadConfiguration(
            message: "command line: threads_per_rank: found the number 100000, expected a whole "
                + "number of at least 1 and at most 4096",
            arguments: ["threads_per_rank=100000"]),
        BadConfiguration(
            message: "command line: warmup_steps: found the number 9223372036854775807, expected "
                + "a number of at least 0 and at most 1000000000000000",
            arguments: ["warmup_steps=9223372036854775807"]),
        BadConfiguration(
            message: "command line: zero_stage: 2 is not supported yet; use 0, or 1 to divide "
                + "optimizer state among ranks",
            arguments: ["zero_stage=2"]),
        BadConfiguration(
            message:
                "command line: report_to: wandb is not supported and will not be; nothing is sent "
                + "to a service; set tensorboard for event files (other trackers read those, or "
                + "trainer_log.jsonl), or none",
            arguments: ["report_to=wandb"]),
        BadConfiguration(
            message: "command line: metrics_file: 'llama' is a folder, but must be a file",
            arguments: ["metrics_file=llama"], ranks: [1, 2]),
        BadConfiguration(
            message: "command line: model_name_or_path: 'nowhere' does not exist; models are "
                + "read from local files, so download it first",
            arguments: ["model_name_or_path=nowhere"], ranks: [1, 2]),
        BadConfiguration(
            message: "command line: tokenizer_name_or_path: 'nowhere' does not exist; give the "
                + "folder of the tokenizer",
            arguments: ["tokenizer_name_or_path=nowhere"]),
        BadConfiguration(
            message: "command line: tokenizer_name_or_path: 'llama' holds no tokenizer.json, so "
                + "it is no tokenizer folder",
            arguments: ["tokenizer_name_or_path=llama"]),
        BadConfiguration(
            message: "cutoff_len is 65 but the model is made for 64 positions (config.json); "
                + "lower cutoff_len",
            arguments: ["cutoff_len=65"], ranks: [1, 2]),
        BadConfiguration(
            message: "val_size: 400.0 found with 375 samples, expected a fraction below 1 or a "
                + "whole number of samples below 375",
            arguments: ["val_size=400"]),
        BadConfiguration(
            message: "fault_injection: found 'boom', expected hang, kill, exit or slow, then "
                + ":RANK@STEP, such as kill:1@20",
            arguments: ["fault_injection=boom"]),
        BadConfiguration(
            message: "command line: balance, gradient_accumulation_steps: whole micro-batches are "
                + "divided by speed, and 1 a rank leaves nothing to divide; set "
                + "gradient_accumulation_steps to 4 or more (and per_device_train_batch_size "
                + "lower), or leave balance out",
            arguments: ["balance=true"], ranks: [1, 2]),
        BadConfiguration(
            message: "command line: balance, deterministic: sums in a fixed tree need ranks of "
                + "equal shares; keep one",
            arguments: ["balance=true", "deterministic=true"], ranks: [1, 2]),
        BadConfiguration(
            message: "--max-time: found 'soon', expected seconds or H:MM:SS",
            arguments: ["--max-time", "soon"], ranks: [1, 2]),
        BadConfiguration(
            message: "command line: output_dir: 'tokens.bin' is a file, but must be a folder",
            arguments: ["output_dir=tokens.bin"], ranks: [1, 2]),
        BadConfiguration(
            message: "command line: output_dir: 'llama' is the folder of model_name_or_path, over "
                + "which the run would write; choose another",
            arguments: ["output_dir=llama"], ranks: [1, 2]),
        BadConfiguration(
            message: "command line: output_dir: 'tokens.bin/out' cannot be made, since "
                + "'FOLDER/tokens.bin' is a file",
            arguments: ["output_dir=tokens.bin/out"]),
        BadConfiguration(
            message: "command line: resume_from_checkpoint: 'out' holds no checkpoint-N.h5; "
                + "leave the key out to begin at step 0",
            arguments: ["resume_from_checkpoint=true"]),
        BadConfiguration(
            message: "command line: resume_from_checkpoint: 'nothing.h5' does not exist; give a "
                + "checkpoint-N.h5, or true for the newest of output_dir",
            arguments: ["resume_from_checkpoint=nothing.h5"]),
        BadConfiguration(
            message: "command line: resume_from_checkpoint: 'llama' holds no checkpoint-N.h5; give "
                + "a checkpoint-N.h5, or true for the newest of output_dir",
            arguments: ["resume_from_checkpoint=llama"]),
        BadConfiguration(
            message: "config.json: hidden_size 30 is not divisible by num_attention_heads 4; "
                + "change one of them",
            model: TrialFolder.llama(["hidden_size": 30]), ranks: [1, 2]),
        BadConfiguration(
            message: "config.json: num_attention_heads 4 is not divisible by "
                + "num_key_value_heads 3; change one of them",
            model: TrialFolder.llama(["num_key_value_heads": 3])),
        BadConfiguration(
            message: "config.json: n_embd 30 is not divisible by n_head 4; change one of them",
            model: TrialFolder.gpt2(["n_embd": 30])),
        BadConfiguration(
            message: "config.json: model_type \"bloom\" is not known here; supported are Yi, "
                + "albert, baichuan, bert, chatglm, distilbert, electra, ernie4_5, gemma, gemma2, "
                + "gemma3, gemma3_text, glm, glm4, gpt2, gpt_neox, granite, internlm2, llama, "
                + "mistral, mixtral, modernbert, mpnet, mt5, olmo2, opt, phi, phi3, qwen2, qwen3, "
                + "qwen3_moe, roberta, smollm3, starcoder2, t5, umt5, xlm-roberta",
            model: TrialFolder.llama(["model_type": "bloom"])),
        BadConfiguration(
            message: "config.json: hidden_act is \"mish\", which is not supported; supported: "
                + "silu, gelu, gelu_new, gelu_pytorch_tanh, relu",
            model: TrialFolder.llama(["hidden_act": "mish"])),
        BadConfiguration(
            message: "config.json: hidden_size is missing, a llama model needs it; add it",
            model: TrialFolder.llama(["hidden_size": NSNull()])),
        BadConfiguration(
            message: "config.json: vocab_size is \"x\", expected a whole number",
            model: TrialFolder.llama(["vocab_size": "x"])),
        BadConfiguration(
            message: "config.json: is not a JSON object (it cannot be parsed); expected a "
                + "Hugging Face config.json",
            model: "{"),
    ]
}

@Suite struct BadConfigurationTests {
    @Test(arguments: BadConfiguration.table)
    func aMistakeIsToldInOneLineAndNothingIsWritten(_ mistake: BadConfiguration) throws {
        let folder = try TrialFolder()
        try folder.write(
            "run.yaml",
            TrialFolder.settings + mistake.lines.map { $0 + "\n" }.joined())
        var arguments = ["train", "run.yaml"] + mistake.arguments
        if let model = mistake.model {
            try folder.write("own/config.json", model)
            arguments.append("model_name_or_path=own")
        }
        let before = folder.names(".")
        for ranks in mistake.ranks {
            let run = try folder.run(arguments, ranks: ranks)
            #expect(run.status == 2)
            let message = mistake.message.replacingOccurrences(of: "FOLDER", with: folder.path)
            expectMessage(run, message, ranks: ranks)
            #expect(folder.names(".") == before, "nothing is written")
        }
    }

    @Test func aFileThatIsNoConfigurationIsNamed() throws {
        let folder = try TrialFolder()
        try folder.write("list.yaml", "- 1\n")
        try folder.write("broken.yaml", "stage: [pt\n")
        for (name, message) in [
            ("none.yaml", "cannot read 'none.yaml'; give a YAML file of keys and values"),
            ("list.yaml", "list.yaml line 1: expected lines of the form key: value"),
            (
                "broken.yaml",
                "broken.yaml line 2: not valid YAML: did not find expected ',' or ']'"
            ),
        ] {
            let run = try folder.run(["train", name])
            #expect(run.status == 2)
            expectMessage(run, message, ranks: 1)
        }
    }

    @Test(arguments: [["frob"], ["train"], ["train", "run.yaml", "--frob"], ["generate"]])
    func aMistakeInTheArgumentsHasStatusTwo(_ arguments: [String]) throws {
        let folder = try TrialFolder()
        let run = try folder.run(arguments)
        #expect(run.status == 2)
        #expect(run.output.isEmpty && run.errors.contains("Usage: lockstep"))
        #expect(!folder.exists("out"))
    }

    /// Who is root may write to this folder by its rights, and yet cannot.
    @Test(arguments: ["logging_dir=/proc/none/events", "metrics_file=/proc/none/run.prom"])
    func whatWatchesARunIsTriedBeforeIt(_ setting: String) throws {
        let folder = try TrialFolder()
        let run = try folder.train(["report_to=tensorboard", setting])
        #expect(run.status == 2 && run.messages.count == 1, "\(run.status): \(run.errors)")
        let key = setting.prefix { $0 != "=" }
        #expect(run.messages.first?.contains("\(key): ") == true, "\(run.messages)")
        #expect(!folder.exists("out"))
    }

    @Test func treeSumsOnThreeRanksAreRefused() throws {
        let folder = try TrialFolder()
        let run = try folder.train(ranks: 3, ["deterministic=true"])
        #expect(run.status == 2)
        expectMessage(
            run,
            "deterministic: true needs 1, 2, 4, 8, … ranks, but this run has 3; change the "
                + "number of ranks or set deterministic: false", ranks: 3)
        #expect(!folder.exists("out"))
    }
}

/// Expects stderr to hold one message of lockstep, and that it is this one.
///
/// Of several ranks one tells, and adds who it is where each checked files of its own.
func expectMessage(
    _ run: LockstepRun, _ message: String, ranks: Int,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let place = " (found by rank 0 on \(ProcessInfo.processInfo.hostName))"
    let messages = run.messages.map {
        ranks > 1 && $0.hasSuffix(place) ? String($0.dropLast(place.count)) : $0
    }
    #expect(messages == [message], sourceLocation: sourceLocation)
    if ranks == 1 {
        // A corpus may have to be read to its end before it is known to be empty.
        let lines = run.errors.split(separator: "\n").filter { !$0.hasPrefix("tokenizing ") }
        #expect(lines == ["lockstep: \(message)"], sourceLocation: sourceLocation)
    }
    #expect(run.output.isEmpty, sourceLocation: sourceLocation)
}

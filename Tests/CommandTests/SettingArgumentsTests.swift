import Testing
import lockstep

@Suite struct SettingArgumentsTests {
    @Test(arguments: [
        ("train run.yaml --learning_rate 1e-4", "train run.yaml learning_rate=1e-4"),
        ("train run.yaml --learning_rate=1e-4", "train run.yaml learning_rate=1e-4"),
        ("train --stage sft --do_train run.yaml", "train run.yaml stage=sft do_train=true"),
        ("train run.yaml --bf16 True --fp16 0", "train run.yaml bf16=True fp16=false"),
        ("train run.yaml --max_steps -1 seed=3", "train run.yaml max_steps=-1 seed=3"),
        ("train run.yaml --no_plot_loss", "train run.yaml plot_loss=false"),
        ("train run.yaml --learning-rate 1", "train run.yaml learning_rate=1"),
        ("train --max-time 30 run.yaml --seed 1", "train --max-time 30 run.yaml seed=1"),
        ("train run.yaml --max-time 30", "train run.yaml --max-time 30"),
        (
            "train run.yaml --lora_target q_proj v_proj --seed 1",
            "train run.yaml lora_target=\"q_proj,v_proj\" seed=1"
        ),
        ("train --dataset a b run.yaml", "train run.yaml dataset=\"a,b\""),
        ("train run.yaml --lr_rate 1", "train run.yaml lr_rate=1"),
        ("train --stage pt --bf16", "train - stage=pt bf16=true"),
        ("train stage=pt", "train - stage=pt"),
        ("prepare run.yaml --val_size 0.1", "prepare run.yaml val_size=0.1"),
        ("chat --model M --temperature 0", "chat --model M temperature=0"),
        ("chat run.yaml --top_k 5", "chat run.yaml top_k=5"),
        ("plan run.yaml --nodes 2 --cutoff_len 8", "plan run.yaml --nodes 2 cutoff_len=8"),
        ("plan run.yaml --steps 3 --max_steps 4", "plan run.yaml --steps 3 max_steps=4"),
        ("bench step run.yaml --steps 3 --seed 1", "bench step run.yaml --steps 3 seed=1"),
        ("bench gemm --threads 2", "bench gemm --threads 2"),
        ("generate --model M --top-k 3", "generate --model M --top-k 3"),
        ("score --model M --input f", "score --model M --input f"),
        ("train --help", "train --help"), ("--version", "--version"),
        ("train run.yaml --frob", "train run.yaml --frob"), ("train", "train"),
    ])
    func optionsThatAreKeysBecomeSettings(_ written: String, _ expected: String) {
        let words = { (text: String) in text.split(separator: " ").map(String.init) }
        #expect(SettingArguments.translated(words(written)) == words(expected))
    }

    @Test func aTextOfYAMLsOwnCharactersStaysAText() throws {
        let arguments = SettingArguments.translated([
            "train", "run.yaml", "--default_system", "You are: a {bot} # 1", "--run_name", "5",
            "--lr_scheduler_kwargs", #"{"num_cycles": 2}"#,
        ])
        let document = try YAMLDocument(
            text: "", file: "run.yaml", overrides: Array(arguments.dropFirst(2)))
        #expect(document.values["default_system"]?.content == .string("You are: a {bot} # 1"))
        #expect(document.values["run_name"]?.spelling == "5")
        guard case .map(let kwargs)? = document.values["lr_scheduler_kwargs"]?.content else {
            Issue.record("lr_scheduler_kwargs is no map")
            return
        }
        #expect(kwargs["num_cycles"]?.content == .int(2))
    }
}

@Suite struct SettingArgumentRunTests {
    @Test func aRunTakesAllItsSettingsAsArguments() throws {
        let folder = try TrialFolder()
        var arguments = ["train"]
        for line in TrialFolder.settings.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            arguments.append("--" + parts[0])
            if parts[1] != " true" {
                arguments.append(parts[1].trimmingCharacters(in: .whitespaces))
            }
        }
        let run = try folder.run(arguments + ["--max_steps", "2", "--output_dir", "arguments"])
        try #require(run.status == 0, "\(run.errors)")
        let file = try folder.run(
            ["train", "run.yaml", "max_steps=2", "--output_dir", "file", "--bf16", "false"])
        try #require(file.status == 0, "\(file.errors)")
        #expect(try folder.losses("arguments") == folder.losses("file"))
        #expect(try folder.losses("file").count == 2)
    }

    @Test func aMisspeltOptionIsAnsweredAsAKey() throws {
        let folder = try TrialFolder()
        let run = try folder.run(["train", "run.yaml", "--lerning_rate", "1"])
        #expect(run.status == 2)
        expectMessage(
            run, "command line: unknown key 'lerning_rate'; did you mean 'learning_rate'?",
            ranks: 1)
    }

    @Test func aModelOfAHubIsReadFromItsCacheAndAFolderResumes() throws {
        let folder = try TrialFolder()
        try folder.write("hf/hub/models--org--tiny/refs/main", "c1")
        try folder.write("hf/hub/models--org--tiny/snapshots/c1/config.json", TrialFolder.llama())
        let hub = ["HF_HOME": folder.full("hf")]
        let settings = ["train", "run.yaml", "model_name_or_path=org/tiny", "save_steps=1"]
        let run = try folder.run(settings + ["max_steps=2"], environment: hub)
        try #require(run.status == 0, "\(run.errors)")
        #expect(run.says("model_name_or_path: org/tiny is read from "))
        let on = try folder.run(
            settings + ["max_steps=3", "resume_from_checkpoint=out/checkpoint-1"],
            environment: hub)
        try #require(on.status == 0, "\(on.errors)")
        #expect(on.says("resume_from_checkpoint: out/checkpoint-1 is out/checkpoint-1.h5"))
        #expect(on.says("resuming from out/checkpoint-1.h5"))
        let gone = try folder.run(settings)
        #expect(gone.status == 2 && gone.says("'org/tiny' does not exist; models are read from"))
    }
}

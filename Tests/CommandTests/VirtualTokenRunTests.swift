import Foundation
import TestSupport
import Testing

/// Prompt tuning, P-tuning and prefix tuning in runs: learned, resumed, and gone on with.
@Suite struct VirtualTokenRunTests {
    private static let methods = [
        [
            "finetuning_type=prompt_tuning", "num_virtual_tokens=6", "prompt_tuning_init=TEXT",
            "prompt_tuning_init_text=Count the words", "learning_rate=0.1", "cutoff_len=200",
        ],
        [
            "finetuning_type=p_tuning", "num_virtual_tokens=4", "encoder_hidden_size=24",
            "learning_rate=0.01", "cutoff_len=200",
        ],
        [
            "finetuning_type=prefix_tuning", "num_virtual_tokens=4", "learning_rate=0.05",
            "cutoff_len=200",
        ],
        [
            "finetuning_type=prefix_tuning", "num_virtual_tokens=3", "prefix_projection=true",
            "encoder_hidden_size=16", "learning_rate=0.01", "cutoff_len=200",
        ],
    ]

    @Test(arguments: methods)
    func virtualTokensAreLearnedAndGoneOnWith(_ method: [String]) throws {
        let folder = try TrialFolder.finetuning()
        let run = try folder.tuneToEnd(method + ["save_steps=30"])
        #expect(run.says("virtual tokens"))
        #expect(try folder.progress() < 0.99)
        #expect(folder.exists("out/adapter_model.safetensors"))
        #expect(!folder.exists("out/model.safetensors"))
        let beside = try folder.logProbabilities("model", adapter: "out")
        #expect(largestDistance(beside, try folder.logProbabilities("model")) > 1e-2)
        // A checkpoint of the run names its model, as the folder does.
        #expect(largestDistance(try folder.logProbabilities("out/checkpoint-30.h5"), beside) < 1e-6)
        try folder.tuneToEnd(
            output: "on", method + ["adapter_name_or_path=out", "max_steps=1"])
        #expect(try folder.losses("on")[0] < folder.losses()[0])
        let merge = try folder.run([
            "export", "run.yaml", "export_dir=merged", "adapter_name_or_path=out",
        ])
        #expect(merge.status == 2 && merge.errors.contains("virtual tokens"), "\(merge.errors)")
        #expect(!folder.exists("merged"))
    }

    @Test(arguments: [methods[1], methods[2]])
    func aRunIsTheSameOnTwoRanksAndAfterResuming(_ method: [String]) throws {
        let folder = try TrialFolder.finetuning()
        let settings = method + ["max_steps=8"]
        try folder.tuneToEnd(output: "one", settings)
        try folder.tuneToEnd(
            output: "two", ranks: 2, settings + ["gradient_accumulation_steps=1"])
        let expected = try folder.losses("one")
        #expect(largestDifference(try folder.losses("two"), expected) < 1e-5)
        try folder.tuneToEnd(output: "parts", settings + ["save_steps=3"])
        try folder.rewind("parts", to: "resumed", step: 3)
        try folder.tuneToEnd(
            output: "resumed", settings + ["save_steps=3", "resume_from_checkpoint=true"])
        #expect(try folder.losses("resumed") == expected)
        #expect(
            try folder.data("resumed/adapter_model.safetensors")
                == folder.data("one/adapter_model.safetensors"))
    }

    /// A frozen base may stay rounded; rows of several examples begin with one set of virtual tokens.
    @Test func theyWorkOnAQuantizedBaseAndBeforePackedRows() throws {
        let folder = try TrialFolder.finetuning()
        let settings = [
            "finetuning_type=prefix_tuning", "num_virtual_tokens=4", "max_steps=2",
            "cutoff_len=200",
        ]
        try folder.tuneToEnd(output: "plain", settings)
        try folder.tuneToEnd(output: "rounded", settings + ["quantization_bit=8"])
        let (plain, rounded) = (try folder.losses("plain"), try folder.losses("rounded"))
        // Eight bits a number move a loss of order 4 by less than a hundredth.
        #expect(largestDifference(plain, rounded) < 0.05 && plain != rounded)
        try folder.tuneToEnd(output: "packed", settings + ["packing=true"])
    }

    /// A reference is the model as it comes, with its virtual tokens: a run that goes on begins at ln 2 again.
    @Test(arguments: ["dpo", "rm"])
    func preferencesAreLearned(stage: String) throws {
        let folder = try TrialFolder.preferences()
        let settings = [
            "stage=\(stage)", "finetuning_type=prefix_tuning", "num_virtual_tokens=4",
            "learning_rate=0.05", "cutoff_len=200",
        ]
        try folder.tuneToEnd(settings)
        let losses = try folder.losses()
        #expect(losses.suffix(5).reduce(0, +) < losses.prefix(5).reduce(0, +), "\(losses)")
        #expect(folder.exists("out/adapter_model.safetensors"))
        #expect(folder.exists("out/value_head.safetensors") == (stage == "rm"))
        try folder.tuneToEnd(
            output: "on", settings + ["adapter_name_or_path=out", "max_steps=1"])
        let first = try folder.losses("on")[0]
        #expect(stage == "rm" ? first < losses[0] : abs(first - 0.693147) < 1e-5)
    }

    @Test(
        arguments: [
            (
                ["finetuning_type=prompt_tuning", "prompt_tuning_init=TEXT"],
                "prompt_tuning_init_text"
            ),
            (["finetuning_type=prompt_tuning", "prompt_tuning_init_text=a"], "TEXT alone"),
            (["finetuning_type=prompt_tuning", "prompt_tuning_init=NONE"], "prompt_tuning_init"),
            (["finetuning_type=prompt_tuning", "num_virtual_tokens=0"], "num_virtual_tokens"),
            (["finetuning_type=prompt_tuning", "neat_packing=true"], "neat_packing"),
            (["finetuning_type=prompt_tuning", "additional_target=norm"], "additional_target"),
            (
                ["finetuning_type=prompt_tuning", "num_virtual_tokens=57", "cutoff_len=200"],
                "cutoff_len is 200 but 199 of the model's positions are left beside 57 virtual tokens"
            ),
            (["finetuning_type=p_tuning", "encoder_hidden_size=0"], "encoder_hidden_size"),
            (
                ["finetuning_type=p_tuning", "encoder_reparameterization_type=LSTM"],
                "encoder_reparameterization_type"
            ),
            (
                ["finetuning_type=prefix_tuning", "encoder_hidden_size=8"],
                "prefix_projection: true"
            ),
            (["finetuning_type=prefix_tuning", "prefix_projection=perhaps"], "prefix_projection"),
            (["finetuning_type=prefix_tuning", "stage=cls", "template="], "stage"),
            (
                ["finetuning_type=boft", "boft_block_num=2", "boft_block_size=4"],
                "leave one of them"
            ),
            (["finetuning_type=boft", "boft_block_size=0"], "both are 0"),
            (["finetuning_type=boft", "boft_block_size=5"], "expected a divisor of the"),
            (
                ["finetuning_type=boft", "boft_n_butterfly_factor=9"],
                "boft_n_butterfly_factor is 9"
            ),
            (["finetuning_type=boft", "boft_target=wq"], "boft_target wq matches no module"),
            (["finetuning_type=boft", "boft_dropout=0.1"], "boft_dropout"),
        ] as [([String], String)])
    func whatCannotBeIsRefusedByName(_ settings: [String], _ words: String) throws {
        let folder = try TrialFolder.finetuning()
        let run = try folder.tune(settings)
        #expect(run.status == 2, "\(settings): \(run.errors)")
        #expect(run.errors.contains(words), "\(settings): \(run.errors)")
        #expect(!folder.exists("out"))
    }
}

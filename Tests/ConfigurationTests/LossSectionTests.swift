import Autograd
import Configuration
import ConfigurationSupport
import Testing

/// The keys of LLaMA-Factory's losses.
@Suite struct LossSectionTests {
    private func run(
        _ contents: KeyValuePairs<String, ConfigurationValue.Content>
    ) throws -> RunConfiguration {
        var all = values([
            "stage": .string("sft"), "model_name_or_path": .string("models/tiny"),
            "dataset": .string("rows"), "output_dir": .string("saves/tiny"),
            "template": .string("qwen"),
        ])
        for (key, content) in contents {
            all[key] = ConfigurationValue(content, place: .line(10, file: "run.yaml"))
        }
        return try RunConfiguration(values: all, command: .train)
    }

    @Test func eachKeyChoosesItsLoss() throws {
        #expect(try run([:]).loss.form.tokenLoss == nil)
        let dft = try run(["use_dft_loss": .bool(true)]).loss.form
        #expect(dft.tokenLoss is DynamicFinetuningLoss && dft.divergence == 0)
        let smoothed = try run(["label_smoothing_factor": .double(0.2)]).loss.form
        #expect(smoothed.divergence == 0.2 && !smoothed.needsReference)
        let eaft = try run(["use_eaft_loss": .bool(true), "eaft_alpha": .double(0.5)]).loss.form
        #expect((eaft.tokenLoss as? EntropyAdaptiveLoss)?.alpha == 0.5)
        let asft = try run([
            "use_asft_loss": .bool(true), "finetuning_type": .string("lora"),
        ]).loss.form
        #expect(asft.tokenLoss is DynamicFinetuningLoss && asft.divergence == 0.1)
    }

    @Test func whatDoesNotGoTogetherIsNamed() {
        let cases: [(KeyValuePairs<String, ConfigurationValue.Content>, String)] = [
            (["use_dft_loss": .bool(true), "use_eaft_loss": .bool(true)], "a run has one loss"),
            (
                ["use_dft_loss": .bool(true), "label_smoothing_factor": .double(0.1)],
                "a run has one loss"
            ),
            (["label_smoothing_factor": .double(1)], "label_smoothing_factor"),
            (["use_dft_loss": .bool(true), "stage": .string("pt")], "set stage: sft"),
            (
                ["use_asft_loss": .bool(true), "finetuning_type": .string("full")],
                "comes with preference training"
            ),
            (
                ["use_asft_loss": .bool(true), "finetuning_type": .string("freeze")],
                "it needs a reference model"
            ),
            (
                [
                    "use_asft_loss": .bool(true), "finetuning_type": .string("lora"),
                    "additional_target": .string("lm_head"),
                ], "which additional_target changes"
            ),
            (
                [
                    "use_asft_loss": .bool(true), "finetuning_type": .string("lora"),
                    "pissa_init": .bool(true),
                ], "which pissa_init changes"
            ),
            (
                [
                    "use_asft_loss": .bool(true), "finetuning_type": .string("lora"),
                    "ref_model": .string("models/other"),
                ], "leave ref_model out"
            ),
            (
                [
                    "use_asft_loss": .bool(true), "ref_model_adapters": .string("saves/other"),
                ], "leave ref_model_adapters out"
            ),
            (
                [
                    "use_asft_loss": .bool(true), "finetuning_type": .string("adapter"),
                    "ref_model_quantization_bit": .int(4),
                ], "leave ref_model_quantization_bit out"
            ),
            (["eaft_alpha": .double(-1)], "eaft_alpha"),
            (["asft_alpha": .double(-1)], "asft_alpha"),
        ]
        for (contents, message) in cases {
            #expect {
                _ = try run(contents)
            } throws: {
                "\($0)".contains(message)
            }
        }
    }

    @Test func aReferenceThatNoKeyAsksForIsPassedOver() throws {
        let dft = try run([
            "use_dft_loss": .bool(true), "ref_model": .string("models/other"),
        ])
        #expect(dft.loss.form.tokenLoss is DynamicFinetuningLoss)
        #expect(dft.notices.contains("ref_model: not used, since stage is sft"))
        #expect(
            try run(["use_asft_loss": .bool(true), "ref_model": .null]).loss.form
                .needsReference)
    }

    @Test(arguments: [RunConfiguration.Command.bench, .plan])
    func whatIsMeasuredOrForetoldHasALossThatTrainHas(command: RunConfiguration.Command) {
        let all = values([
            "stage": .string("sft"), "model_name_or_path": .string("models/tiny"),
            "finetuning_type": .string("full"), "use_asft_loss": .bool(true),
        ])
        #expect {
            _ = try RunConfiguration(values: all, command: command)
        } throws: {
            "\($0)".contains("it needs a reference model")
        }
    }
}

import Configuration
import ConfigurationSupport
import Testing

/// Names that other programs use: of keys, of optimizers, of engines.
@Suite struct ConfigurationNamesTests {
    private func message(
        _ contents: KeyValuePairs<String, ConfigurationValue.Content>,
        command: RunConfiguration.Command = .train
    ) -> String? {
        do {
            _ = try RunConfiguration(values: trainingValues(contents), command: command)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test(arguments: [
        ("lr", "learning_rate"), ("LR", "learning_rate"), ("bs", "per_device_train_batch_size"),
        ("batch_size", "per_device_train_batch_size"), ("epochs", "num_train_epochs"),
        ("grad_accum", "gradient_accumulation_steps"), ("output", "output_dir"),
        ("steps", "max_steps"), ("model", "model_name_or_path"), ("seq_len", "cutoff_len"),
        ("max-seq-length", "cutoff_len"), ("warmup", "warmup_steps"), ("wd", "weight_decay"),
        ("train_dataset", "dataset"), ("val_dataset", "eval_dataset"), ("optimizer", "optim"),
        ("lora_r", "lora_rank"), ("target_modules", "lora_target"), ("grad_clip", "max_grad_norm"),
        ("dtype", "precision"), ("threads", "threads_per_rank"),
        ("resume", "resume_from_checkpoint"),
        ("patience", "early_stopping_steps"), ("scheduler", "lr_scheduler_type"),
        ("system_prompt", "default_system"), ("load_in_4bit", "quantization_bit"),
    ])
    func anotherProgramsNameIsAnsweredWithOurs(_ name: String, _ key: String) throws {
        var all = trainingValues()
        all[name] = ConfigurationValue(.int(1), place: .override)
        #expect(throws: ConfigurationError.self) {
            do {
                _ = try RunConfiguration(values: all, command: .train)
            } catch {
                #expect(
                    "\(error)"
                        == "command line: unknown key '\(name)'; did you mean '\(key)'?")
                throw error
            }
        }
        #expect(ConfigurationKey.table.contains { $0.name == key && $0.support == .full })
    }

    @Test(arguments: [
        ("paged_adamw_8bit", TrainSection.OptimizerKind.adamw), ("adamw_8bit", .adamw),
        ("adamw_bnb_8bit", .adamw), ("paged_adamw_32bit", .adamw), ("adamw_torch_8bit", .adamw),
        ("adamw_torch_4bit", .adamw), ("lion_8bit", .lion), ("paged_lion_8bit", .lion),
        ("paged_lion_32bit", .lion),
    ])
    func an8BitOrPagedOptimizerRunsInFloat32WithANotice(
        _ name: String, _ kind: TrainSection.OptimizerKind
    ) throws {
        let run = try training(["optim": .string(name)])
        #expect(run.train.optimizer == kind)
        #expect(
            run.notices == [
                "optim: \(name) runs as \(kind.rawValue) with float32 state; 8-bit and paged "
                    + "states are for the memory of GPUs"
            ])
        #expect(run.hash == (try training(["optim": .string(kind.rawValue)])).hash)
        #expect(try training(["optim": .string(kind.rawValue)]).notices.isEmpty)
    }

    /// Of transformers 5.24's OptimizerNames none is unknown.
    @Test(arguments: [
        "adamw_torch", "adamw_torch_fused", "adamw_torch_xla", "adamw_torch_npu_fused",
        "adafactor", "adamw_anyprecision", "adamw_torch_4bit", "adamw_torch_8bit", "ademamix",
        "sgd", "adagrad", "adamw_bnb_8bit", "adamw_8bit", "ademamix_8bit", "lion_8bit",
        "lion_32bit", "paged_adamw_32bit", "paged_adamw_8bit", "paged_ademamix_32bit",
        "paged_ademamix_8bit", "paged_lion_32bit", "paged_lion_8bit", "rmsprop", "rmsprop_bnb",
        "rmsprop_bnb_8bit", "rmsprop_bnb_32bit", "galore_adamw", "galore_adamw_8bit",
        "galore_adafactor", "galore_adamw_layerwise", "galore_adamw_8bit_layerwise",
        "galore_adafactor_layerwise", "lomo", "adalomo", "grokadamw", "schedule_free_radam",
        "schedule_free_adamw", "schedule_free_sgd", "apollo_adamw", "apollo_adamw_layerwise",
        "stable_adamw",
    ])
    func everyOptimizerOfTransformersIsTakenOrSaidToComeLater(_ name: String) {
        let answer = message(["optim": .string(name)])
        #expect(
            answer == nil || answer?.hasPrefix("optim_target_modules is missing: ") == true
                || answer
                    == "run.yaml line 10: optim: '\(name)' is not supported yet; use one of "
                    + "adamw_torch, lion_32bit, sgd, adafactor, muon, adam_mini, galore_adamw, "
                    + "apollo_adamw, badam"
        )
    }

    @Test func aMisspeltOptimizerIsAnsweredWithOneThatIsThere() {
        #expect(
            message(["optim": .string("adamw_troch")])
                == "run.yaml line 10: optim: found the text 'adamw_troch', expected one of "
                + "adamw_torch, lion_32bit, sgd, adafactor, muon, adam_mini, galore_adamw, "
                + "apollo_adamw, badam; did you mean 'adamw_torch'?")
    }

    @Test func fp8RunsInBF16() throws {
        let run = try training(["fp8": .bool(true)])
        #expect(run.compute.precision == .bf16)
        #expect(
            run.notices == [
                "fp8: runs in bf16, as bf16: true does; processors have no 8-bit products"
            ])
        #expect(try training(["fp8": .bool(false)]).compute.precision == .fp32)
        #expect(
            try training(["fp8": .bool(true), "bf16": .bool(true)]).compute.precision == .bf16)
        #expect(
            message(["fp16": .bool(true), "fp8": .bool(true)])
                == "run.yaml line 11: fp16, fp8: fp8: true runs in bf16 here")
        #expect(
            message(["fp8": .bool(true), "precision": .string("fp32")])
                == "run.yaml line 11: fp8, precision: bf16: true contradicts precision: fp32")
    }

    @Test func mixtureOfDepthsIsRefusedForGood() {
        #expect(
            message(["mixture_of_depths": .string("convert")])
                == "run.yaml line 10: mixture_of_depths: the text 'convert' is not supported and "
                + "will not be; a model converted to mixture of depths has layers that no other "
                + "program reads; leave it out, the model is trained as it is")
        #expect(message(["mixture_of_depths": .null]) == nil)
    }

    @Test func aFileForMegatronIsAnsweredInOneLine() {
        #expect(
            message([
                "sequence_parallel": .bool(false), "tensor_model_parallel_size": .int(1),
                "pipeline_model_parallel_size": .int(4), "bias_activation_fusion": .bool(true),
                "expert_model_parallel_size": .int(2), "lr": .int(3),
            ])
                == "run.yaml line 11: tensor_model_parallel_size, pipeline_model_parallel_size, "
                + "bias_activation_fusion and 1 more: keys of Megatron, which divides a model "
                + "among GPUs; here each rank holds the whole model: leave them out, zero_stage: 1 "
                + "divides the optimizer state among ranks and gradient_checkpointing: true saves "
                + "activations")
        #expect(message(["sequence_parallel": .bool(false), "use_mca": .bool(false)]) == nil)
        #expect(message(["use_mca": .bool(true)])?.contains("use_mca: keys of Megatron") == true)
    }

    @Test func aFileForKTransformersIsAnsweredInOneLine() {
        let answer = message([
            "use_kt": .bool(true), "kt_optimize_rule": .string("x.yaml"),
            "kt_something_new": .int(1),
        ])
        #expect(
            answer
                == "run.yaml line 10: use_kt, kt_optimize_rule, kt_something_new: keys of "
                + "KTransformers, which computes experts on the processor beside a GPU; here "
                + "everything is computed on processors: leave them out and train with "
                + "finetuning_type: lora, with quantization_bit: 4 where memory is short")
        #expect(message(["use_kt": .bool(false), "kt_something_new": .null]) == nil)
    }

    @Test func prepareWithAStageThatIsNotThereYetSaysWhatItFound() {
        #expect(
            message(["stage": .string("dpo")], command: .prepare)?
                .hasPrefix("run.yaml line 10: stage: ") == true)
        let dataset = ConfigurationValue.Content.string("rows")
        #expect(message(["stage": .string("sft"), "dataset": dataset], command: .prepare) == nil)
    }

    @Test func whatIsPreparedNeedsNoDataset() {
        let full = ConfigurationValue.Content.string("full")
        #expect(message(["stage": .string("sft"), "finetuning_type": full]) == nil)
        #expect(
            message(["stage": .string("sft"), "tokenized_path": .null, "finetuning_type": full])
                == "dataset is missing: give files, or names in dataset_info.json in dataset_dir")
    }
}

import Configuration
import ConfigurationSupport
import Testing

/// Numbers as files hold them: in quotes, and beyond what can be computed with.
@Suite struct ConfigurationNumberTests {
    private func message(
        _ key: String, _ content: ConfigurationValue.Content, spelling: String? = nil,
        command: RunConfiguration.Command = .train
    ) -> String? {
        var all = trainingValues(["stage": .string("sft"), "dataset": .string("rows.json")])
        all["export_dir"] = ConfigurationValue(.string("out"))
        all[key] = ConfigurationValue(content, spelling: spelling, place: .override)
        do {
            _ = try RunConfiguration(values: all, command: command)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func aNumberInQuotesIsTheNumber() throws {
        let run = try training([
            "learning_rate": .string("1.0e-3"), "max_steps": .string("20"),
            "warmup_ratio": .string(".1"),
            "save_steps": .string("0.25"), "val_size": .string("1e1"),
            "adam_epsilon": .string("1E-7"), "seed": .string("+7"),
            "cutoff_len": .string("1_024"), "weight_decay": .string("5."),
        ])
        #expect(run.train.learningRate == 1e-3 && run.train.maxSteps == 20)
        #expect(run.train.warmup == .fraction(0.1) && run.output.saveSteps == .fraction(0.25))
        #expect(run.data.valSize == 10 && run.train.adamEpsilon == 1e-7)
        #expect(run.train.seed == 7 && run.data.cutoffLen == 1024 && run.train.weightDecay == 5)
    }

    @Test func aNumberInQuotesIsTakenInsideAMapToo() throws {
        let kwargs: ConfigurationValue.Content = .map(["num_cycles": .init(.string("0.75"))])
        let quoted = try training([
            "lr_scheduler_type": .string("cosine"), "lr_scheduler_kwargs": kwargs,
        ])
        let plain = try training([
            "lr_scheduler_type": .string("cosine"),
            "lr_scheduler_kwargs": .map(["num_cycles": .init(.double(0.75))]),
        ])
        #expect(quoted.train.scheduleOptions == plain.train.scheduleOptions)
        #expect(quoted.train.scheduleOptions != (try training()).train.scheduleOptions)
    }

    @Test(arguments: [
        "", "-", "e5", "1.0e-3 ", "0x10", "nan", "infinity", "1,5", "1e", "--1", "_", "1.2.3",
    ])
    func otherTextsAreNoNumbers(_ text: String) {
        #expect(
            message("learning_rate", .string(text))
                == "command line: learning_rate: found the text '\(text)', expected a number of "
                + "at least 0")
        #expect(message("max_steps", .string(text))?.contains("found the text") == true)
        #expect(message("save_steps", .string(text))?.contains("found the text") == true)
    }

    @Test func aFractionInQuotesIsNoWholeNumber() {
        #expect(
            message("max_steps", .string("2.5"))
                == "command line: max_steps: found the text '2.5', expected a whole number of at "
                + "least -1")
    }

    /// What yaml-*.yaml of the hostile cases ask for, and their kind.
    @Test(arguments: [
        ("gradient_accumulation_steps", 1 << 62, "at least 1 and at most 1000000"),
        ("per_device_train_batch_size", 1 << 62, "at least 1 and at most 1000000"),
        ("per_device_eval_batch_size", 1 << 62, "at least 1 and at most 1000000"),
        ("threads_per_rank", 100_000, "at least 1 and at most 4096"),
        ("preprocessing_num_workers", 100_000, "at least 1 and at most 4096"),
        ("max_steps", 1 << 62, "at least -1 and at most 2147483647"),
        ("cutoff_len", 1 << 40, "at least 2 and at most 16777216"),
        ("lora_rank", 1 << 62, "at least 1 and at most 1000000"),
        ("seed", 1 << 40, "at least 0 and at most 4294967295"),
        ("data_seed", Int.max, "at least 0 and at most 4294967295"),
        ("max_new_tokens", Int.max, "at least 1 and at most 2147483647"),
        ("save_total_limit", Int.max, "at most 2147483647"),
        ("save_total_limit", Int.min, "at least -2147483647"),
    ])
    func aWholeNumberBeyondWhatCanBeCountedIsRefused(
        _ key: String, _ value: Int, _ limits: String
    ) {
        let expected = limits.hasPrefix("at most") ? limits : "of " + limits
        #expect(
            message(key, .int(value))
                == "command line: \(key): found the number \(value), expected a whole number "
                + expected)
        #expect(message(key, .string(String(value)))?.hasSuffix(expected) == true)
        #expect(message(key, .double(1e300))?.contains(" at most ") == true)
    }

    @Test(arguments: [
        ("num_train_epochs", 1e300, "above 0 and at most 1000000"),
        ("warmup_steps", 9.3e18, "of at least 0 and at most 1000000000000000"),
        ("learning_rate", 1e300, "of at least 0 and at most 1e+30"),
        ("lora_alpha", 1e39, "above 0 and at most 1e+30"),
        ("adam_epsilon", 1e-300, "of at least 1e-37"),
        ("loss_scale_min", 1e-300, "of at least 1e-37"),
        ("loss_scale_init", 1e300, "above 0 and at most 1e+30"),
        ("adapter_reduction_factor", 1e-30, "of at least 0.001"),
        ("bucket_mb", 1e300, "above 0 and at most 2047"),
        ("max_grad_norm", 1e300, "of at least 0 and at most 1e+30"),
        ("weight_decay", 1e300, "of at least 0 and at most 1e+30"),
        ("temperature", 1e300, "of at least 0 and at most 1e+30"),
    ])
    func aNumberThatAFloatDoesNotHoldIsRefused(_ key: String, _ value: Double, _ limits: String) {
        #expect(
            message(key, .double(value))
                == "command line: \(key): found the number \(value), expected a number " + limits)
    }

    @Test func exportedFilesHaveASizeThatBytesCanCount() {
        #expect(
            message("export_size", .double(1e300), command: .export)
                == "command line: export_size: found the number 1e+300, expected a number above 0 "
                + "and at most 1000000000")
    }

    @Test(arguments: ["save_steps", "logging_steps", "eval_steps", "val_size"])
    func countsOfStepsAndSamplesHaveAnEnd(_ key: String) {
        #expect(message(key, .double(1e300))?.contains("found the number 1e+300") == true)
        #expect(message(key, .int(Int.max))?.contains("found the number 92233720368547") == true)
    }

    @Test func productsOfNumbersWithinTheirLimitsAreChecked() {
        var all = trainingValues([
            "per_device_train_batch_size": .int(1_000_000),
            "gradient_accumulation_steps": .int(1_000_000),
        ])
        #expect(throws: ConfigurationError.self) {
            do {
                _ = try RunConfiguration(values: all, command: .train)
            } catch {
                #expect(
                    "\(error)"
                        == "run.yaml line 11: per_device_train_batch_size, "
                        + "gradient_accumulation_steps: 1000000 times 1000000 are too many samples "
                        + "a step on each rank, expected at most 1000000000")
                throw error
            }
        }
        all = trainingValues([
            "per_device_train_batch_size": .int(1000), "cutoff_len": .int(16_777_216),
        ])
        #expect(throws: ConfigurationError.self) {
            _ = try RunConfiguration(values: all, command: .train)
        }
        all = trainingValues([
            "per_device_eval_batch_size": .int(1000), "cutoff_len": .int(16_777_216),
        ])
        #expect(throws: ConfigurationError.self) {
            _ = try RunConfiguration(values: all, command: .bench)
        }
    }

    /// Every key that takes numbers, at the ends of what a file can hold: an answer, never a trap,
    /// and a plan of what is taken.
    @Test func everyNumberOfEveryKeyIsTakenOrRefused() throws {
        let hostile: [ConfigurationValue.Content] = [
            .int(.max), .int(.min), .int(.min + 1), .int(-1), .int(0), .int(1 << 53),
            .int(1 << 32), .int(1 << 31), .double(1e300), .double(-1e300), .double(1e-300),
            .double(-0.0), .double(.nan), .double(.infinity), .double(-.infinity), .double(9.3e18),
            .double(1e15), .string("9223372036854775807"), .string("1e999"),
        ]
        var tried = 0
        for key in ConfigurationKey.table {
            switch key.kind {
            case .integer, .number, .interval, .amount: break
            default: continue
            }
            for content in hostile {
                for command in key.readers {
                    var all = trainingValues()
                    all["dataset"] = ConfigurationValue(.string("text.txt"))
                    all["export_dir"] = ConfigurationValue(.string("out"))
                    all[key.name] = ConfigurationValue(content)
                    guard let run = try? RunConfiguration(values: all, command: command) else {
                        continue
                    }
                    tried += 1
                    for samples in [1, 1 << 40] {
                        let plan = TrainingPlan(
                            samples: samples, ranks: 4096, configuration: run)
                        #expect(plan.totalSteps >= 0 && plan.warmupSteps >= 0)
                        #expect(plan.globalBatch > 0 && plan.stepsPerEpoch > 0)
                        let rate = run.schedule(plan).rate(step: plan.totalSteps)
                        #expect(rate.isFinite)
                    }
                }
            }
        }
        #expect(tried > 300)
    }
}

import Configuration
import ConfigurationSupport
import Testing

/// LLaMA-Factory's and transformers' ways to name an optimizer and its details.
@Suite struct OptimizerSectionTests {
    private func run(
        _ contents: KeyValuePairs<String, ConfigurationValue.Content>
    ) throws -> RunConfiguration {
        var all = trainingValues(contents)
        all["finetuning_type"] = ConfigurationValue(.string("full"))
        return try RunConfiguration(values: all, command: .train)
    }

    @Test func switchesNameTheOptimizer() throws {
        for (key, kind) in [
            ("use_muon", TrainSection.OptimizerKind.muon), ("use_adam_mini", .adamMini),
            ("use_galore", .galore), ("use_apollo", .apollo),
        ] {
            let chosen = try run([key: .bool(true)])
            #expect(chosen.train.optimizer == kind)
            #expect(chosen.notices.isEmpty, "\(chosen.notices)")
        }
    }

    @Test func eachSpellingHasItsOwnDefaults() throws {
        let switched = try run(["use_galore": .bool(true)]).optimizer.galore
        #expect(switched.rank == 16 && switched.scale == 2 && switched.targets == ["all"])
        let named = try run([
            "optim": .string("galore_adamw"), "optim_target_modules": .string("all-linear"),
        ]).optimizer.galore
        #expect(named.rank == 128 && named.scale == 0.25 && named.targets == ["all-linear"])
        let apollo = try run(["use_apollo": .bool(true)]).optimizer.apollo
        #expect(apollo.rank == 16 && apollo.scale == 32 && apollo.updateInterval == 200)
        let mini = try run([
            "optim": .string("apollo_adamw"), "optim_target_modules": .string("attn,mlp"),
            "optim_args": .string("rank=1, scale=128.0, proj=random, scale_type=tensor"),
        ]).optimizer
        #expect(mini.apollo.rank == 1 && mini.apollo.scale == 128)
        #expect(mini.apollo.targets == ["attn", "mlp"] && mini.apolloGranularity == .tensor)
    }

    /// What is resolved and stored in a checkpoint means the same run when it is read again.
    @Test func whatIsResolvedReadsBack() throws {
        for contents: KeyValuePairs<String, ConfigurationValue.Content> in [
            [
                "optim": .string("galore_adamw"), "optim_target_modules": .string("mlp"),
                "optim_args": .string("rank=4"),
            ],
            ["use_muon": .bool(true), "optim_args": .string("lr=0.02,adjust_lr_fn=original")],
            ["use_apollo": .bool(true), "apollo_rank": .int(4)],
        ] {
            let first = try run(contents)
            let second = try RunConfiguration(
                values: readBack(first.resolvedText), command: .train)
            #expect(second.resolvedText == first.resolvedText && second.hash == first.hash)
        }
    }

    /// `key: value` lines of the texts and numbers that a resolved configuration has.
    private func readBack(_ text: String) -> [String: ConfigurationValue] {
        var values: [String: ConfigurationValue] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { continue }
            var value = String(parts[1].drop { $0 == " " }).replacing("\"", with: "")
            if value.hasPrefix("[") { value = String(value.dropFirst().dropLast()) }
            values[parts[0]] = ConfigurationValue(value == "null" ? .null : .string(value))
        }
        return values
    }

    @Test func layerwiseFormsAreToldToBeTheSame() throws {
        let run = try run([
            "use_galore": .bool(true), "galore_layerwise": .bool(true),
        ])
        #expect(
            run.notices == [
                "galore_layerwise: no effect here; layers move after the whole step's gradients "
                    + "are summed, each as it would by itself"
            ])
        let named = try self.run([
            "optim": .string("apollo_adamw_layerwise"),
            "optim_target_modules": .string("all-linear"),
        ])
        #expect(named.train.optimizer == .apollo)
        #expect(
            named.notices == [
                "optim: apollo_adamw_layerwise runs as apollo_adamw: layers move after the whole "
                    + "step's gradients are summed, each as it would by itself"
            ])
    }

    @Test func detailsOfAnotherOptimizerAreToldToBeUnused() throws {
        #expect(
            try run(["apollo_rank": .int(4)]).notices == [
                "apollo_rank: not used, since optim is adamw_torch"
            ])
    }
}

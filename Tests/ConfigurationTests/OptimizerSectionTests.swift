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

    /// LLaMA-Factory's files and its web page name adamw_torch beside the switch.
    @Test(arguments: ["adamw_torch", "adamw_torch_fused", "adamw"])
    func aSwitchIsTakenBesideAdamW(_ base: String) throws {
        for (key, kind) in [
            ("use_muon", TrainSection.OptimizerKind.muon), ("use_adam_mini", .adamMini),
            ("use_galore", .galore), ("use_apollo", .apollo), ("use_badam", .badam),
        ] {
            let chosen = try run(["optim": .string(base), key: .bool(true)])
            let alone = try run([key: .bool(true)])
            #expect(chosen.train.optimizer == kind && chosen.notices.isEmpty, "\(chosen.notices)")
            #expect(chosen.hash == alone.hash, "\(key)")
        }
    }

    @Test func momentumOfSGDHasTransformersName() throws {
        let run = try run(["optim": .string("sgd"), "optim_args": .string("momentum=0.9")])
        #expect(run.train.sgdMomentum == 0.9 && run.notices.isEmpty)
    }

    @Test(arguments: [
        ("lion_32bit", "adam_epsilon"), ("sgd", "adam_beta1, adam_beta2, adam_epsilon"),
        ("adafactor", "adam_beta1, adam_beta2, adam_epsilon"),
    ])
    func adamsKeysAreToldToBeUnused(_ optimizer: String, _ keys: String) throws {
        let run = try run([
            "optim": .string(optimizer), "adam_beta1": .double(0.8), "adam_beta2": .double(0.9),
            "adam_epsilon": .double(1e-5),
        ])
        #expect(run.notices == ["\(keys): not used, since optim is \(optimizer)"])
    }

    /// transformers gives galore_torch none of Adam's keys, and apollo_torch those of projected layers.
    @Test func adamsValuesAreThoseOfEachProgram() throws {
        func values(_ run: RunConfiguration) -> [Double] {
            [run.train.adamBeta1, run.train.adamBeta2, run.train.adamEpsilon]
        }
        func rest(_ run: RunConfiguration) -> [Double]? {
            run.optimizer.apolloRest.map { [$0.beta1, $0.beta2, $0.epsilon] }
        }
        func named(_ name: String, beta2: Double? = nil) throws -> RunConfiguration {
            let beta2 = beta2.map { ConfigurationValue.Content.double($0) } ?? .null
            return try run([
                "optim": .string(name), "optim_target_modules": .string("mlp"),
                "adam_beta2": beta2,
            ])
        }
        let galore = try named("galore_adamw")
        #expect(values(galore) == [0.9, 0.999, 1e-6] && galore.notices.isEmpty)
        let told = try named("galore_adamw", beta2: 0.95)
        #expect(values(told) == [0.9, 0.999, 1e-6])
        #expect(
            told.notices == [
                "adam_beta2: not used, since optim: galore_adamw has betas of 0.9 and 0.999 and an "
                    + "epsilon of 1e-6 in transformers; use_galore: true takes it"
            ])
        let apollo = try named("apollo_adamw")
        #expect(values(apollo) == [0.9, 0.999, 1e-8] && rest(apollo) == [0.9, 0.999, 1e-6])
        #expect(apollo.notices.isEmpty)
        let half = try named("apollo_adamw", beta2: 0.95)
        #expect(values(half) == [0.9, 0.95, 1e-8] && rest(half) == [0.9, 0.999, 1e-6])
        #expect(half.notices.first?.hasPrefix("adam_beta2: used for projected layers only") == true)
        for key in ["use_galore", "use_apollo"] {
            let switched = try run([key: .bool(true), "adam_beta2": .double(0.95)])
            #expect(values(switched) == [0.9, 0.95, 1e-8] && switched.notices.isEmpty)
            #expect(key == "use_galore" || rest(switched) == nil)
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

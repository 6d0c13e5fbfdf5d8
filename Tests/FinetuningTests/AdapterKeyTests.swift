import Finetuning
import Foundation
import Testing

/// Each key of adapter_config.json is used, harmless at its value, or refused by name.
@Suite struct AdapterKeyTests {
    /// What reading a configuration with other keys says.
    private func read(_ keys: String, from start: String = plain) throws -> AdapterFolder.Kind {
        let scratch = try ScratchFolder()
        let text = start.dropLast() + (keys.isEmpty ? "" : ", ") + keys + "}"
        try text.write(
            toFile: scratch.path + "/adapter_config.json", atomically: true, encoding: .utf8)
        return try AdapterFolder(path: scratch.path).kind
    }

    private func message(_ keys: String, from start: String = plain) throws -> String {
        do {
            _ = try read(keys, from: start)
            return "no error"
        } catch let error as FinetuningError {
            return error.description
        }
    }

    private static let plain = """
        {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}
        """
    private static let hub = """
        {"name": "x", "version": "adapters.1.3.0", "config": {"architecture": null, \
        "mh_adapter": false, "output_adapter": true, "reduction_factor": 4, \
        "non_linearity": "relu", "original_ln_before": true, "scaling": 1.0}}
        """

    @Test(arguments: [
        #""layer_replication": [[0, 2], [1, 2]]"#, #""target_parameters": ["experts.w"]"#,
        #""trainable_token_indices": [3]"#, #""trainable_token_indices": {"embed_tokens": [3]}"#,
        #""alora_invocation_tokens": [1]"#, #""lora_bias": true"#, #""use_qalora": true"#,
        #""bias": "lora_only""#, #""ensure_weight_tying": true"#, #""kasa_config": {}"#,
        #""monteclora_config": {"num_samples": 8}"#, #""velora_config": {}"#,
        #""use_bdlora": {"nblocks": 2}"#, #""arrow_config": {}"#,
        #""megatron_config": {"hidden_size": 32}"#, #""enable_lora": [true]"#,
        #""use_something_new": true"#, #""use_something_new": 0"#, #""R": 4"#,
    ])
    func aKeyThatWouldChangeTheAnswerIsNamed(keys: String) throws {
        let key = try #require(keys.split(separator: "\"").first)
        let text = try message(keys)
        #expect(text.contains("'\(key)'") && text.contains("adapter_config.json"), "\(text)")
        #expect(text.contains("merge the adapter"))
    }

    @Test(arguments: [
        #""layer_replication": [], "target_parameters": [], "trainable_token_indices": {}"#,
        #""bias": "none", "lora_bias": false, "use_qalora": false, "qalora_group_size": 4"#,
        #""task_type": "CAUSAL_LM", "revision": "v2", "peft_version": "9", "auto_mapping": {"a": 1}"#,
        #""fan_in_fan_out": true, "megatron_core": "x", "runtime_config": {"a": true}"#,
        #""loftq_config": {"loftq_bits": 4}, "eva_config": {"rho": 2.0}, "kasa_config": null"#,
        #""use_something_new": null, "merge_weights": false, "inference_mode": false"#,
        #""init_lora_weights": "gaussian""#, #""init_lora_weights": "orthogonal""#,
        #""init_lora_weights": "eva""#, #""init_lora_weights": false"#,
        #""init_lora_weights": null"#, #""exclude_modules": [], "layers_to_transform": []"#,
    ])
    func aHarmlessKeyIsPassedOver(keys: String) throws {
        #expect(try read(keys) == read(""))
    }

    @Test(arguments: [
        ("pissa", "path_initial_model_for_weight_conversion"),
        ("pissa_niter_4", "path_initial_model_for_weight_conversion"),
        ("olora", "path_initial_model_for_weight_conversion"),
        ("OLoRA", "path_initial_model_for_weight_conversion"),
        ("corda", "path_initial_model_for_weight_conversion"),
        ("lora_ga", "path_initial_model_for_weight_conversion"),
        ("loftq", "merge_and_unload"), ("mica", "set init_lora_weights to true"),
        ("nonsuch", "PEFT 0.21 has no such method"),
    ])
    func anAdapterThatChangedItsBaseIsRefused(method: String, advice: String) throws {
        let text = try message("\"init_lora_weights\": \"\(method)\"")
        #expect(text.contains("init_lora_weights \"\(method)\"") && text.contains(advice))
    }

    @Test(arguments: [
        (#""r": 1000000000"#, "'r' is 1000000000"), (#""r": 0"#, "'r' is 0"),
        (#""r": 4611686018427387904"#, "a whole number from 1 to 65536"),
        (#""r": 99999999999999999999"#, "'r'"), (#""r": 4.5"#, "'r' is 4.5"),
        (#""rank_pattern": {"q_proj": 4611686018427387904}"#, "'rank_pattern.q_proj'"),
        (#""rank_pattern": {"q_proj": -1}"#, "'rank_pattern.q_proj' is -1"),
        (#""rank_pattern": ["q_proj"]"#, "'rank_pattern' is a list of 1"),
        (#""lora_alpha": Infinity"#, "'lora_alpha' is Infinity, expected a finite number"),
        (#""lora_alpha": NaN"#, "'lora_alpha' is NaN"), (#""lora_alpha": 1e300"#, "'lora_alpha'"),
        (#""alpha_pattern": {"q": NaN}"#, "'alpha_pattern.q'"),
        (#""use_dora": "yes""#, "'use_dora'"),
        (#""lora_dropout": "much""#, "'lora_dropout'"),
        (#""target_modules": [1]"#, "'target_modules' is a list of 1, expected a list of names"),
        (#""modules_to_save": "head""#, "'modules_to_save'"), (#""peft_type": 3"#, "'peft_type'"),
        (#""layers_to_transform": [1.5]"#, "'layers_to_transform' is 1.5"),
        (#""layers_pattern": "layers""#, "layers_pattern needs layers_to_transform"),
        (#""target_modules": ".*q", "layers_to_transform": 1"#, "need a list of names"),
        (#""target_modules": "all-linear", "layers_to_transform": 1"#, "need a list of names"),
    ])
    func aValueOutOfRangeIsNamed(keys: String, named: String) throws {
        let text = try message(keys)
        #expect(text.contains(named), "\(text)")
    }

    @Test func manyPatternsAreRefused() throws {
        let entries = (0..<5000).map { "\"m\($0)\": 1" }.joined(separator: ", ")
        #expect(try message("\"rank_pattern\": {\(entries)}").contains("at most 4096 patterns"))
        let names = (0..<5000).map { "\"m\($0)\"" }.joined(separator: ", ")
        #expect(try message("\"modules_to_save\": [\(names)]").contains("at most 4096"))
    }

    @Test func theFirstPatternOfTheFileCounts() throws {
        for (order, rank) in [
            (#""0.q_proj": 2, "q_proj": 6"#, 2), (#""q_proj": 6, "0.q_proj": 2"#, 6),
        ] {
            guard case .lora(let configuration) = try read("\"rank_pattern\": {\(order)}") else {
                Issue.record("no LoRA")
                continue
            }
            let matcher = try ModuleMatcher(configuration)
            #expect(matcher.size("layers.0.q_proj").rank == rank)
            #expect(matcher.size("layers.1.q_proj").rank == 6)
            #expect(matcher.size("layers.1.v_proj").rank == 4)
        }
    }

    @Test(arguments: [
        ("adapter_residual_before_ln", "true"), ("ln_before", "true"), ("ln_after", "true"),
        ("use_gating", "true"), ("cross_adapter", "true"), ("phm_layer", "true"),
        ("inv_adapter", "\"nice\""), ("stochastic_depth", "0.1"), ("original_ln_after", "false"),
        ("residual_before_ln", "\"post_add\""), ("something_new", "1"),
    ])
    func aKeyOfAdapterHubThatWouldChangeTheAnswerIsNamed(key: String, value: String) throws {
        let start = Self.hub.replacing("\"scaling\"", with: "\"\(key)\": \(value), \"scaling\"")
        #expect(try message("", from: start).contains("'config.\(key)'"))
    }

    @Test(arguments: [
        ("1e-30", "expected a bottleneck of at most 65536"), ("0", "above 0"), ("-2", "above 0"),
        ("Infinity", "above 0 and finite"), ("\"4\"", "'config.reduction_factor'"),
        ("{\"1\": 2}", "\"default\" among its keys"), ("{\"x\": 2, \"default\": 4}", "factor.x'"),
        ("{\"0\": 1e-30, \"default\": 4}", "expected a bottleneck of at most 65536"),
    ])
    func aReductionFactorThatNoAdapterHasIsNamed(factor: String, named: String) throws {
        let start = Self.hub.replacing("_factor\": 4", with: "_factor\": \(factor)")
        var text = try message("", from: start)
        if text == "no error", case .bottleneck(let configuration) = try read("", from: start) {
            do {
                _ = try configuration.bottleneck(width: 32, block: 0)
            } catch {
                text = error.description
            }
        }
        #expect(text.contains(named), "\(text)")
    }

    // 0.1 · 7680 = 768, but Python's 768 // 0.1 is 7679.
    @Test(arguments: [(768, 16, 48), (10, 3, 3), (768, 0.1, 7679), (8, 100, 1), (7, 0.5, 14)])
    func theBottleneckIsPythonsFloorDivision(width: Int, factor: Double, inner: Int) throws {
        var configuration = BottleneckConfiguration()
        configuration.reductionFactor = factor
        #expect(try configuration.bottleneck(width: width, block: 3) == inner)
    }
}

import Files

/// What PEFT's BOFTConfig says.
package struct BOFTConfiguration: Equatable, Sendable {
    /// Which modules are meant; what else a LoRA has is not used.
    package var modules = LoRAConfiguration()
    /// Columns of a block; 0 leaves it to the number of blocks.
    package var blockSize = 4
    /// Blocks of a layer's input; 0 leaves it to their size.
    package var blocks = 0
    /// Rotations one after another, each over the columns in another order.
    package var factors = 1

    package init() {}

    private static let harmless: [String: HarmlessKey] = [
        "auto_mapping": .always, "inference_mode": .always, "peft_version": .always,
        "revision": .always, "task_type": .always, "fan_in_fan_out": .always,
        "init_weights": .always, "bias": .at([.string("none")]),
        // What turns blocks into identity acts in training alone; going on with one is another matter.
        "boft_dropout": .at([.int(0), .double(0)]),
    ]

    /// More factors than any width has.
    static let mostFactors = 16

    /// - Throws: as ``PEFTConfiguration`` does.
    static func read(_ keys: KeyedObject) throws(FinetuningError) -> BOFTConfiguration {
        var configuration = BOFTConfiguration()
        configuration.modules = try PEFTConfiguration.modules(keys)
        let sizes = 0...LoRAConfiguration.largestRank
        configuration.blockSize = try keys.integer("boft_block_size", in: sizes) ?? 4
        configuration.blocks = try keys.integer("boft_block_num", in: sizes) ?? 0
        configuration.factors =
            try keys.integer("boft_n_butterfly_factor", in: 1...mostFactors) ?? 1
        guard (configuration.blocks == 0) != (configuration.blockSize == 0) else {
            throw .badConfiguration(
                file: keys.file,
                reason: "boft_block_num is \(configuration.blocks) and boft_block_size "
                    + "\(configuration.blockSize), expected one of them to be 0")
        }
        try keys.refuseOthers(harmless: harmless)
        return configuration
    }

    /// The text of adapter_config.json.
    func adapterConfiguration(base: String, _ plan: LoRAPlan) -> String {
        AdapterFolder.json(
            modules.moduleKeys(plan.leafNames)
                + [
                    ("peft_type", .string("BOFT")), ("task_type", plan.taskKey),
                    ("base_model_name_or_path", .string(base)), ("revision", .null),
                    ("inference_mode", .bool(true)), ("boft_block_size", .int(blockSize)),
                    ("boft_block_num", .int(blocks)),
                    ("boft_n_butterfly_factor", .int(factors)), ("boft_dropout", .double(0)),
                    ("bias", .string("none")), ("fan_in_fan_out", .bool(false)),
                    ("init_weights", .bool(true)),
                ])
    }
}

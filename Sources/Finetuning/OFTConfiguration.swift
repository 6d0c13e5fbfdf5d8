import Files

/// What PEFT's OFTConfig and LLaMA-Factory's `oft_*` settings say.
package struct OFTConfiguration: Equatable, Sendable {
    /// Which modules are meant; what else a LoRA has is not used.
    package var modules = LoRAConfiguration()
    /// Columns of a block; 0 leaves it to the number of blocks.
    package var blockSize = 32
    /// Blocks of a layer's input; 0 leaves it to their size.
    package var blocks = 0
    /// Terms of the series for a rotation, as PEFT counts them.
    package var terms = 5
    /// The part of the blocks that training passes over at times.
    package var dropout: Float = 0

    package init() {}

    private static let harmless: [String: HarmlessKey] = [
        "auto_mapping": .always, "inference_mode": .always, "peft_version": .always,
        "revision": .always, "task_type": .always, "fan_in_fan_out": .always,
        // Read with coft alone, and before the numbers are.
        "eps": .always, "init_weights": .always,
        "bias": .at([.string("none")]), "coft": .flag(false), "block_share": .flag(false),
        "use_cayley_neumann": .flag(true),
    ]

    /// More terms than PEFT would be given.
    private static let mostTerms = 64

    /// - Throws: as ``PEFTConfiguration`` does.
    static func read(_ keys: KeyedObject) throws(FinetuningError) -> OFTConfiguration {
        var configuration = OFTConfiguration()
        configuration.modules = try PEFTConfiguration.modules(keys)
        let sizes = 0...LoRAConfiguration.largestRank
        configuration.blocks = try keys.integer("r", in: sizes) ?? 0
        guard let size = try keys.integer("oft_block_size", in: sizes) else {
            throw .badConfiguration(
                file: keys.file,
                reason: "oft_block_size is missing; OFT of PEFT 0.13 and before is another one")
        }
        configuration.blockSize = size
        configuration.terms =
            try keys.integer("num_cayley_neumann_terms", in: 1...mostTerms) ?? 5
        configuration.dropout = try keys.number("module_dropout") ?? 0
        guard (configuration.blocks == 0) != (size == 0) else {
            throw .badConfiguration(
                file: keys.file,
                reason: "r is \(configuration.blocks) and oft_block_size \(size), expected one of "
                    + "them to be 0")
        }
        try keys.refuseOthers(harmless: harmless)
        return configuration
    }

    /// Columns of a block of a layer with so many inputs: as asked for, or the nearest size that
    /// divides them, the smaller of two.
    func size(inputs: Int) -> Int {
        blockSize > 0
            ? Self.divisor(of: inputs, near: blockSize)
            : inputs / Self.divisor(of: inputs, near: blocks)
    }

    private static func divisor(of inputs: Int, near wanted: Int) -> Int {
        guard wanted < inputs else { return inputs }
        let lower = (1...wanted).last { inputs % $0 == 0 } ?? 1
        let higher = (wanted...inputs).first { inputs % $0 == 0 } ?? inputs
        return wanted - lower <= higher - wanted ? lower : higher
    }

    /// The text of adapter_config.json.
    func adapterConfiguration(base: String, _ plan: LoRAPlan) -> String {
        AdapterFolder.json(
            modules.moduleKeys(plan.leafNames)
                + [
                    ("peft_type", .string("OFT")), ("task_type", plan.taskKey),
                    // The series is that of PEFT since 0.18, which asks for a version here.
                    ("peft_version", .string("0.21.2")),
                    ("base_model_name_or_path", .string(base)), ("revision", .null),
                    ("inference_mode", .bool(true)), ("r", .int(blocks)),
                    ("oft_block_size", .int(blockSize)),
                    ("module_dropout", .double(Double("\(dropout)") ?? Double(dropout))),
                    ("bias", .string("none")), ("fan_in_fan_out", .bool(plan.isConv1D)),
                    ("init_weights", .bool(true)), ("coft", .bool(false)), ("eps", .double(6e-5)),
                    ("block_share", .bool(false)), ("use_cayley_neumann", .bool(true)),
                    ("num_cayley_neumann_terms", .int(terms)),
                ])
    }
}

package import Autograd
import Files
package import Kernels
package import Models
import WeightFiles

/// What PEFT's methods with virtual tokens share in adapter_config.json.
struct VirtualTokenKeys: Equatable, Sendable {
    /// Virtual tokens before each text.
    var count = 20
    /// `base_model_name_or_path` of the file it was read from.
    var base = ""
    /// Of a file: the model's sizes that it was made for.
    private var sizes: [String: Int] = [:]

    /// More than any text has.
    static let mostTokens = 65_536

    init() {}

    /// - Throws: as ``PEFTConfiguration`` does.
    init(_ keys: KeyedObject) throws(FinetuningError) {
        base = try keys.text("base_model_name_or_path") ?? ""
        guard let count = try keys.integer("num_virtual_tokens", in: 1...Self.mostTokens) else {
            throw .badConfiguration(file: keys.file, reason: "num_virtual_tokens is missing")
        }
        self.count = count
        for key in ["token_dim", "num_layers", "num_attention_heads"] {
            sizes[key] = try keys.integer(key, in: 1...1_000_000)
        }
        let task = try keys.text("task_type")
        let parts = try keys.integer("num_transformer_submodules", in: 1...2) ?? 1
        guard task == nil || task == "CAUSAL_LM", parts == 1 else {
            throw .unsupported(
                what: "\(keys.file): virtual tokens for task_type \(task ?? "null")"
                    + (parts == 2 ? " in encoder and decoder" : ""),
                advice: "they work on decoders that continue texts (CAUSAL_LM)")
        }
    }

    /// What else a file may say.
    static let harmless: [String: HarmlessKey] = [
        "auto_mapping": .always, "inference_mode": .always, "peft_version": .always,
        "revision": .always,
    ]

    /// - Throws: ``FinetuningError/invalid(setting:found:expected:)`` where the file is for another model.
    func check(width: Int, heads: Int, layers: Int) throws(FinetuningError) {
        for (key, expected) in [
            ("token_dim", width), ("num_attention_heads", heads), ("num_layers", layers),
        ] {
            guard let found = sizes[key], found != expected else { continue }
            throw .invalid(
                setting: key, found: "\(found)",
                expected: "\(expected) for this model; the adapter was made for "
                    + (base.isEmpty ? "another base model" : base))
        }
    }

    /// The text of adapter_config.json.
    func adapterConfiguration(
        _ type: String, base: String, width: Int, heads: Int, layers: Int,
        _ own: [JSONValue.Member]
    ) -> String {
        AdapterFolder.json(
            [
                ("peft_type", .string(type)), ("task_type", .string("CAUSAL_LM")),
                ("base_model_name_or_path", .string(base)), ("revision", .null),
                ("inference_mode", .bool(true)), ("num_virtual_tokens", .int(count)),
                ("num_transformer_submodules", .int(1)), ("token_dim", .int(width)),
                ("num_attention_heads", .int(heads)), ("num_layers", .int(layers)),
            ] + own)
    }
}

/// A method whose files hold one array, the virtual tokens in the form in which they are used.
package protocol VirtualTokenMethod: FinetuningMethod, VirtualTokens {
    var slot: VirtualTokenSlot { get }
    /// The array's rows as parameters, (P, …): what files hold where nothing makes them from others.
    var table: Parameter { get }
    /// Whether a network makes the array of the table.
    var isMade: Bool { get }
    /// Extents of the file's array.
    var shapeInFile: [Int] { get }
    /// `base_model_name_or_path` of the file that it was made from.
    var baseInFile: String { get }

    /// The file's array, from the present parameters.
    func numbersForFile(in workspace: Workspace) -> [Float]
    /// The text of adapter_config.json.
    func adapterConfiguration(base: String) -> String
}

extension VirtualTokenMethod {
    package var settings: String? { adapterConfiguration(base: "") }

    package func write(
        to folder: String, base: String, in workspace: Workspace
    ) throws(FinetuningError) {
        try AdapterFolder.write(adapterConfiguration(base: base), folder)
        let array = ArrayDescription(name: VirtualTokenFile.array, shape: shapeInFile)
        let numbers = numbersForFile(in: workspace)
        try ofWeightFiles { () throws(WeightFileError) in
            try SafetensorsFile.write(
                folder + "/" + AdapterFolder.weightsFile, arrays: [array], values: { _ in numbers })
        }
    }

    package func read(from folder: String, in workspace: Workspace) throws(FinetuningError) {
        guard !isMade else {
            throw .unsupported(
                what: "\(folder): going on with what an encoder has made of virtual tokens",
                advice: "its file does not hold the encoder; resume from a checkpoint of the run")
        }
        workspace.assign(
            try VirtualTokenFile(folder, shape: shapeInFile, base: baseInFile).numbers(), to: table)
    }

    /// Whether a folder's file has this method's array, before there is memory for it.
    func check(_ folder: String) throws(FinetuningError) {
        _ = try VirtualTokenFile(folder, shape: shapeInFile, base: baseInFile)
    }

    package func merge(in workspace: Workspace) throws(FinetuningError) {
        throw .unsupportedMerge(ofVirtualTokens: name)
    }

    /// Virtual tokens have no place in every model.
    ///
    /// - Throws: ``FinetuningError/unsupported(what:advice:)``.
    static func slot(
        of model: any LanguageModel, for name: String
    ) throws(FinetuningError) -> VirtualTokenSlot {
        guard let slot = model.registry.virtualTokens else {
            throw .unsupported(
                what: "finetuning_type \(name) on \(model.description.type)",
                advice: "virtual tokens work on decoders; use finetuning_type: lora")
        }
        guard model.taskHead?.replacesLanguageHead != true else {
            throw .unsupported(
                what: "finetuning_type \(name) on a model that says labels",
                advice: "use finetuning_type: lora")
        }
        return slot
    }
}

extension FinetuningError {
    static func unsupportedMerge(ofVirtualTokens name: String) -> FinetuningError {
        .unsupported(
            what: "merging an adapter of \(name)",
            advice: "virtual tokens are no change of weights; keep it as the only adapter")
    }
}

/// PEFT's adapter_model.safetensors of virtual tokens: one array.
struct VirtualTokenFile {
    static let array = "prompt_embeddings"
    private let file: SafetensorsFile

    /// - Throws: as ``AdapterFile`` does.
    init(_ folder: String, shape: [Int], base: String) throws(FinetuningError) {
        file = try AdapterTensors.open(folder, AdapterFolder.weightsFile)
        try AdapterTensors.check(
            file, needed: [(name: Self.array, shape: shape)], prefix: "", base: base)
    }

    func numbers() throws(FinetuningError) -> [Float] {
        let numbers = try ofWeightFiles { () throws(WeightFileError) in
            try file.floats(Self.array)
        }
        try AdapterTensors.checkFinite(numbers, Self.array, file: file.path)
        return numbers
    }
}

/// A layer of the networks that make virtual tokens, as PyTorch draws it.
struct PromptLayer {
    let weight: Parameter  // (out, in)
    let bias: Parameter  // (out)

    init(_ scope: Scope, from inputs: Int, to outputs: Int) {
        let initial = Initializer.uniform(bound: 1 / Float(inputs).squareRoot())
        weight = scope.parameter("weight", [outputs, inputs], initial)
        bias = scope.parameter("bias", [outputs], initial)
    }

    var parameters: [Parameter] { [weight, bias] }

    /// x (…, in) → (…, out) of the compute type.
    func callAsFunction(_ x: Tensor, _ pass: ForwardPass) -> Tensor {
        pass.linear(x, weight: weight, bias: bias)
    }

    /// The same of float32 rows, with the parameters in full precision.
    func rows(_ x: Tensor, in workspace: Workspace) -> Tensor {
        let (rows, outputs) = (x.shape.rows, weight.shape.extents[0])
        let y = workspace.tensor([rows, outputs], .float32)
        workspace.matrices.multiply(
            MatrixProduct(
                rows: rows, columns: outputs, inner: weight.shape.width, transposeB: true),
            x.buffer, workspace.tensor(weight.shape, workspace.numbers(weight)).buffer,
            into: y.buffer)
        workspace.spread(
            workspace.tensor(bias.shape, workspace.numbers(bias)).buffer, over: y.buffer,
            adding: true, rows: rows, columns: outputs)
        return y
    }
}

extension Parameter {
    /// Its rows (1, P, F) float32, with their gradient.
    func rows(in pass: ForwardPass) -> Tensor {
        pass.embedding((0..<Int32(shape.extents[0])).map { $0 }, batch: 1, table: self)
    }
}

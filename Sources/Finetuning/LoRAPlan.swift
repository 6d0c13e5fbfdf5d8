import Autograd
import Models

/// The modules of one model that a configuration means.
struct LoRAPlan {
    struct Target {
        let path: String
        let rank: Int
        /// s of y = x Wᵀ + s · x Aᵀ Bᵀ.
        let scale: Float
        let module: Module

        /// Names of the factors, as parameters of the model.
        var nameOfA: String { path + (isLinear ? ".lora_A.weight" : ".lora_embedding_A") }
        var nameOfB: String { path + (isLinear ? ".lora_B.weight" : ".lora_embedding_B") }
        var nameOfMagnitude: String { path + ".lora_magnitude_vector" }

        var shapeOfA: Shape { [rank, module.inputs] }
        var shapeOfB: Shape { [module.outputs, rank] }

        private var isLinear: Bool {
            if case .linear = module { return true }
            return false
        }
    }

    enum Module {
        case linear(Linear)
        case embedding(TokenEmbedding)

        var weight: Parameter {
            switch self {
            case .linear(let linear): linear.weight
            case .embedding(let embedding): embedding.weight
            }
        }

        /// Extents of the factors: an embedding's rows are its inputs.
        var inputs: Int {
            switch self {
            case .linear(let linear): linear.inputs
            case .embedding(let embedding): embedding.weight.shape.extents[0]
            }
        }

        var outputs: Int {
            switch self {
            case .linear(let linear): linear.outputs
            case .embedding(let embedding): embedding.weight.shape.width
            }
        }
    }

    /// PEFT's name of what the model is for; `nil` for encoders that fill masks, which have none there.
    let taskType: String?
    /// What names in files lack of the model's own.
    private let prefix: String
    /// In the order of the model.
    private(set) var targets: [Target] = []
    /// Parameters trained and written whole, in the order of the model.
    private(set) var saved: [Parameter] = []
    /// The leaf names of the targets, as `target_modules` lists them.
    private(set) var leafNames: [String] = []
    /// The head's other name where it is tied to the embedding and both are saved.
    private(set) var tiedHead: (name: String, parameter: Parameter)?
    /// Tensors of the base that PEFT may write beside an adapter (`save_embedding_layers`), under
    /// the names it gives them.
    private(set) var tables: [(name: String, parameter: Parameter)] = []

    /// - Throws: ``FinetuningError/noTarget(setting:value:available:)`` where nothing matches,
    ///   ``FinetuningError/tied(embedding:head:detail:)`` where a tied matrix is only half meant,
    ///   and what the configuration's check throws.
    ///
    /// - Parameter setting: what names the targets, for messages.
    init(
        _ configuration: LoRAConfiguration, _ model: any LanguageModel,
        setting: String = "lora_target"
    ) throws(FinetuningError) {
        try configuration.validate()
        taskType = configuration.isOfBody ? Self.taskOfBodies : Self.taskType(model)
        prefix = configuration.isOfBody ? model.optionalPrefix : ""
        let matcher = try ModuleMatcher(configuration)
        let registry = model.registry
        var modules: [(path: String, module: Module)] = registry.linears.map {
            ($0.path, .linear($0.linear))
        }
        modules += registry.embeddings.map { ($0.path, .embedding($0.embedding)) }
        var leaves: Set<String> = []
        for (path, module) in modules {
            let isLinear = if case .linear = module { true } else { false }
            guard matcher.contains(path, isLinear: isLinear) else { continue }
            if !isLinear { try Self.checkTable(path, model) }
            let (rank, alpha) = matcher.size(path)
            targets.append(
                Target(
                    path: path, rank: rank,
                    scale: configuration.scale(rank: rank, alpha: alpha), module: module))
            leaves.insert(Self.leaf(path))
        }
        let head = Self.headPath(model)
        guard !matcher.contains(head, isLinear: false) else {
            throw .unsupported(
                what: "LoRA on \(head)", advice: "train it whole: additional_target: \(head)")
        }
        guard !targets.isEmpty else {
            throw .noTarget(
                setting: setting, value: configuration.targets.text,
                available: Set(registry.linears.map { Self.leaf($0.path) }).sorted())
        }
        leafNames = leaves.sorted()
        if !configuration.additionalTargets.isEmpty {
            try findSaved(configuration, matcher, model, head: head)
        }
        for (path, module) in modules {
            guard case .embedding(let embedding) = module else { continue }
            let isTarget = targets.contains { $0.path == path }
            tables.append((path + (isTarget ? ".base_layer" : "") + ".weight", embedding.weight))
        }
        tables.append((head + ".weight", model.head))
        let written = Set(savedTensors.map(\.name))
        tables.removeAll { written.contains($0.name) }
    }

    /// - Throws: ``FinetuningError/unsupported(what:advice:)`` for a table whose module transformers never calls.
    private static func checkTable(
        _ path: String, _ model: any LanguageModel
    ) throws(FinetuningError) {
        guard model.description.kind == .encoderDecoder else { return }
        throw .unsupported(
            what: "LoRA on \(leaf(path)) of an encoder-decoder",
            advice:
                "transformers calls modules embed_tokens in its place, so that PEFT's has no effect; leave it out"
        )
    }

    /// PEFT's name of models without heads.
    static let taskOfBodies = "FEATURE_EXTRACTION"

    /// A tensor's name in a file, by its name as a parameter of the model.
    func nameInFile(_ name: String) -> String {
        AdapterFolder.prefix
            + (name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name)
    }

    private static func taskType(_ model: any LanguageModel) -> String? {
        if let head = model.taskHead, head.replacesLanguageHead { return head.plan.kind.rawValue }
        switch model.description.kind {
        case .decoder: return "CAUSAL_LM"
        case .encoder: return nil
        case .encoderDecoder: return "SEQ_2_SEQ_LM"
        }
    }

    private mutating func findSaved(
        _ configuration: LoRAConfiguration, _ matcher: ModuleMatcher, _ model: any LanguageModel,
        head: String
    ) throws(FinetuningError) {
        let paths = model.parameters.map { Self.modulePath(of: $0.name) }
        saved = zip(model.parameters, paths).filter { matcher.isSaved($0.1) }.map(\.0)
        // PEFT lists the heads of all classes of a task, of which a model has one.
        let heads = model.taskHead.map { _ in ["classifier", "score", "qa_outputs"] } ?? []
        for name in configuration.additionalTargets where !heads.contains(name) {
            let one = try ModuleMatcher(configuration.savingOnly(name))
            guard paths.contains(where: one.isSaved) || one.isSaved(head) else {
                throw .noTarget(
                    setting: "additional_target", value: name,
                    available: Set(paths.map(Self.leaf)).sorted())
            }
        }
        guard
            let table = model.registry.embeddings.first(where: {
                $0.embedding.weight === model.head
            })
        else { return }
        switch (matcher.isSaved(table.path), matcher.isSaved(head)) {
        case (true, true): tiedHead = (head + ".weight", model.head)
        case (false, false): break
        default:
            throw .tied(
                embedding: table.path, head: head,
                detail: "so that they are trained together; name both in additional_target")
        }
    }

    /// Passes when each name among the targets is that of a module with weights: a name that matches
    /// nothing would leave modules untrained that a user meant.
    ///
    /// - Throws: ``FinetuningError/noTarget(setting:value:available:)`` that names the first.
    static func checkNames(
        _ targets: ModuleTargets, in model: any LanguageModel, setting: String
    ) throws(FinetuningError) {
        guard case .names(let names) = targets else { return }
        let linears = model.registry.linears.map(\.path)
        let paths = linears + model.registry.embeddings.map(\.path) + [headPath(model)]
        for name in names where !paths.contains(where: { $0 == name || $0.hasSuffix("." + name) }) {
            throw .noTarget(
                setting: setting, value: name, available: Set(linears.map(leaf)).sorted())
        }
    }

    /// The path of the head's module, which may have no parameter of its own.
    static func headPath(_ model: any LanguageModel) -> String {
        model.isTied ? "lm_head" : modulePath(of: model.head.name)
    }

    static func leaf(_ path: String) -> String {
        path.split(separator: ".").last.map(String.init) ?? path
    }

    private static func modulePath(of name: String) -> String {
        name.split(separator: ".").dropLast().joined(separator: ".")
    }
}

extension LoRAConfiguration {
    /// The same with one module to save, to ask whether it exists.
    fileprivate func savingOnly(_ name: String) -> LoRAConfiguration {
        var copy = self
        copy.additionalTargets = [name]
        return copy
    }
}

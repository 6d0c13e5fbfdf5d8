import Autograd
import Checkpoints

/// adapter_model.safetensors of a LoRA, checked against a plan: every tensor that the plan needs is
/// there with its shape, and no other.
struct LoRAFile {
    private let file: SafetensorsFile
    private let plan: LoRAPlan
    private let isDecomposed: Bool

    /// - Throws: ``FinetuningError/notAnAdapter(folder:found:)``,
    ///   ``FinetuningError/missingTensor(name:count:file:)``,
    ///   ``FinetuningError/unexpectedTensor(name:count:file:)``,
    ///   ``FinetuningError/otherBase(tensor:found:expected:base:file:)``, and what reading throws.
    init(
        _ folder: String, _ configuration: LoRAConfiguration, _ plan: LoRAPlan
    ) throws(FinetuningError) {
        file = try Self.open(folder)
        self.plan = plan
        isDecomposed = configuration.isDecomposed
        var needed: [(name: String, shape: [Int])] = []
        var tables: [(name: String, shape: [Int])] = []
        for target in plan.targets {
            needed.append((target.nameOfA, target.shapeOfA.extents))
            needed.append((target.nameOfB, target.shapeOfB.extents))
            if isDecomposed { needed.append((target.nameOfMagnitude, [target.module.outputs])) }
            if case .embedding(let embedding) = target.module {
                tables.append((Self.tableName(target), embedding.weight.shape.extents))
            }
        }
        needed += plan.savedTensors.map { ($0.name, $0.parameter.shape.extents) }
        try AdapterTensors.check(
            file, needed: needed, optional: tables, prefix: AdapterFolder.prefix,
            base: configuration.base)
        try checkTied()
    }

    private static func open(_ folder: String) throws(FinetuningError) -> SafetensorsFile {
        try AdapterTensors.open(folder, AdapterFolder.weightsFile)
    }

    func factors(_ target: LoRAPlan.Target) throws(FinetuningError) -> LowRankFactors {
        LowRankFactors(
            a: try floats(target.nameOfA), b: try floats(target.nameOfB),
            magnitude: isDecomposed ? try floats(target.nameOfMagnitude) : nil,
            rank: target.rank, scale: target.scale)
    }

    func savedNumbers(_ parameter: Parameter) throws(FinetuningError) -> [Float] {
        try floats(parameter.name)
    }

    /// The base's table that PEFT writes beside an embedding's factors, where it is there.
    func tableOfBase(_ target: LoRAPlan.Target) throws(FinetuningError) -> [Float]? {
        let name = Self.tableName(target)
        guard file.tensor(AdapterFolder.prefix + name) != nil else { return nil }
        return try floats(name)
    }

    private static func tableName(_ target: LoRAPlan.Target) -> String {
        target.path + ".base_layer.weight"
    }

    /// PEFT trains the two copies of a tied matrix apart; here they have to be one.
    private func checkTied() throws(FinetuningError) {
        guard let head = plan.tiedHead else { return }
        let same = try floats(head.name) == floats(head.parameter.name)
        guard same else {
            throw .tied(
                embedding: head.parameter.name, head: head.name,
                detail: "but \(file.path) holds different numbers for them; merge the adapter "
                    + "with PEFT first (tie_word_embeddings: false)")
        }
    }

    private func floats(_ name: String) throws(FinetuningError) -> [Float] {
        try ofCheckpoints { () throws(CheckpointError) in
            try file.floats(AdapterFolder.prefix + name)
        }
    }
}

/// Checks of an adapter's tensors that LoRA and bottleneck adapters share.
enum AdapterTensors {
    static func open(_ folder: String, _ name: String) throws(FinetuningError) -> SafetensorsFile {
        let found = AdapterFolder.relatedFiles(folder)
        guard found.contains(name) else { throw .notAnAdapter(folder: folder, found: found) }
        return try ofCheckpoints { () throws(CheckpointError) in
            try SafetensorsFile(path: folder + "/" + name)
        }
    }

    /// - Parameter prefix: before each name in the file.
    static func check(
        _ file: SafetensorsFile, needed: [(name: String, shape: [Int])],
        optional: [(name: String, shape: [Int])] = [], prefix: String, base: String
    ) throws(FinetuningError) {
        let all = needed + optional
        let known = Set(all.map { prefix + $0.name })
        let missing = needed.map { prefix + $0.name }.filter { file.tensor($0) == nil }
        let unexpected = file.tensors.map(\.name).filter { !known.contains($0) }
        if let name = missing.first {
            throw .missingTensor(name: name, count: missing.count, file: file.path)
        }
        if let name = unexpected.min() {
            throw .unexpectedTensor(name: name, count: unexpected.count, file: file.path)
        }
        for (name, shape) in all {
            guard let tensor = file.tensor(prefix + name), tensor.shape != shape else { continue }
            throw .otherBase(
                tensor: tensor.name, found: tensor.shape, expected: shape, base: base,
                file: file.path)
        }
    }
}

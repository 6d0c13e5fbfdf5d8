import Autograd
import Files
import Kernels
import WeightFiles

/// A tensor of an adapter's file, and how its numbers are had.
struct AdapterTensor {
    let name: String
    let shape: [Int]
    let numbers: () -> [Float]
}

/// PEFT's adapter_model.safetensors, checked against a plan: every tensor that the method needs is
/// there with its shape, and no other but those of the base that PEFT may write beside it.
struct AdapterFile {
    private let file: SafetensorsFile
    private let plan: LoRAPlan

    /// - Parameter needed: what the method has of each target.
    /// - Throws: ``FinetuningError/notAnAdapter(folder:found:)``,
    ///   ``FinetuningError/missingTensor(name:count:file:)``,
    ///   ``FinetuningError/unexpectedTensor(name:count:file:)``,
    ///   ``FinetuningError/otherBase(tensor:found:expected:base:file:)``, and what reading throws.
    init(
        _ folder: String, needed: [(name: String, shape: [Int])], base: String, _ plan: LoRAPlan
    ) throws(FinetuningError) {
        file = try Self.open(folder)
        self.plan = plan
        let saved = plan.savedTensors.map { (name: $0.name, shape: $0.parameter.shape.extents) }
        try AdapterTensors.check(
            file, needed: (needed + saved).map { (plan.nameInFile($0.name), $0.shape) },
            optional: plan.tables.map {
                (plan.nameInFile($0.name), $0.parameter.shape.extents)
            },
            prefix: "", base: base)
        try checkTied()
    }

    init(
        _ folder: String, _ configuration: LoRAConfiguration, _ plan: LoRAPlan
    ) throws(FinetuningError) {
        var needed: [(name: String, shape: [Int])] = []
        for target in plan.targets {
            needed.append((target.nameOfA, target.shapeOfA.extents))
            needed.append((target.nameOfB, target.shapeOfB.extents))
            guard configuration.isDecomposed else { continue }
            needed.append((target.nameOfMagnitude, [target.module.outputs]))
        }
        try self.init(folder, needed: needed, base: configuration.base, plan)
    }

    /// Writes both files of a folder: the method's tensors, what is saved whole, and the base's tables.
    static func write(
        _ tensors: [AdapterTensor], _ plan: LoRAPlan,
        _ tables: [(name: String, parameter: Parameter)], _ configuration: String,
        to folder: String, in workspace: Workspace
    ) throws(FinetuningError) {
        let whole = (plan.savedTensors + tables).map { name, parameter in
            AdapterTensor(name: name, shape: parameter.shape.extents) {
                workspace.numbers(parameter)
            }
        }
        let arrays = (tensors + whole).map { tensor in
            (
                description: ArrayDescription(
                    name: plan.nameInFile(tensor.name), shape: tensor.shape),
                numbers: tensor.numbers
            )
        }
        try AdapterFolder.write(configuration, folder)
        let numbers = Dictionary(
            uniqueKeysWithValues: arrays.map { ($0.description.name, $0.numbers) })
        try ofWeightFiles { () throws(WeightFileError) in
            try SafetensorsFile.write(
                folder + "/" + AdapterFolder.weightsFile, arrays: arrays.map(\.description),
                values: { array in numbers[array.name].map { $0() } ?? [] })
        }
    }

    private static func open(_ folder: String) throws(FinetuningError) -> SafetensorsFile {
        try AdapterTensors.open(folder, AdapterFolder.weightsFile)
    }

    func factors(_ target: LoRAPlan.Target) throws(FinetuningError) -> LowRankFactors {
        LowRankFactors(
            a: try floats(target.nameOfA), b: try floats(target.nameOfB),
            magnitude: file.tensor(plan.nameInFile(target.nameOfMagnitude)) == nil
                ? nil : try floats(target.nameOfMagnitude),
            rank: target.rank, scale: target.scale)
    }

    /// Puts what was trained whole into the base.
    func assignSaved(in workspace: Workspace) throws(FinetuningError) {
        for parameter in plan.saved {
            guard parameter.quantized == nil else { throw .quantized(parameter: parameter.name) }
            workspace.assign(try savedNumbers(parameter), to: parameter)
        }
    }

    func savedNumbers(_ parameter: Parameter) throws(FinetuningError) -> [Float] {
        try floats(parameter.name)
    }

    /// Puts the base's tensors that the file holds into the base, as PEFT does.
    ///
    /// - Returns: those whose numbers were others before.
    /// - Throws: ``FinetuningError/quantized(parameter:)`` where they do not belong to a quantized
    ///   matrix, and what reading throws.
    func readTables(
        in workspace: Workspace
    ) throws(FinetuningError) -> [(name: String, parameter: Parameter)] {
        var changed: [(name: String, parameter: Parameter)] = []
        for (name, parameter) in plan.tables
        where file.tensor(plan.nameInFile(name)) != nil {
            let numbers = try floats(name)
            let before = workspace.numbers(parameter)
            guard numbers != before else { continue }
            guard parameter.quantized == nil else {
                guard Self.rounds(numbers, to: before) else {
                    throw .quantized(parameter: parameter.name)
                }
                continue
            }
            workspace.assign(numbers, to: parameter)
            changed.append((name, parameter))
        }
        return changed
    }

    /// Whether numbers become others by rounding to few bits. With four bits the error is at most
    /// a fourteenth of a block's largest number, so below a quarter of the numbers' length.
    private static func rounds(_ numbers: [Float], to rounded: [Float]) -> Bool {
        var (square, error) = (0.0, 0.0)
        for (number, other) in zip(numbers, rounded) {
            square += Double(number) * Double(number)
            error += Double(number - other) * Double(number - other)
        }
        return error <= square / 16
    }

    /// PEFT writes the two copies of a tied matrix apart; here they have to be one.
    private func checkTied() throws(FinetuningError) {
        if let head = plan.tiedHead {
            try checkSame(head.parameter.name, head.name)
        }
        let tables = plan.tables.filter { file.tensor(plan.nameInFile($0.name)) != nil }
        for (index, table) in tables.enumerated() {
            let copy = tables[..<index].first { $0.parameter === table.parameter }
            if let copy { try checkSame(copy.name, table.name) }
        }
    }

    private func checkSame(_ first: String, _ second: String) throws(FinetuningError) {
        let same = try floats(second) == floats(first)
        guard same else {
            throw .tied(
                embedding: first, head: second,
                detail: "but \(file.path) holds different numbers for them; merge the adapter "
                    + "with PEFT first (tie_word_embeddings: false)")
        }
    }

    func floats(_ name: String) throws(FinetuningError) -> [Float] {
        let name = plan.nameInFile(name)
        let numbers = try ofWeightFiles { () throws(WeightFileError) in try file.floats(name) }
        try AdapterTensors.checkFinite(numbers, name, file: file.path)
        return numbers
    }
}

/// Checks of an adapter's tensors that LoRA and bottleneck adapters share.
enum AdapterTensors {
    static func open(_ folder: String, _ name: String) throws(FinetuningError) -> SafetensorsFile {
        let found = AdapterFolder.relatedFiles(folder)
        guard found.contains(name) else { throw .notAnAdapter(folder: folder, found: found) }
        return try ofWeightFiles { () throws(WeightFileError) in
            try SafetensorsFile(path: folder + "/" + name)
        }
    }

    /// - Throws: ``FinetuningError/notFinite(tensor:file:)``: such an adapter gives no answer.
    static func checkFinite(
        _ numbers: [Float], _ name: String, file: String
    ) throws(FinetuningError) {
        guard numbers.allSatisfy(\.isFinite) else { throw .notFinite(tensor: name, file: file) }
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

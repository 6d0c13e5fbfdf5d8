import Autograd
import Files
import Foundation
package import Kernels
package import Models
import WeightFiles

/// A folder with an adapter: PEFT's files, or AdapterHub's.
package struct AdapterFolder {
    /// What kind of adapter it holds, as its configuration says.
    package enum Kind: Equatable, Sendable {
        case lora(LoRAConfiguration)
        case oft(OFTConfiguration)
        case boft(BOFTConfiguration)
        case ia3(IA3Configuration)
        case promptTuning(PromptTuningConfiguration)
        case pTuning(PTuningConfiguration)
        case prefixTuning(PrefixTuningConfiguration)
        case bottleneck(BottleneckConfiguration)
    }

    package static let configurationFile = "adapter_config.json"
    static let weightsFile = "adapter_model.safetensors"
    /// What PEFT puts before the base's own names.
    static let prefix = "base_model.model."

    package let path: String
    package let kind: Kind

    /// Reads the folder's configuration.
    ///
    /// - Throws: ``FinetuningError/notAnAdapter(folder:found:)`` where there is none, and what
    ///   reading it throws.
    package init(path: String) throws(FinetuningError) {
        self.path = path
        let file = path + "/" + Self.configurationFile
        guard let data = RegularFile.contents(file) else {
            throw .notAnAdapter(folder: path, found: Self.relatedFiles(path))
        }
        let keys: KeyedObject
        do throws(JSONProblem) {
            keys = try KeyedObject(try JSONValueReader.read([UInt8](data)[...]), file: file)
        } catch {
            throw .badConfiguration(
                file: file, reason: "it holds \(error.found), expected \(error.expected)")
        }
        if let bottleneck = try BottleneckConfiguration.read(keys) {
            kind = .bottleneck(bottleneck)
        } else {
            kind = try PEFTConfiguration.kind(keys)
        }
    }

    /// Adds the folder's adapter to the base's weights, in float32, without attaching it.
    ///
    /// - Throws: ``FinetuningError`` where it does not fit this model, or cannot be merged.
    package func merge(
        into model: any LanguageModel, in workspace: Workspace
    ) throws(FinetuningError) {
        do throws(FinetuningError) {
            switch kind {
            case .lora(let configuration): try merge(configuration, into: model, in: workspace)
            case .oft(let configuration): try configuration.merge(path, into: model, in: workspace)
            case .boft(let configuration): try configuration.merge(path, into: model, in: workspace)
            case .ia3(let configuration): try configuration.merge(path, into: model, in: workspace)
            case .promptTuning, .pTuning, .prefixTuning:
                throw .unsupportedMerge(ofVirtualTokens: "virtual tokens")
            case .bottleneck:
                throw .unsupported(
                    what: "merging a bottleneck adapter (\(path))",
                    advice: "it is no change of weights; keep it as the only adapter")
            }
        } catch {
            throw error.naming(path + "/" + Self.configurationFile)
        }
    }

    private func merge(
        _ configuration: LoRAConfiguration, into model: any LanguageModel, in workspace: Workspace
    ) throws(FinetuningError) {
        let plan = try LoRAPlan(configuration, model)
        for target in plan.targets { try target.module.checkMerge(head: model.head) }
        let file = try AdapterFile(path, configuration, plan)
        _ = try file.readTables(in: workspace)
        for target in plan.targets {
            try file.factors(target).merge(into: target.module, in: workspace)
        }
        try file.assignSaved(in: workspace)
    }

    /// Indented, keys in order, as PEFT writes it; keys of inner objects keep their own order.
    static func json(_ values: [JSONValue.Member]) -> String {
        JSONValue.object(values.sorted { $0.key < $1.key }).text(indent: 2) + "\n"
    }

    /// Makes the folder and puts a text there.
    static func write(_ text: String, _ folder: String) throws(FinetuningError) {
        let file = folder + "/" + configurationFile
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
            try text.write(toFile: file, atomically: true, encoding: .utf8)
        } catch {
            throw .badConfiguration(
                file: file, reason: "it cannot be written: \(error.localizedDescription)")
        }
    }

    /// The folder's weights and its adapter_config.json, whatever method wrote them.
    package var files: [String] {
        Self.relatedFiles(path).filter { !$0.hasSuffix(".json") || $0 == Self.configurationFile }
            .map { path + "/" + $0 }
    }

    /// Files that may be an adapter's or are mistaken for one's.
    static func relatedFiles(_ path: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.filter {
            $0.hasSuffix(".bin") || $0.hasSuffix(".safetensors") || $0.hasSuffix(".json")
        }.sorted()
    }
}

extension LoRA {
    /// With what the file does not say of the base: that PiSSA has changed it.
    package var settings: String? {
        let text = configuration.adapterConfiguration(base: "", plan)
        let start = JSONValue.string("\(configuration.initialization)")
        return (try? JSONValueReader.read(text))?.setting("init_lora_weights", to: start).text()
    }

    /// B begins at 0; PiSSA and DoRA divide the base's numbers anew, which rounds them.
    package var beginsAsBase: Bool {
        configuration.initialization == .uniform && !configuration.isDecomposed
    }

    package func write(
        to folder: String, base: String, in workspace: Workspace
    ) throws(FinetuningError) {
        var written = configuration
        var tensors: [AdapterTensor] = []
        func add(_ name: String, _ shape: [Int], _ numbers: @escaping () -> [Float]) {
            tensors.append(AdapterTensor(name: name, shape: shape, numbers: numbers))
        }
        if case .pissa = configuration.initialization { written = configuration.convertedFromPiSSA }
        for (target, layer) in zip(plan.targets, layers) {
            let factors = converted(layer.factors(in: workspace), target)
            add(target.nameOfA, [factors.rank, target.module.inputs]) { factors.a }
            add(target.nameOfB, [target.module.outputs, factors.rank]) { factors.b }
            if let magnitude = factors.magnitude {
                add(target.nameOfMagnitude, [magnitude.count]) { magnitude }
            }
        }
        let text = written.adapterConfiguration(base: base, plan)
        try AdapterFile.write(tensors, plan, tables, text, to: folder, in: workspace)
    }

    package func read(from folder: String, in workspace: Workspace) throws(FinetuningError) {
        guard configuration.initialization == .uniform else {
            throw .unsupported(
                what: "pissa_init with an adapter (\(folder))",
                advice: "leave pissa_init out, the adapter is a plain LoRA")
        }
        let file = try AdapterFile(folder, configuration, plan)
        tables = try file.readTables(in: workspace)
        for (target, layer) in zip(plan.targets, layers) {
            let factors = try file.factors(target)
            workspace.assign(factors.a, to: layer.a)
            workspace.assign(factors.b, to: layer.b)
            layer.baseChanged(in: workspace, startsMagnitude: false)
            if let parameter = layer.magnitude, let magnitude = factors.magnitude {
                workspace.assign(magnitude, to: parameter)
            }
        }
        for parameter in plan.saved {
            workspace.assign(try file.savedNumbers(parameter), to: parameter)
        }
    }
}

extension LoRAPlan {
    /// Parameters that are written whole, with the names they are written under.
    var savedTensors: [(name: String, parameter: Parameter)] {
        saved.map { ($0.name, $0) } + (tiedHead.map { [($0.name, $0.parameter)] } ?? [])
    }

    /// PEFT's name of what the model is for, in adapter_config.json.
    var taskKey: JSONValue { taskType.map(JSONValue.string) ?? .null }

    /// Whether weights of targets lie (in, out).
    var isConv1D: Bool {
        targets.contains {
            if case .linear(let linear) = $0.module { return linear.layout == .inputsByOutputs }
            return false
        }
    }

    /// The targets of a method that works on linear layers alone.
    func linears(for method: String) throws(FinetuningError) -> [(path: String, linear: Linear)] {
        var linears: [(path: String, linear: Linear)] = []
        for target in targets {
            guard case .linear(let linear) = target.module else {
                throw .unsupported(
                    what: "\(method) on \(target.path)", advice: "target linear layers")
            }
            linears.append((target.path, linear))
        }
        return linears
    }
}

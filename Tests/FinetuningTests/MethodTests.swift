import Autograd
import Finetuning
import Foundation
import Kernels
import Models
import TestSupport
import Testing

@Suite struct MethodTests {
    private func model(_ name: String = "llama") throws -> any LanguageModel {
        try ModelCatalog.model(configuration: try References.text("models/\(name)/config.json"))
    }

    private func trained(_ model: any LanguageModel) -> [String] {
        model.parameters.filter(\.isTrainable).map(\.name)
    }

    @Test(arguments: [(1, "model.layers.1."), (-1, "model.layers.0."), (5, "model.layers.")])
    func freezingTrainsLastOrFirstBlocks(layers: Int, prefix: String) throws {
        let model = try model()
        _ = try Freezing(FreezingConfiguration(layers: layers), attachingTo: model)
        #expect(
            trained(model)
                == model.parameters.map(\.name).filter { $0.hasPrefix(prefix) })
    }

    @Test func freezingTakesModulesAndExtraModules() throws {
        let model = try model()
        let configuration = FreezingConfiguration(
            layers: 1, modules: ["mlp"], extraModules: ["lm_head"])
        _ = try Freezing(configuration, attachingTo: model)
        #expect(
            trained(model)
                == ["gate_proj", "up_proj", "down_proj"].map { "model.layers.1.mlp.\($0).weight" }
                + ["lm_head.weight"])
        #expect(throws: FinetuningError.self) {
            try Freezing(FreezingConfiguration(modules: ["attn"]), attachingTo: try self.model())
        }
    }

    // LLaMA-Factory: range(stride − 1, layers + stride − 1, stride).
    @Test func spreadBlocksAreThoseOfLlamaPro() throws {
        let one = try Freezing(
            FreezingConfiguration(layers: 1, spreadsLayers: true), attachingTo: try model())
        #expect(one.trainedBlocks == [1])
        let two = try Freezing(
            FreezingConfiguration(layers: 2, spreadsLayers: true), attachingTo: try model())
        #expect(two.trainedBlocks == [0, 1])
        #expect(throws: FinetuningError.self) {
            try Freezing(
                FreezingConfiguration(layers: 3, spreadsLayers: true), attachingTo: try model())
        }
    }

    // 2 layers of 7 linears, r = 8: 8 · (in + out) each.
    @Test func theLineOfCountsIsPEFTs() throws {
        let model = try model()
        let base = model.parameters.reduce(0) { $0 + $1.count }
        let method = try LoRA(LoRAConfiguration(), attachingTo: model)
        let own = model.registry.linears.reduce(0) {
            $0 + 8 * ($1.linear.inputs + $1.linear.outputs)
        }
        let counted = method.adapterParameters.reduce(0) { $0 + $1.count }
        #expect(counted == own)
        let percent = String(format: "%.4f", 100 * Double(own) / Double(base + own))
        let line = try #require(method.description(of: model).last)
        let plain = line.replacingOccurrences(of: ",", with: "")
        #expect(
            plain == "trainable params: \(own) || all params: \(base + own) || "
                + "trainable%: \(percent)")
        #expect(line.contains(","))
    }

    @Test func loraPlusFactorsAreThoseOfLLaMAFactory() throws {
        let model = try model()
        var configuration = LoRAConfiguration()
        configuration.targets = .names(["q_proj", "embed_tokens"])
        configuration.additionalTargets = ["model.norm"]
        configuration.plus = LoRAPlus(ratio: 16, embeddingFactor: 0.02)
        let method = try LoRA(configuration, attachingTo: model)
        for parameter in model.parameters where parameter.isTrainable {
            let wanted: Float =
                switch parameter.name {
                case let name where name.hasSuffix("lora_A.weight"): 1
                case let name where name.hasSuffix("lora_embedding_A"): 1
                case let name where name.hasSuffix("lora_embedding_B"): 0.02
                default: 16
                }
            #expect(method.learningRateFactor(for: parameter) == wanted, "\(parameter.name)")
        }
    }

    @Test(arguments: [nil, 16] as [Int?], ["llama", "gpt2"])
    func pissaKeepsTheModelAndWritesAnEqualLoRA(iterations: Int?, name: String) throws {
        let base = try BaseModel(name)
        let ids = try ReferenceFile("models/\(name)/reference.safetensors").integers("input_ids")
        let expected = base.logits(ids)
        let model = try model(name)
        var configuration = LoRAConfiguration()
        configuration.rank = 4
        configuration.initialization = .pissa(iterations: iterations)
        let method = try LoRA(configuration, attachingTo: model)
        let workspace = base.workspace
        _ = ParameterStore(model.parameters, computeType: .float32, training: true, in: workspace)
        for (own, parameter) in zip(base.model.parameters, model.parameters) {
            workspace.assign(workspace.numbers(own), to: parameter)
        }
        try method.initialize(seed: 5, in: workspace)
        let logits = {
            let pass = ForwardPass(workspace: workspace, computeType: .float32)
            return workspace.numbers(model.logits(ids, batch: 2, in: pass))
        }
        // The residual and the factors add up to the weight again.
        #expect(Difference.absolute(logits(), expected) < 1e-4)
        let first = try #require(model.registry.linears.first).linear
        let rest = workspace.numbers(first.weight)
        let own = workspace.numbers(
            try #require(base.model.registry.linears.first).linear.weight)
        // Eckart and Young: what is taken out has the largest singular values' share of the norm.
        let extents = first.weight.shape.extents
        let parts = try #require(
            workspace.singularValueDecomposition(own, rows: extents[0], columns: extents[1]))
        let squares = parts.values.map { Double($0) * Double($0) }
        let share = (squares.prefix(4).reduce(0, +) / squares.reduce(0, +)).squareRoot()
        #expect(abs(Difference.relative(rest, own) - share) < (iterations == nil ? 1e-4 : 1e-2))

        for parameter in method.adapterParameters {
            let numbers = workspace.numbers(parameter)
            workspace.assign(numbers.map { $0 * 1.1 }, to: parameter)
        }
        let trained = logits()
        #expect(Difference.absolute(trained, expected) > 1e-3)
        let scratch = try ScratchFolder()
        try method.write(to: scratch.path, base: name, in: workspace)
        let folder = try AdapterFolder(path: scratch.path)
        guard case .lora(let written) = folder.kind else {
            Issue.record("no LoRA was written")
            return
        }
        #expect(written.rank == 8 && written.initialization == .uniform)
        try folder.merge(into: base.model, in: workspace)
        #expect(Difference.absolute(base.logits(ids), trained) < 1e-4)
    }

    @Test func randomizedSingularVectorsAreTheExactOnes() throws {
        let residuals = try [nil, 16].map { (iterations: Int?) -> [Float] in
            let base = try BaseModel("llama")
            let model = try model()
            var configuration = LoRAConfiguration()
            configuration.initialization = .pissa(iterations: iterations)
            let method = try LoRA(configuration, attachingTo: model)
            _ = ParameterStore(
                model.parameters, computeType: .float32, training: true, in: base.workspace)
            for (own, parameter) in zip(base.model.parameters, model.parameters) {
                base.workspace.assign(base.workspace.numbers(own), to: parameter)
            }
            try method.initialize(seed: 5, in: base.workspace)
            return base.workspace.numbers(try #require(model.registry.linears.last).linear.weight)
        }
        // Sixteen iterations separate neighbours at the cut by (σ₉/σ₈)³³ only.
        #expect(Difference.relative(residuals[1], residuals[0]) < 0.1)
    }

    // From the second step on, shapes repeat.
    @Test(arguments: ["llama_lora", "llama_dora", "llama_embedding"])
    func aSteadyStepAllocatesNothing(name: String) throws {
        let adapted = try AdaptedModel(name, computeType: .bfloat16)
        for _ in 0..<2 { _ = try adapted.backward() }
        let before = adapted.workspace.pool.systemAllocations
        for _ in 0..<3 { _ = try adapted.backward() }
        #expect(adapted.workspace.pool.systemAllocations == before)
    }
}

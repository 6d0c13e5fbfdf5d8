import Autograd
import Finetuning
import Kernels
import Models
import TestSupport
import Testing

/// The same as ``LoRAGradientTests`` of encoders (scripts/references/encoders.py), and other methods on them.
@Suite struct EncoderLoRATests {
    static let folders = ["bert", "distilbert", "mpnet", "albert", "albert_odd"]

    private func model(_ folder: String) throws -> any LanguageModel {
        try ModelCatalog.model(
            configuration: try References.text("encoders/\(folder)/config.json"))
    }

    // The bounds are those of the models' own references (EncoderReferenceTests).
    @Test(arguments: folders, [false, true])
    func factorsHaveTransformersGradients(folder: String, recomputes: Bool) throws {
        let workspace = Workspace(threads: 2)
        let model = try model(folder)
        let base = model.parameters
        var configuration = LoRAConfiguration()
        configuration.rank = 3
        let method = try LoRA(configuration, attachingTo: model)
        _ = ParameterStore(model.parameters, computeType: .float32, training: true, in: workspace)
        let weights = try ReferenceFile("encoders/\(folder)/model.safetensors")
        for parameter in base {
            let names = model.namesInFiles(of: parameter)
            let name = names.first(where: weights.has) ?? parameter.name
            workspace.assign(try weights.floats(name), to: parameter)
        }
        try method.initialize(seed: 3, in: workspace)
        let adapted = try model.registry.linears.compactMap { path, linear in
            try AdaptedLinear(path, linear, method, rank: 3)
        }
        #expect(2 * adapted.count == method.adapterParameters.count && adapted.count > 3)
        for linear in adapted { linear.hideFactors(in: workspace) }

        let file = try ReferenceFile("encoders/\(folder)/reference.safetensors")
        var input = TokenInput(ids: try file.integers("input_ids"), batch: 3)
        let mask = try file.integers("mask")
        input.mask = AttentionMask(queries: mask.map { _ in 1 }, keys: mask)
        if model.description.tokenTypes > 0 { input.types = try file.integers("token_types") }
        let pass = ForwardPass(
            workspace: workspace, computeType: .float32, tape: Tape(),
            recomputing: recomputes ? .blocks : .nothing)
        let loss = model.loss(
            of: model.hiddenStates(input, in: pass), targets: try file.integers("labels"), in: pass)
        let expected = try file.floats("loss")[0]
        #expect(abs(Float(loss.sum) - expected) < 1e-5 * expected)
        pass.backward(from: loss)
        for linear in adapted {
            let gradient = try file.floats("grad." + linear.linear.weight.name)
            let (a, b) = linear.gradients(of: gradient, in: workspace)
            for (parameter, expected) in [(linear.a, a), (linear.b, b)] {
                let found = workspace.numbers(
                    try #require(parameter.gradient), count: parameter.count)
                #expect(Difference.relative(found, expected) < 1e-4, "\(parameter.name)")
            }
        }
    }

    @Test(arguments: folders.filter { !$0.hasPrefix("albert") })
    func theLastLayerAloneIsTrained(folder: String) throws {
        let model = try model(folder)
        _ = try Freezing(FreezingConfiguration(layers: 1), attachingTo: model)
        let trained = model.parameters.filter(\.isTrainable).map(\.name)
        #expect(trained.count == 16 && trained.allSatisfy { $0.contains(".layer.1.") })
    }

    // What would be added to one layer would be in all: there is no place for it.
    @Test func layersThatShareTheirParametersAreNotTrainedApart() throws {
        let model = try model("albert")
        #expect(model.description.layers == 3 && model.registry.blocks.isEmpty)
        #expect {
            _ = try Freezing(FreezingConfiguration(layers: 1), attachingTo: model)
        } throws: {
            "\($0)".contains("freeze on albert, whose layers share their parameters")
        }
        #expect {
            _ = try BottleneckAdapters(BottleneckConfiguration(), attachingTo: model)
        } throws: {
            "\($0)".contains("finetuning_type adapter on albert")
        }
    }

    // PEFT takes modules to save by the ends of their names.
    @Test func distilBERTsHeadIsTrainedWhole() throws {
        let model = try ModelCatalog.model(
            configuration: try References.text("encoders/distilbert/config.json"),
            for: .task(TaskPlan(.sequence, labels: ["a", "b"])))
        let head = try #require(model.taskHead)
        #expect(head.modules == ["pre_classifier", "classifier"])
        var configuration = LoRAConfiguration()
        configuration.additionalTargets = head.savedModules(drawn: head.parameters)
        let method = try LoRA(configuration, attachingTo: model)
        #expect(!method.adapterParameters.contains { $0.name.contains("classifier") })
        #expect(head.parameters.count == 4 && head.parameters.allSatisfy(\.isTrainable))
    }
}

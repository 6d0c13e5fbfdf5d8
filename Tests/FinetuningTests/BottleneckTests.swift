import Autograd
import Files
import Finetuning
import Foundation
import Kernels
import Models
import TestSupport
import Testing
import WeightFiles

/// Adapters that AdapterHub saved, against its values (scripts/references/bottleneck_adapters.py).
@Suite struct BottleneckTests {
    static let cases = [
        "llama_seq_bn", "llama_double_seq_bn", "llama_par_bn", "gpt2_seq_bn",
    ]

    // The bounds are those of the models' own references (TransformersReferenceTests).
    @Test(arguments: cases)
    func logitsEqualAdapterHub(name: String) throws {
        let adapted = try Bottlenecked(name)
        let wanted = try adapted.reference.floats("logits")
        #expect(Difference.absolute(try adapted.logits(), wanted) < 2e-4)
    }

    @Test(arguments: cases, [false, true])
    func everyGradientEqualsAdapterHub(name: String, recomputes: Bool) throws {
        let adapted = try Bottlenecked(name)
        let pass = ForwardPass(
            workspace: adapted.workspace, computeType: .float32, tape: Tape(),
            recomputing: recomputes ? .blocks : .nothing)
        let loss = adapted.model.loss(
            try adapted.reference.integers("input_ids"),
            targets: try adapted.reference.integers("targets"), batch: 2, in: pass)
        pass.backward(from: loss)
        let trained = adapted.model.parameters.filter(\.isTrainable)
        for parameter in trained {
            let gradient = try #require(parameter.gradient)
            let found = adapted.workspace.numbers(gradient, count: parameter.count)
            let wanted = try adapted.reference.floats("grad." + parameter.name)
            #expect(Difference.relative(found, wanted) < 1e-4, "\(parameter.name)")
        }
        let names = adapted.reference.names.filter { $0.hasPrefix("grad.") }
        #expect(Set(trained.map { "grad." + $0.name }) == Set(names))
    }

    @Test(arguments: cases)
    func writingAndReadingBackIsExact(name: String) throws {
        let adapted = try Bottlenecked(name)
        let scratch = try ScratchFolder()
        try adapted.method.write(to: scratch.path, base: "base", in: adapted.workspace)
        let again = try Bottlenecked(name, from: scratch.path)
        #expect(again.method.configuration == adapted.method.configuration)
        #expect(try adapted.logits() == again.logits())
        // AdapterHub distinguishes 1.0 from 1.
        let text = try String(
            contentsOfFile: scratch.path + "/adapter_config.json", encoding: .utf8)
        #expect(text.contains(name.contains("par") ? "\"scaling\": 4.0" : "\"scaling\": 1.0"))
    }

    @Test func theConfigurationHasTheKeysOfAdapterHub() throws {
        let adapted = try Bottlenecked("llama_double_seq_bn")
        let scratch = try ScratchFolder()
        try adapted.method.write(to: scratch.path, base: "llama", in: adapted.workspace)
        let data = try Data(
            contentsOf: URL(fileURLWithPath: scratch.path + "/adapter_config.json"))
        let found = try #require(
            try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let wanted = try References.object("bottlenecks/llama_double_seq_bn/adapter_config.json")
        #expect(Set(found.keys) == Set(wanted.keys))
        for key in ["hidden_size", "model_class", "model_name", "model_type", "name"] {
            #expect(found[key] as? NSObject == wanted[key] as? NSObject, "\(key)")
        }
        let inner = try #require(found["config"] as? [String: Any])
        let wantedInner = try #require(wanted["config"] as? [String: Any])
        for (key, value) in inner where key != "architecture" {
            #expect(value as? NSObject == wantedInner[key] as? NSObject, "\(key)")
        }
    }

    @Test func anotherArchitectureIsRefused() throws {
        let scratch = try ScratchFolder()
        let text = """
            {"config": {"architecture": "prefix_tuning"}, "name": "x", "version": "adapters.1.3.0"}
            """
        try text.write(
            toFile: scratch.path + "/adapter_config.json", atomically: true, encoding: .utf8)
        #expect {
            _ = try AdapterFolder(path: scratch.path)
        } throws: {
            "\($0)".contains("prefix_tuning")
        }
    }

    @Test func aTruncatedTorchFileIsRefusedWithAHint() throws {
        let scratch = try ScratchFolder()
        let source = References.folder.appendingPathComponent("bottlenecks/llama_par_bn")
        let manager = FileManager.default
        try manager.copyItem(
            atPath: source.path + "/adapter_config.json",
            toPath: scratch.path + "/adapter_config.json")
        let whole = try Data(contentsOf: source.appendingPathComponent("pytorch_adapter.bin"))
        for count in [0, 10, whole.count / 2, whole.count - 1] {
            try whole.prefix(count).write(
                to: URL(fileURLWithPath: scratch.path + "/pytorch_adapter.bin"))
            #expect {
                _ = try Bottlenecked("llama_par_bn", from: scratch.path)
            } throws: {
                "\($0)".contains("use_safetensors=True")
            }
        }
    }

    @Test(arguments: [
        ("lm_head.weight", Float(0)), ("heads.default.0.weight", 0), ("lm_head.weight", 0.5),
        ("lm_head.bias", 0),
    ])
    func aHeadBesideTheAdapterHasToBeTheBases(name: String, change: Float) throws {
        let scratch = try ScratchFolder()
        let source = References.folder.appendingPathComponent("bottlenecks/llama_seq_bn").path
        for file in ["adapter_config.json", "adapter.safetensors"] {
            try FileManager.default.copyItem(
                atPath: source + "/" + file, toPath: scratch.path + "/" + file)
        }
        let weights = try ReferenceFile("models/llama/model.safetensors")
        var head = try weights.floats("lm_head.weight")
        head[7] += change
        let shape = name.hasSuffix("bias") ? [head.count] : try weights.shape("lm_head.weight")
        try SafetensorsFile.write(
            scratch.path + "/model_head.safetensors",
            arrays: [ArrayDescription(name: name, shape: shape)], values: { _ in head })
        if change == 0, name.hasSuffix("weight") {
            _ = try Bottlenecked("llama_seq_bn", from: scratch.path)
            return
        }
        #expect {
            _ = try Bottlenecked("llama_seq_bn", from: scratch.path)
        } throws: {
            "\($0)".contains("model_head.safetensors: a head \(name) that is not the base's")
        }
    }

    @Test func aNewParallelAdapterStartsAsTheBase() throws {
        let workspace = Workspace(threads: 1)
        let model = try ModelCatalog.model(
            configuration: try References.text("models/llama/config.json"))
        let configuration = try BottleneckConfiguration(preset: "par_bn")
        let method = try BottleneckAdapters(configuration, attachingTo: model)
        let store = ParameterStore(
            model.parameters, computeType: .float32, training: true, in: workspace)
        store.initialize(seed: 3)
        try method.initialize(seed: 3, in: workspace)
        let ids: [Int32] = [1, 2, 3, 4]
        let logits = { (applies: Bool) in
            let pass = ForwardPass(
                workspace: workspace, computeType: .float32, appliesAdapters: applies)
            return workspace.numbers(model.logits(ids, batch: 1, in: pass))
        }
        #expect(logits(true) == logits(false))
        #expect(store.trainableCount == 2 * (32 * 16 * 2 + 16 + 32))
    }
}

/// A base with an adapter of Tests/References/bottlenecks.
private struct Bottlenecked {
    let workspace = Workspace(threads: 2)
    let model: any LanguageModel
    let method: BottleneckAdapters
    let reference: ReferenceFile

    init(_ name: String, from written: String? = nil) throws {
        let object = try References.object("bottlenecks/\(name)/case.json")
        let base = object["base"] as? String ?? ""
        model = try ModelCatalog.model(
            configuration: try References.text("models/\(base)/config.json"))
        let path =
            written ?? References.folder.appendingPathComponent("bottlenecks/\(name)").path
        let folder = try AdapterFolder(path: path)
        guard
            let method = try AdapterCatalog.method(of: folder, attachingTo: model)
                as? BottleneckAdapters
        else { throw ReferenceError(message: "\(name) is no bottleneck adapter") }
        self.method = method
        _ = ParameterStore(model.parameters, computeType: .float32, training: true, in: workspace)
        let weights = try ReferenceFile("models/\(base)/model.safetensors")
        for parameter in model.parameters where !parameter.isTrainable {
            workspace.assign(try weights.floats(parameter.name), to: parameter)
        }
        try method.initialize(seed: 1, in: workspace)
        try method.read(from: path, in: workspace)
        reference = try ReferenceFile("bottlenecks/\(name)/reference.safetensors")
    }

    func logits() throws -> [Float] {
        let pass = ForwardPass(workspace: workspace, computeType: .float32)
        let ids = try reference.integers("input_ids")
        return workspace.numbers(model.logits(ids, batch: 2, in: pass))
    }
}

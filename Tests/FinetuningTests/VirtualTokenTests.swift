import Autograd
import Finetuning
import Foundation
import Kernels
import Models
import Optimizers
import TestSupport
import Testing
import WeightFiles

/// Prompt tuning, P-tuning and prefix tuning as PEFT computes, trains and saves them
/// (scripts/references/peft_prompts.py).
@Suite struct VirtualTokenTests {
    static let cases = [
        "llama_prompt", "gpt2_prompt", "gemma2_prompt", "qwen2_p_tuning", "llama_prefix",
        "mistral_prefix", "qwen3_prefix", "gpt2_prefix",
    ]

    // The bounds are those of the models' own references (TransformersReferenceTests).
    @Test(arguments: cases)
    func logitsOfAFolderEqualPEFTs(name: String) throws {
        let prompted = try Prompted(name, .folder)
        let expected = try prompted.reference.floats("logits")
        #expect(Difference.absolute(try prompted.logits(), expected) < 2e-4)
    }

    @Test(arguments: cases, [false, true])
    func everyGradientEqualsPEFTs(name: String, recomputes: Bool) throws {
        let prompted = try Prompted(name, .parameters("param."))
        let (loss, ready) = try prompted.backward(recomputes: recomputes)
        #expect(abs(Float(loss) / (try prompted.reference.floats("loss")[0]) - 1) < 1e-5)
        var wanted: Set<String> = []
        for parameter in prompted.model.parameters.filter(\.isTrainable) {
            let gradient = try #require(parameter.gradient)
            let found = prompted.workspace.numbers(gradient, count: parameter.count)
            let expected = try prompted.reference.floats("grad." + parameter.name)
            #expect(Difference.relative(found, expected) < 1e-4, "\(parameter.name)")
            #expect(ready.contains(parameter.name))
            wanted.insert("grad." + parameter.name)
        }
        #expect(wanted == Set(prompted.reference.names.filter { $0.hasPrefix("grad.") }))
    }

    /// Thirty steps of AdamW from PEFT's first numbers.
    @Test(arguments: cases)
    func trainingEqualsPEFTs(name: String) throws {
        let prompted = try Prompted(name, .parameters("first."))
        let optimizer = Optimizer(
            AdamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0),
            store: prompted.store, ranges: [0..<prompted.store.count], in: prompted.workspace)
        let expected = try prompted.reference.floats("training")
        let targets = try prompted.reference.integers("targets").filter { $0 >= 0 }.count
        for (step, wanted) in expected.enumerated() {
            prompted.store.clearGradients()
            let (loss, _) = try prompted.backward()
            // Adam's first steps divide small differences by themselves; they stay below the issue's
            // thousandth.
            #expect(abs(Float(loss) / Float(targets) / wanted - 1) < 5e-4, "step \(step)")
            optimizer.update(learningRate: 0.01, gradientScale: 1 / Double(targets))
        }
        #expect(expected.count == 30 && expected[29] < 0.99 * expected[0])
    }

    @Test(arguments: cases)
    func whatIsWrittenIsPEFTsFileAndReadAgainExactly(name: String) throws {
        let prompted = try Prompted(name, .parameters("param."))
        let scratch = try ScratchFolder()
        try prompted.method.write(to: scratch.path, base: "base", in: prompted.workspace)
        let written = try SafetensorsFile(path: scratch.path + "/adapter_model.safetensors")
        let peft = try ReferenceFile("peft_prompts/\(name)/adapter_model.safetensors")
        #expect(written.tensors.map(\.name) == ["prompt_embeddings"])
        // One or two products of rounded sums lie between the parameters and the array.
        #expect(
            Difference.relative(
                try written.floats("prompt_embeddings"), try peft.floats("prompt_embeddings"))
                < 1e-6)
        let again = try Prompted(name, .folder, from: scratch.path)
        #expect(Difference.absolute(try again.logits(), try prompted.logits()) < 1e-5)
        let second = try ScratchFolder()
        try again.method.write(to: second.path, base: "base", in: again.workspace)
        func data(_ folder: ScratchFolder, _ file: String) throws -> Data {
            try Data(contentsOf: URL(fileURLWithPath: folder.path + "/" + file))
        }
        #expect(
            try data(scratch, "adapter_model.safetensors")
                == data(second, "adapter_model.safetensors"))
        // Sizes in the configuration are PEFT's: under grouped queries those of keys and values.
        func configuration(_ file: String) throws -> [String: Any] {
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: file)))
                as? [String: Any] ?? [:]
        }
        let (own, others) = (
            try configuration(scratch.path + "/adapter_config.json"),
            try configuration(Prompted.folder(name) + "/adapter_config.json")
        )
        for key in [
            "num_virtual_tokens", "token_dim", "num_attention_heads", "num_layers",
            "num_transformer_submodules", "encoder_hidden_size",
        ] {
            #expect(own[key] as? Int == others[key] as? Int, "\(key)")
        }
        #expect(own["peft_type"] as? String == others["peft_type"] as? String)
    }

    @Test(arguments: ["llama_prompt", "qwen3_prefix"])
    func halfOfTheNumbersInBFloat16IsNear(name: String) throws {
        let prompted = try Prompted(name, .parameters("param."), computeType: .bfloat16)
        let expected = try prompted.reference.floats("logits")
        // Two layers of products of operands with 8 bits.
        #expect(Difference.relative(try prompted.logits(), expected) < 0.03)
    }

    @Test(arguments: ["llama_prompt", "gpt2_prefix"])
    func withoutAdaptersTheLogitsAreTheBases(name: String) throws {
        let prompted = try Prompted(name, .folder)
        let ids = try prompted.reference.integers("input_ids")
        let pass = ForwardPass(
            workspace: prompted.workspace, computeType: .float32, appliesAdapters: false)
        let base = try BaseModel(Prompted.base(of: name))
        #expect(
            prompted.workspace.numbers(prompted.model.logits(ids, batch: 2, in: pass))
                == base.logits(ids))
    }

    /// Fewer positions are left for texts.
    @Test func virtualTokensTakePositions() throws {
        let (plain, prompted) = (
            try BaseModel("gpt2").model, try Prompted("gpt2_prefix", .folder).model
        )
        #expect(
            prompted.description.maximumPositions == plain.description.maximumPositions - 6)
    }

    @Test func firstNumbersAreThoseAskedFor() throws {
        let base = try BaseModel("llama")
        let table = try ReferenceFile("models/llama/model.safetensors")
            .floats("model.embed_tokens.weight")
        let width = base.model.description.width
        func rows(_ start: PromptTuningConfiguration.Start) throws -> [[Float]] {
            var configuration = PromptTuningConfiguration(virtualTokens: 5)
            configuration.start = start
            let prompted = try Prompted(base: "llama", .promptTuning(configuration))
            let numbers = prompted.workspace.numbers(prompted.method.adapterParameters[0])
            return (0..<5).map { Array(numbers[$0 * width..<($0 + 1) * width]) }
        }
        func row(_ id: Int) -> [Float] { Array(table[id * width..<(id + 1) * width]) }
        #expect(
            try rows(.text("a", ids: [7, 3], tokenizer: "t"))
                == [row(7), row(3), row(7), row(3), row(7)])
        let drawn = try rows(.vocabulary)
        let ids = drawn.map { numbers in (0..<table.count / width).first { row($0) == numbers } }
        #expect(ids.allSatisfy { $0 != nil } && Set(ids).count > 1)
        let random = try rows(.random).flatMap { $0 }
        let deviation = (random.reduce(0) { $0 + $1 * $1 } / Float(random.count)).squareRoot()
        // 160 normal numbers: the deviation's own error is 1/√320.
        #expect(abs(deviation - 1) < 0.2)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        func message(_ keys: String, base: String = "llama", of name: String) throws -> String {
            let scratch = try ScratchFolder()
            try FileManager.default.copyItem(
                atPath: Prompted.folder(name) + "/adapter_model.safetensors",
                toPath: scratch.path + "/adapter_model.safetensors")
            try "{\(keys)}".write(
                toFile: scratch.path + "/adapter_config.json", atomically: true, encoding: .utf8)
            do {
                let folder = try AdapterFolder(path: scratch.path)
                let model = try ModelCatalog.model(
                    configuration: try References.text("models/\(base)/config.json"))
                _ = try AdapterCatalog.method(of: folder, attachingTo: model)
                return ""
            } catch {
                #expect(!"\(error)".contains("\n"))
                return "\(error)"
            }
        }
        let prompt = "\"peft_type\": \"PROMPT_TUNING\""
        #expect(try message(prompt, of: "llama_prompt").contains("num_virtual_tokens is missing"))
        let five = prompt + ", \"num_virtual_tokens\": 5"
        #expect(try message(five, of: "llama_prompt") == "")
        #expect(
            try message(five + ", \"token_dim\": 64", of: "llama_prompt")
                .contains("token_dim is 64, expected 32"))
        #expect(
            try message(five + ", \"num_layers\": 9", of: "llama_prompt")
                .contains("num_layers is 9, expected 2"))
        #expect(
            try message(five + ", \"task_type\": \"SEQ_2_SEQ_LM\"", of: "llama_prompt")
                .contains("virtual tokens for task_type SEQ_2_SEQ_LM"))
        #expect(try message(five + ", \"surprise\": 1", of: "llama_prompt").contains("surprise"))
        #expect(
            try message(prompt + ", \"num_virtual_tokens\": 6", of: "llama_prompt")
                .contains("prompt_embeddings in"))
        let prefix = "\"peft_type\": \"PREFIX_TUNING\", \"num_virtual_tokens\": 5"
        #expect(
            try message(prefix + ", \"num_attention_heads\": 4", of: "llama_prefix")
                .contains("num_attention_heads is 4, expected 2"))
        #expect(
            try message(prefix + ", \"prefix_projection\": 3", of: "llama_prefix")
                .contains("prefix_projection"))
        #expect(
            try message(
                "\"peft_type\": \"P_TUNING\", \"num_virtual_tokens\": 4, \"encoder_hidden_size\": 0",
                base: "qwen2", of: "qwen2_p_tuning"
            ).contains("encoder_hidden_size"))
    }

    @Test func mergingAndOtherModelsAreRefused() throws {
        let prompted = try Prompted("llama_prompt", .folder)
        #expect(throws: FinetuningError.self) {
            try prompted.method.merge(in: prompted.workspace)
        }
        #expect(throws: FinetuningError.self) {
            try AdapterFolder(path: Prompted.folder("llama_prefix")).merge(
                into: prompted.model, in: prompted.workspace)
        }
        let encoder = try ModelCatalog.model(
            configuration: try References.text("encoders/bert/config.json"))
        do {
            _ = try AdapterCatalog.method(
                .prefixTuning(PrefixTuningConfiguration(virtualTokens: 2)), attachingTo: encoder)
            Issue.record("prefix tuning of an encoder is taken")
        } catch {
            #expect("\(error)".hasPrefix("finetuning_type prefix_tuning on bert is not supported"))
        }
        // What made a file's array is not in it.
        let made = try Prompted("qwen2_p_tuning", .parameters("param."))
        #expect(throws: FinetuningError.self) {
            try made.method.read(
                from: Prompted.folder("qwen2_p_tuning"), in: made.workspace)
        }
    }
}

/// A base with virtual tokens of Tests/References/peft_prompts.
private struct Prompted {
    enum Numbers {
        /// Those of the adapter's folder.
        case folder
        /// Those of the reference's arrays with a prefix, of a new adapter.
        case parameters(String)
    }

    let workspace = Workspace(threads: 2)
    let model: any LanguageModel
    let method: any FinetuningMethod
    let reference: ReferenceFile
    let store: ParameterStore

    init(
        _ name: String, _ numbers: Numbers, from written: String? = nil,
        computeType: ElementType = .float32
    ) throws {
        let base = try Self.base(of: name)
        let folder = written ?? Self.folder(name)
        model = try ModelCatalog.model(
            configuration: try References.text(Self.path(base) + "/config.json"))
        switch numbers {
        case .folder:
            method = try AdapterCatalog.method(
                of: AdapterFolder(path: folder), attachingTo: model)
        case .parameters:
            method = try AdapterCatalog.method(try Self.settings(name), attachingTo: model)
        }
        reference = try ReferenceFile("peft_prompts/\(name)/reference.safetensors")
        store = try Self.fill(model, method, base, computeType, workspace)
        switch numbers {
        case .folder: try method.read(from: folder, in: workspace)
        case .parameters(let prefix):
            for parameter in method.adapterParameters {
                workspace.assign(try reference.floats(prefix + parameter.name), to: parameter)
            }
        }
    }

    init(base: String, _ settings: AdapterCatalog.Settings) throws {
        model = try ModelCatalog.model(
            configuration: try References.text(Self.path(base) + "/config.json"))
        method = try AdapterCatalog.method(settings, attachingTo: model)
        reference = try ReferenceFile("models/\(base)/reference.safetensors")
        store = try Self.fill(model, method, base, .float32, workspace)
    }

    private static func fill(
        _ model: any LanguageModel, _ method: any FinetuningMethod, _ base: String,
        _ computeType: ElementType, _ workspace: Workspace
    ) throws -> ParameterStore {
        let store = ParameterStore(
            model.parameters, computeType: computeType, training: true, in: workspace)
        let weights = try ReferenceFile(path(base) + "/model.safetensors")
        let adapters = Set(method.adapterParameters.map(\.name))
        for parameter in model.parameters where !adapters.contains(parameter.name) {
            workspace.assign(try weights.floats(parameter.name), to: parameter)
        }
        try method.initialize(seed: 1, in: workspace)
        return store
    }

    private static func settings(_ name: String) throws -> AdapterCatalog.Settings {
        let configuration = try References.object("peft_prompts/\(name)/adapter_config.json")
        let tokens = configuration["num_virtual_tokens"] as? Int ?? 0
        let width = configuration["encoder_hidden_size"] as? Int
        switch configuration["peft_type"] as? String {
        case "PROMPT_TUNING":
            return .promptTuning(PromptTuningConfiguration(virtualTokens: tokens))
        case "P_TUNING":
            var settings = PTuningConfiguration(virtualTokens: tokens)
            settings.encoderWidth = width
            return .pTuning(settings)
        default:
            var settings = PrefixTuningConfiguration(virtualTokens: tokens)
            settings.encoderWidth = width
            settings.isProjected = configuration["prefix_projection"] as? Bool ?? false
            return .prefixTuning(settings)
        }
    }

    static func folder(_ name: String) -> String {
        References.folder.appendingPathComponent("peft_prompts/\(name)").path
    }

    static func base(of name: String) throws -> String {
        try References.object("peft_prompts/\(name)/case.json")["base"] as? String ?? ""
    }

    private static func path(_ base: String) -> String {
        base.contains("/") ? base : "models/" + base
    }

    func logits() throws -> [Float] {
        let pass = ForwardPass(workspace: workspace, computeType: store.computeType)
        let ids = try reference.integers("input_ids")
        return workspace.numbers(model.logits(ids, batch: 2, in: pass))
    }

    /// Runs a step's gradients; returns the summed loss and the names told ready.
    func backward(recomputes: Bool = false) throws -> (loss: Double, ready: Set<String>) {
        var ready: Set<String> = []
        let pass = ForwardPass(
            workspace: workspace, computeType: store.computeType, tape: Tape(),
            recomputing: recomputes ? .blocks : .nothing)
        let loss = model.loss(
            try reference.integers("input_ids"), targets: try reference.integers("targets"),
            batch: 2, in: pass)
        pass.backward(from: loss) { ready.insert($0.name) }
        return (loss.sum, ready)
    }
}

import Autograd
import Finetuning
import Foundation
import Kernels
import Models
import Optimizers
import TestSupport
import Testing

/// OFT, BOFT and IA3 as PEFT saves, computes, merges and trains them (scripts/references/peft_methods.py).
@Suite struct PEFTMethodTests {
    static let cases = [
        "llama_oft", "qwen2_oft", "qwen2_oft_blocks", "llama_boft", "qwen2_boft",
        "llama_boft_blocks", "llama_ia3", "qwen2_ia3", "gpt2_ia3",
    ]

    // The bounds are those of the models' own references (TransformersReferenceTests).
    @Test(arguments: cases)
    func logitsEqualPEFT(name: String) throws {
        let adapted = try Adapted(name)
        #expect(Difference.absolute(try adapted.logits(), try adapted.floats("logits")) < 2e-4)
    }

    @Test(arguments: cases, [false, true])
    func everyGradientEqualsPEFT(name: String, recomputes: Bool) throws {
        let adapted = try Adapted(name)
        let (loss, ready) = try adapted.backward(recomputes: recomputes)
        #expect(abs(Float(loss) / (try adapted.floats("loss")[0]) - 1) < 1e-5)
        var wanted: Set<String> = []
        for parameter in adapted.trained {
            let gradient = try #require(parameter.gradient)
            let found = adapted.workspace.numbers(gradient, count: parameter.count)
            let expected = try adapted.floats("grad.base_model.model." + parameter.name)
            #expect(Difference.relative(found, expected) < 1e-4, "\(parameter.name)")
            wanted.insert("grad.base_model.model." + parameter.name)
            #expect(ready.contains(parameter.name))
        }
        #expect(wanted == Set(adapted.reference.names.filter { $0.hasPrefix("grad.") }))
    }

    @Test(arguments: cases)
    func mergedEqualsUnmerged(name: String) throws {
        let adapted = try Adapted(name)
        try adapted.method.merge(in: adapted.workspace)
        let after = try adapted.logits()
        #expect(Difference.absolute(after, try adapted.floats("merged_logits")) < 2e-4)
        #expect(adapted.model.registry.linears.allSatisfy { $0.linear.adapter == nil })
        let base = try BaseModel(Adapted.base(of: name))
        try AdapterFolder(path: Adapted.folder(name)).merge(
            into: base.model, in: base.workspace)
        let logits = base.logits(try adapted.reference.integers("input_ids"))
        #expect(Difference.absolute(logits, after) < 1e-5)
    }

    @Test(arguments: cases)
    func writingAndReadingBackIsExact(name: String) throws {
        let adapted = try Adapted(name)
        let scratch = try ScratchFolder()
        try adapted.method.write(to: scratch.path, base: "base", in: adapted.workspace)
        let again = try Adapted(name, from: AdapterFolder(path: scratch.path))
        for (first, second) in zip(adapted.trained, again.trained) {
            #expect(first.name == second.name)
            #expect(adapted.workspace.numbers(first) == again.workspace.numbers(second))
        }
        #expect(try adapted.logits() == again.logits())
    }

    /// Thirty steps of AdamW from PEFT's first numbers.
    @Test(arguments: cases)
    func trainingEqualsPEFTs(name: String) throws {
        let adapted = try Adapted(name, reads: false)
        let optimizer = Optimizer(
            AdamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0), store: adapted.store,
            ranges: [0..<adapted.store.count], in: adapted.workspace)
        let expected = try adapted.floats("training")
        let targets = try adapted.reference.integers("targets").filter { $0 >= 0 }.count
        for (step, wanted) in expected.enumerated() {
            adapted.store.clearGradients()
            let (loss, _) = try adapted.backward()
            // Adam's first steps divide small differences by themselves; they stay far below what is
            // learned, and below the issue's thousandth.
            #expect(abs(Float(loss) / Float(targets) / wanted - 1) < 2e-4, "step \(step)")
            optimizer.update(learningRate: 0.01, gradientScale: 1 / Double(targets))
        }
        #expect(expected.count == 30 && expected[29] < 0.9 * expected[0])
    }

    @Test(arguments: ["llama_oft", "qwen2_boft", "llama_ia3"])
    func halfOfTheNumbersInBFloat16IsNear(name: String) throws {
        let adapted = try Adapted(name, computeType: .bfloat16)
        let expected = try adapted.floats("logits")
        // Two layers of products of operands with 8 bits.
        #expect(Difference.relative(try adapted.logits(), expected) < 0.03)
    }

    @Test(arguments: [
        (
            "\"peft_type\": \"OFT\", \"target_modules\": [\"q_proj\"]",
            "oft_block_size is missing; OFT of PEFT 0.13 and before is another one"
        ),
        (
            "\"peft_type\": \"OFT\", \"r\": 4, \"oft_block_size\": 8, \"target_modules\": [\"q_proj\"]",
            "r is 4 and oft_block_size 8, expected one of them to be 0"
        ),
        (
            "\"peft_type\": \"OFT\", \"oft_block_size\": 8, \"target_modules\": [\"q_proj\"], \"coft\": true",
            "coft"
        ),
        (
            "\"peft_type\": \"OFT\", \"oft_block_size\": 8, \"target_modules\": [\"q_proj\"], "
                + "\"use_cayley_neumann\": false", "use_cayley_neumann"
        ),
        (
            "\"peft_type\": \"OFT\", \"oft_block_size\": 8, \"target_modules\": [\"q_proj\"], "
                + "\"block_share\": true", "block_share"
        ),
        ("\"peft_type\": \"IA3\", \"target_modules\": [\"q_proj\"]", "no feedforward_modules"),
        (
            "\"peft_type\": \"IA3\", \"target_modules\": [\"q_proj\"], \"feedforward_modules\": 3",
            "feedforward_modules"
        ),
        (
            "\"peft_type\": \"BOFT\", \"target_modules\": [\"q_proj\"], \"boft_block_num\": 2",
            "boft_block_num is 2 and boft_block_size 4, expected one of them to be 0"
        ),
        (
            "\"peft_type\": \"BOFT\", \"target_modules\": [\"q_proj\"], \"boft_dropout\": 0.1",
            "boft_dropout"
        ),
        (
            "\"peft_type\": \"BOFT\", \"target_modules\": [\"q_proj\"], "
                + "\"boft_n_butterfly_factor\": 0", "boft_n_butterfly_factor"
        ),
        (
            "\"peft_type\": \"VERA\", \"target_modules\": [\"q_proj\"]",
            "supported are LORA, OFT, BOFT, IA3, PROMPT_TUNING"
        ),
    ])
    func whatIsNotComputedIsRefusedByName(_ keys: String, _ words: String) throws {
        let scratch = try ScratchFolder()
        try "{\(keys)}".write(
            toFile: scratch.path + "/adapter_config.json", atomically: true, encoding: .utf8)
        do {
            _ = try AdapterFolder(path: scratch.path)
            Issue.record("\(keys) is taken")
        } catch {
            #expect("\(error)".contains(words), "\(error)")
            #expect(!"\(error)".contains("\n"))
        }
    }

    @Test func whatDoesNotFitTheModelIsRefused() throws {
        func message(_ settings: AdapterCatalog.Settings, _ base: String) -> String {
            do {
                let model = try ModelCatalog.model(
                    configuration: try References.text("models/\(base)/config.json"))
                _ = try AdapterCatalog.method(settings, attachingTo: model)
                return ""
            } catch {
                return "\(error)"
            }
        }
        var oft = OFTConfiguration()
        #expect(message(.oft(oft), "gpt2").contains("PEFT has no such layers either"))
        oft.modules.targets = .names(["wq"])
        #expect(message(.oft(oft), "llama").hasPrefix("oft_target wq matches no module"))
        // One name among several that matches nothing is a module that would stay as it is.
        oft.modules.targets = .names(["q_proj", "wq"])
        #expect(message(.oft(oft), "llama").hasPrefix("oft_target wq matches no module"))
        oft.modules.targets = .names(["embed_tokens"])
        #expect(message(.oft(oft), "llama").contains("OFT on model.embed_tokens"))
        var boft = BOFTConfiguration()
        #expect(message(.boft(boft), "gpt2").contains("PEFT has no such layers either"))
        boft.blockSize = 5
        #expect(
            message(.boft(boft), "llama").hasPrefix(
                "boft_block_size is 5, expected a divisor of the 32 inputs of model.layers.0."))
        (boft.blockSize, boft.blocks) = (0, 3)
        #expect(message(.boft(boft), "llama").hasPrefix("boft_block_num is 3, expected"))
        (boft.blockSize, boft.blocks, boft.factors) = (8, 0, 4)
        #expect(
            message(.boft(boft), "llama").hasPrefix("boft_n_butterfly_factor is 4, expected"))
        var ia3 = IA3Configuration()
        ia3.modules.targets = .names(["wq"])
        #expect(message(.ia3(ia3), "llama").hasPrefix("ia3_target wq matches no module"))
        ia3.modules.targets = .names(["q_proj"])
        ia3.feedforward = .names(["down_proj"])
        #expect(
            message(.ia3(ia3), "llama")
                == "ia3_feedforward is down_proj, expected among the targets q_proj")
    }
}

/// A base with an adapter of Tests/References/peft_methods.
private struct Adapted {
    let workspace = Workspace(threads: 2)
    let model: any LanguageModel
    let method: any FinetuningMethod
    let reference: ReferenceFile
    let store: ParameterStore

    /// - Parameters:
    ///   - written: the adapter's folder, if not PEFT's.
    ///   - reads: whether it has the folder's numbers, or its first ones.
    init(
        _ name: String, from written: AdapterFolder? = nil, reads: Bool = true,
        computeType: ElementType = .float32
    ) throws {
        let base = try Self.base(of: name)
        model = try ModelCatalog.model(
            configuration: try References.text("models/\(base)/config.json"))
        let folder = try written ?? AdapterFolder(path: Self.folder(name))
        method = try AdapterCatalog.method(of: folder, attachingTo: model)
        store = ParameterStore(
            model.parameters, computeType: computeType, training: true, in: workspace)
        let weights = try ReferenceFile("models/\(base)/model.safetensors")
        let adapters = Set(method.adapterParameters.map(\.name))
        for parameter in model.parameters where !adapters.contains(parameter.name) {
            workspace.assign(try weights.floats(parameter.name), to: parameter)
        }
        try method.initialize(seed: 1, in: workspace)
        if reads { try method.read(from: folder.path, in: workspace) }
        reference = try ReferenceFile("peft_methods/\(name)/reference.safetensors")
    }

    static func folder(_ name: String) -> String {
        References.folder.appendingPathComponent("peft_methods/\(name)").path
    }

    static func base(of name: String) throws -> String {
        try References.object("peft_methods/\(name)/case.json")["base"] as? String ?? ""
    }

    var trained: [Parameter] { model.parameters.filter(\.isTrainable) }

    func floats(_ name: String) throws -> [Float] { try reference.floats(name) }

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

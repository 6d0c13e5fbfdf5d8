import Autograd
import Kernels
import ModelFiles
import Models
import TestSupport
import Testing

/// Tiny random encoder-decoders, read from their folders, against transformers' values
/// (scripts/references/encoder_decoders.py): sources have padding on either side.
@Suite struct EncoderDecoderReferenceTests {
    static let folders = ["t5", "t5_gated", "t5_shared", "mt5", "umt5", "umt5_tied"]

    /// A folder's model in a workspace, ready to learn.
    private struct Reference {
        let workspace: Workspace
        let model: any LanguageModel
        let store: ParameterStore
        let file: ReferenceFile

        init(_ folder: String, threads: Int) throws {
            workspace = Workspace(threads: threads)
            let place = "encoder_decoders/\(folder)"
            let source = try ModelSource(path: References.folder.appending(path: place).path)
            model = try source.model()
            store = ParameterStore(
                model.parameters, computeType: .float32, training: true, in: workspace)
            try source.fill(model, model.parameters, in: workspace)
            file = try ReferenceFile(place + "/reference.safetensors")
        }

        /// The decoder's input with its source, and the targets, of batch `step` of those with a prefix.
        func reading(_ prefix: String = "", step: Int = 0) throws -> (TokenInput, [Int32]) {
            func numbers(_ key: String, _ columns: Int) throws -> [Int32] {
                let count = 3 * columns
                let all = try file.integers(prefix + key)
                return Array(all[step * count..<(step + 1) * count])
            }
            var source = TokenInput(ids: try numbers("input_ids", 23), batch: 3)
            source.mask = AttentionMask(
                queries: Array(repeating: 1, count: 3 * 23), keys: try numbers("mask", 23))
            var input = TokenInput(ids: try numbers("decoder_ids", 13), batch: 3)
            input.source = TokenSource(source)
            return (input, try numbers("labels", 13))
        }

        func pass(recording: Bool = false, recomputes: Bool = false) -> ForwardPass {
            ForwardPass(
                workspace: workspace, computeType: .float32, tape: recording ? Tape() : nil,
                recomputing: recomputes ? .blocks : .nothing)
        }
    }

    // Logits are of order 1 to 10; 2e-4 is some tens of float32 roundings of a few layers.
    @Test(arguments: folders, [1, 2])
    func logitsEqualTransformers(folder: String, threads: Int) throws {
        let reference = try Reference(folder, threads: threads)
        let (input, _) = try reference.reading()
        let pass = reference.pass()
        let hidden = reference.model.hiddenStates(input, in: pass)
        let logits = reference.workspace.numbers(
            reference.model.languageHead.logits(hidden, in: pass))
        #expect(Difference.absolute(logits, try reference.file.floats("logits")) < 2e-4)
    }

    // Gradients are sums over 34 targets through a few layers: some hundred roundings of 6e-8.
    @Test(arguments: folders, [false, true])
    func everyGradientEqualsTransformers(folder: String, recomputes: Bool) throws {
        let reference = try Reference(folder, threads: 2)
        let (input, targets) = try reference.reading()
        let pass = reference.pass(recording: true, recomputes: recomputes)
        var ready: [String] = []
        let loss = reference.model.loss(
            of: reference.model.hiddenStates(input, in: pass), targets: targets, in: pass)
        pass.backward(from: loss) { ready.append($0.name) }
        let expected = try reference.file.floats("loss")[0]
        #expect(abs(Float(loss.sum) - expected) < 1e-5 * expected)
        #expect(loss.targets == 34)
        for parameter in reference.model.parameters {
            let gradient = try #require(parameter.gradient)
            let found = reference.workspace.numbers(gradient, count: parameter.count)
            let wanted = try reference.file.floats("grad." + parameter.name)
            #expect(Difference.relative(found, wanted) < 1e-4, "\(parameter.name)")
        }
        #expect(ready.sorted() == reference.model.parameters.map(\.name).sorted())
    }

    @Test func aSourceMayBeEncodedOnce() throws {
        let reference = try Reference("t5", threads: 1)
        let (input, _) = try reference.reading()
        let model = try #require(reference.model as? T5)
        let source = try #require(input.source)
        let pass = reference.pass()
        let whole = reference.workspace.numbers(model.hiddenStates(input, in: pass))
        var again = input
        again.source = TokenSource(
            source.tokens, states: model.encoded(source.tokens, in: pass))
        #expect(reference.workspace.numbers(model.hiddenStates(again, in: pass)) == whole)
    }

    /// PEFT's example, by shape alone: mt0-large with a head of its own and LoRA of rank 8 on q and v.
    @Test func mt0LargeHasThePublishedCounts() throws {
        let text = """
            {"model_type": "mt5", "vocab_size": 250112, "d_model": 1024, "d_kv": 64, "d_ff": 2816,
             "num_layers": 24, "num_heads": 16, "feed_forward_proj": "gated-gelu",
             "tie_word_embeddings": false}
            """
        let model = try ModelCatalog.model(configuration: text)
        let count = model.parameters.reduce(0) { $0 + $1.count }
        #expect(count == 1_229_581_312)
        let adapted = model.registry.linears.filter {
            ["q", "v"].contains($0.path.split(separator: ".").last)
        }
        let added = adapted.reduce(0) { $0 + 8 * ($1.linear.inputs + $1.linear.outputs) }
        #expect(added == 2_359_296 && count + added == 1_231_940_608)
        let shared = try ModelCatalog.modelSharingHead(configuration: text)
        #expect(shared.parameters.reduce(0) { $0 + $1.count } + added == 975_825_920)
    }
}

import Autograd
import Kernels
import TestSupport
import Testing

/// Attention with a bias by distance from a table that learns, against transformers' T5
/// (scripts/references/attention_masks.py).
@Suite struct RelativeBiasTests {
    static let cases = [
        "encoder", "encoder_long", "encoder_segments", "decoder", "decoder_long", "unequal",
    ]

    private struct Found: Equatable {
        let output: [Float]
        /// Of query, key, value and table.
        let gradients: [[Float]]
    }

    @Test(arguments: cases, Setting.all)
    func outputAndGradientsEqualT5s(name: String, setting: Setting) throws {
        let reference = try AttentionReference("bias." + name)
        let found = try run(name, OpRun(setting)) { body, inputs, pass in body(inputs, pass) }
        let tolerance = reference.tolerance(setting.type)
        #expect(Difference.relative(found.output, reference.output) < tolerance)
        let file = try ReferenceFile("ops/attention_bias.safetensors")
        let expected = reference.gradients + [try file.floats(name + ".grad.table")]
        for (gradient, expected) in zip(found.gradients, expected) {
            #expect(Difference.relative(gradient, expected) < tolerance)
        }
    }

    // Sums over sequences, heads and blocks in one order, however the threads share them.
    @Test func resultsDoNotDependOnThreads() throws {
        let results = try [1, 2, 3].map { threads in
            try run("encoder", OpRun(threads: threads)) { body, inputs, pass in body(inputs, pass) }
        }
        #expect(results[0] == results[1] && results[1] == results[2])
    }

    // Two layers share one bias, which a block that runs again must be given: the gradient of the
    // table comes from both, whether blocks run again or not.
    @Test(arguments: cases)
    func aBlockThatRunsAgainGivesTheBiasItsGradient(name: String) throws {
        let kept = try run(name, OpRun()) { body, inputs, pass in
            body([body(inputs, pass)] + inputs.dropFirst(), pass)
        }
        let again = try run(name, OpRun(recomputes: true)) { body, inputs, pass in
            pass.block([pass.block(inputs, body)] + inputs.dropFirst(), body)
        }
        #expect(kept == again)
    }

    // A captured bias would have its gradient lost.
    @Test func aBlockThatCapturesATensorEndsTheProgram() async {
        await #expect(processExitsWith: .failure) {
            let run = OpRun(recomputes: true)
            let x = run.leaf([1, 2], [1, 2])
            let captured = run.pass.scale(x.tensor, by: 2)
            _ = run.pass.block(x.tensor) { x, pass in pass.add(captured, to: x, dropping: 0) }
        }
    }

    /// Attention of a case's inputs: q, k, v and the bias.
    private func run(
        _ name: String, _ run: OpRun,
        _ layer: (
            _ body: @escaping ([Tensor], ForwardPass) -> Tensor, _ inputs: [Tensor], ForwardPass
        ) -> Tensor
    ) throws -> Found {
        let reference = try AttentionReference("bias." + name)
        let file = try ReferenceFile("ops/attention_bias.safetensors")
        let q = run.leaf(reference.queryShape, reference.query)
        let k = run.leaf(reference.keyShape, reference.key)
        let v = run.leaf(reference.keyShape, reference.value)
        let table = run.parameter(
            "table", Shape(try file.shape(name + ".table")), try file.floats(name + ".table"))
        let bias = run.pass.relativeBias(table, buckets: try file.integers(name + ".buckets"))
        let y = layer(
            { inputs, pass in
                pass.attention(
                    .separate(q: inputs[0], k: inputs[1], v: inputs[2]), reference.settings,
                    mask: reference.mask, bias: inputs[3])
            }, [q.tensor, k.tensor, v.tensor, bias], run.pass)
        run.backward(y, reference.upstream)
        let leaves = try [q, k, v].map { try #require($0.gradient) }
        return Found(
            output: run.workspace.numbers(y), gradients: leaves + [run.gradient(table)])
    }
}

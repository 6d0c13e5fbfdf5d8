import Objectives
import TestSupport
import Testing
import TextData

/// Ten AdamW steps of further architectures against PyTorch (scripts/references/architectures.py).
@Suite struct ArchitectureLossTests {
    static let folders = [
        "gemma", "gemma2", "gemma3_text", "gemma3", "phi3", "phi3_longrope", "glm", "glm4",
        "chatglm", "baichuan", "baichuan2", "baichuan2_alibi", "internlm2",
    ]

    @Test(arguments: folders)
    func tenAdamWStepsFollowPyTorch(folder: String) throws {
        let path = "architectures/\(folder)"
        let reference = try ReferenceFile("\(path)/reference.safetensors")
        let losses = try reference.floats("steps.losses").map(Double.init)
        let rates = try reference.floats("steps.learning_rates").map(Double.init)
        let norms = try reference.floats("steps.gradient_norms").map(Double.init)
        let run = try TinyRun(
            configuration: try References.text("\(path)/config.json"),
            weights: "\(path)/model.safetensors")
        let (ids, targets) = (
            try reference.integers("steps.input_ids"), try reference.integers("steps.targets")
        )
        let (rows, columns) = (2, 20)
        for step in 0..<10 {
            let part = step * rows * columns..<(step + 1) * rows * columns
            let batch = TokenBatch(
                rows: rows, columns: columns, ids: Array(ids[part]),
                targets: Array(targets[part]))
            let outcome = try run.loop.step(
                ObjectiveStep(run.objective, [batch]), number: step + 1,
                learningRate: rates[step])
            #expect(
                abs(outcome.loss - losses[step]) < 1e-3 * losses[step],
                "step \(step): \(outcome.loss) but PyTorch \(losses[step])")
            #expect(abs(outcome.gradientNorm - norms[step]) < 1e-2 * norms[step])
        }
    }
}

import Objectives
import TestSupport
import Testing
import TextData

/// Ten AdamW steps of further architectures against PyTorch (scripts/references/architectures.py).
@Suite struct ArchitectureLossTests {
    static let folders = [
        "gemma", "gemma2", "gemma3_text", "gemma3", "phi3", "phi3_longrope", "glm", "glm4",
        "chatglm", "baichuan", "baichuan2", "baichuan2_alibi", "internlm2",
        "gpt_neox", "gpt_neox_sequential", "phi", "phi_tied",
        "opt", "opt_after", "opt_bare", "starcoder2", "starcoder2_bare",
        "smollm3", "smollm3_window", "olmo2", "granite", "ernie4_5",
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
        try run.expectSteps(of: reference, columns: 20, losses, rates, norms)
    }
}

package import Autograd
package import Kernels
package import Models

/// How a model is finetuned: which numbers change, and how they are kept in files.
///
/// A method works in two phases. Its initialiser attaches it: it runs before the model's
/// `ParameterStore` is made, adds parameters to the model's registry, and says which parameters are
/// trainable. ``initialize(seed:in:)`` runs once the base's weights are filled in.
package protocol FinetuningMethod: AnyObject {
    /// The name of `finetuning_type`.
    var name: String { get }
    /// What it adds to the model; these are in no file of the base.
    var adapterParameters: [Parameter] { get }
    /// Whether its files put numbers into the base itself, so that no other adapter fits it any more.
    var changesBase: Bool { get }
    /// The text of its adapter_config.json without the base's name: what its numbers mean. `nil` where the base itself is
    /// trained.
    var settings: String? { get }
    /// Whether a model computes with it, newly begun, to the bit what its base does, whatever the settings and the seed.
    var beginsAsBase: Bool { get }
    /// The file beside adapter_config.json that ``write(to:base:in:)`` writes.
    var weightsFile: String { get }
    /// Lines that say what is trained, without the counts.
    var summary: [String] { get }

    /// Draws, or computes from the base, the first numbers of what it adds. The base may change
    /// (PiSSA). Doing it again with the same base and seed gives the same numbers.
    func initialize(seed: UInt64, in workspace: Workspace) throws(FinetuningError)

    /// Writes an adapter's folder: for PEFT or AdapterHub. Nothing where the base itself is trained.
    func write(
        to folder: String, base: String, in workspace: Workspace
    ) throws(FinetuningError)

    /// Reads the numbers of a folder whose configuration this method was made from.
    func read(from folder: String, in workspace: Workspace) throws(FinetuningError)

    /// Puts what was learnt into the base's weights, in float32, and detaches itself.
    func merge(in workspace: Workspace) throws(FinetuningError)

    /// What the learning rate of a parameter is multiplied by.
    func learningRateFactor(for parameter: Parameter) -> Float
}

extension FinetuningMethod {
    package var adapterParameters: [Parameter] { [] }

    package var changesBase: Bool { false }

    package var settings: String? { nil }

    package var beginsAsBase: Bool { false }

    package var weightsFile: String { AdapterFolder.weightsFile }

    package func learningRateFactor(for parameter: Parameter) -> Float { 1 }

    /// The summary and PEFT's line of counts.
    package func description(of model: any LanguageModel) -> [String] {
        let all = model.parameters.reduce(0) { $0 + $1.count }
        let trainable = model.parameters.reduce(0) { $0 + ($1.isTrainable ? $1.count : 0) }
        let percent = all == 0 ? 0 : 100 * Double(trainable) / Double(all)
        return summary + [
            "trainable params: \(grouped(trainable)) || all params: \(grouped(all)) || "
                + "trainable%: \(fixed(percent))"
        ]
    }
}

/// A count with commas between thousands.
private func grouped(_ number: Int) -> String {
    var text = ""
    for (index, digit) in String(number).reversed().enumerated() {
        if index > 0, index % 3 == 0 { text.append(",") }
        text.append(digit)
    }
    return String(text.reversed())
}

/// A number that is not negative with four decimals.
private func fixed(_ number: Double) -> String {
    let units = Int((number * 10_000).rounded())
    let rest = String(units % 10_000)
    return "\(units / 10_000)." + String(repeating: "0", count: 4 - rest.count) + rest
}

/// Training all of the model's own parameters.
package final class FullFinetuning: FinetuningMethod {
    package let name = "full"
    package let summary = ["Fine-tuning method: Full"]
    package let beginsAsBase = true

    /// Makes every parameter trainable.
    package init(attachingTo model: any LanguageModel) {
        for parameter in model.parameters { parameter.isTrainable = true }
    }

    package func initialize(seed: UInt64, in workspace: Workspace) throws(FinetuningError) {}

    package func write(
        to folder: String, base: String, in workspace: Workspace
    ) throws(FinetuningError) {}

    package func read(from folder: String, in workspace: Workspace) throws(FinetuningError) {
        throw .unsupported(
            what: "an adapter (\(folder)) with full finetuning",
            advice: "use finetuning_type: lora, or merge the adapter first")
    }

    package func merge(in workspace: Workspace) throws(FinetuningError) {}
}

package import Autograd
package import Kernels
package import Models
import WeightFiles

extension ModelSource {
    /// The blocks that a folder's weights are rounded to: of 8 bits or of 4.
    static func format(bits: Int) -> QuantizedFormat { bits == 8 ? .q8_0 : .nf4 }

    /// Rounds the weights of frozen linear layers to 8 or 4 bits while they are read, one at a time,
    /// as bitsandbytes does; embeddings, norms and the head stay as they are.
    ///
    /// Before the parameters get their memory. 8 bits are GGUF's Q8_0, 4 bits bitsandbytes' NF4.
    package func quantize(
        _ model: any LanguageModel, _ frozen: [Parameter], bits: Int, in workspace: Workspace
    ) throws(ModelFileError) {
        guard case .folder(let path) = self else {
            throw .user(
                "quantization_bit needs a Hugging Face folder; a GGUF file is quantized already "
                    + "and stays so, leave quantization_bit out")
        }
        let frozen = Set(frozen.map { ObjectIdentifier($0) })
        do throws(WeightFileError) {
            let folder = try HuggingFaceFolder(path: path)
            for (_, linear) in model.registry.linears
            where frozen.contains(ObjectIdentifier(linear.weight)) && linear.weight !== model.head {
                let names = model.namesInFiles(of: linear.weight)
                guard let name = names.first(where: folder.contains) else {
                    throw .missing(entry: linear.weight.name, file: path)
                }
                let shape = try folder.shape(name)
                guard shape == linear.weight.shape.extents else {
                    throw .shape(
                        entry: name, found: shape, expected: linear.weight.shape.extents,
                        file: path)
                }
                workspace.quantize(
                    try folder.floats(name), as: Self.format(bits: bits), into: linear.weight)
            }
        } catch {
            throw .weightFile(error)
        }
    }
}

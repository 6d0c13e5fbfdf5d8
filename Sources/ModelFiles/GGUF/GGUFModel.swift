package import Autograd
import Files
package import Kernels
package import Models
import WeightFiles

/// A GGUF file as a model: configuration, weights and tokenizer. Its tensors may be divided among
/// several files.
package final class GGUFModel {
    package let path: String
    /// The text of a Hugging Face config.json.
    package let configuration: String
    /// Members of a generation_config.json.
    let sampling: [JSONValue.Member]
    /// The file and those that its set has besides.
    private let parts: GGUFParts
    let metadata: GGUFMetadata
    private let names: GGUFTensorNames
    private let tensors: [String: (tensor: GGUFTensor, file: GGUFFile)]

    /// Tensors that config.json stands for.
    private static let configured: Set<String> = [
        GGUFMetadata.llamaFactors, GGUFMetadata.longFactors, GGUFMetadata.shortFactors,
    ]

    /// Opens the file, and the rest of its set, and reads what it says of the model.
    ///
    /// - Throws: ``ModelFileError/weightFile(_:)`` for a damaged file, ``ModelFileError/user(_:)``
    ///   for an architecture that is not supported, a part that is not there, and a key that would
    ///   change what is computed and is not used.
    package init(path: String) throws(ModelFileError) {
        self.path = path
        parts = try GGUFParts(path: path)
        let tensors = try parts.tensors()
        self.tensors = tensors
        var factors: [String: [Float]] = [:]
        for name in Self.configured {
            guard let file = tensors[name]?.file else { continue }
            do {
                factors[name] = try file.floats(name)
            } catch {
                throw .weightFile(error)
            }
        }
        metadata = try GGUFMetadata(
            parts.metadata, shapes: tensors.mapValues { $0.tensor.extents }, factors: factors,
            file: path)
        let architecture = try GGUFArchitecture.of(metadata)
        sampling = try GGUFGeneration.sampling(metadata)
        try metadata.refuseUnused(of: .model)
        configuration = architecture.configuration
        names = architecture.names
    }

    /// All files that hold tensors.
    package var paths: [String] { parts.files.map(\.path) }

    /// Throws unless every parameter has its tensor; a task's head has none in such files.
    ///
    /// - Throws: ``ModelFileError/weightFile(_:)`` for a missing or misshapen tensor.
    package func check(_ model: any LanguageModel) throws(ModelFileError) {
        let head = model.taskHead?.parameters ?? []
        for parameter in model.parameters where !head.contains(where: { $0 === parameter }) {
            _ = try find(parameter, in: model)
        }
    }

    /// Lets the model's matrices read the file's blocks where they are quantized. Before the
    /// parameters get memory; those that read blocks need none.
    ///
    /// - Throws: ``ModelFileError/weightFile(_:)`` for a missing or misshapen tensor.
    package func attach(
        _ parameters: [Parameter], of model: any LanguageModel
    ) throws(ModelFileError) {
        for parameter in parameters {
            let (use, tensor, file) = try find(parameter, in: model)
            guard parameter.shape.extents.count == 2, use.change != .normalizedRows,
                let matrix = quantized(tensor, file)
            else { continue }
            parameter.quantized = Self.changed(matrix, use.change, rows: parameter.shape.rows)
        }
    }

    /// Fills the parameters that have memory, and checks that nothing is left over.
    ///
    /// - Throws: ``ModelFileError/weightFile(_:)`` for a missing, unknown or misshapen tensor.
    package func fill(
        _ parameters: [Parameter], of model: any LanguageModel, in workspace: Workspace
    ) throws(ModelFileError) {
        var unused = Set(tensors.keys).subtracting(Self.configured)
        if model.taskHead?.replacesLanguageHead == true {
            for name in model.headsInFiles {
                names.use(of: name).map { _ = unused.remove($0.tensor) }
            }
        }
        for parameter in parameters {
            let (use, tensor, file) = try find(parameter, in: model)
            unused.remove(tensor.name)
            guard parameter.quantized == nil else { continue }
            workspace.assign(try floats(of: tensor, file, use.change, parameter), to: parameter)
        }
        if let name = unused.min() {
            throw .weightFile(.unknown(entry: name, file: path))
        }
    }

    /// The tensor of a parameter, whose extents fit, and the file that it is in.
    private func find(
        _ parameter: Parameter, in model: any LanguageModel
    ) throws(ModelFileError) -> (use: GGUFTensorUse, tensor: GGUFTensor, file: GGUFFile) {
        guard var use = names.use(of: parameter.name) else {
            throw .weightFile(.missing(entry: parameter.name, file: path))
        }
        if tensors[use.tensor] == nil, let single = use.single { use = single }
        guard let (tensor, file) = tensors[use.tensor] else {
            throw .weightFile(.missing(entry: use.tensor, file: path))
        }
        var expected = parameter.shape.extents
        if use.change == .transposed { expected.reverse() }
        if case .expert = use.change {
            expected.insert(try metadata.count("expert_count"), at: 0)
        }
        guard tensor.extents == expected else {
            throw .weightFile(
                .shape(entry: use.tensor, found: tensor.extents, expected: expected, file: path))
        }
        return (use, tensor, file)
    }

    /// A quantized tensor as a matrix; experts one below the other.
    private func quantized(_ tensor: GGUFTensor, _ file: GGUFFile) -> QuantizedMatrix? {
        guard let format = QuantizedFormat(rawValue: tensor.typeID),
            let columns = tensor.extents.last
        else { return nil }
        return QuantizedMatrix(
            format: format, rows: tensor.extents.dropLast().reduce(1, *), columns: columns,
            bytes: tensor.bytes, owner: file)
    }

    /// The rows of one parameter, in its order.
    private static func changed(
        _ matrix: QuantizedMatrix, _ change: GGUFTensorUse.Change, rows: Int
    ) -> QuantizedMatrix {
        switch change {
        case .pairedRows(let heads):
            matrix.rows(ordered: GGUFTensorNames.order(pairedRows: rows, heads: heads))
        case .expert(let expert): matrix.rows(expert * rows..<(expert + 1) * rows)
        case .none, .raisedByOne, .transposed, .normalizedRows: matrix
        }
    }

    /// The numbers of a parameter, decoded where they are quantized.
    private func floats(
        of tensor: GGUFTensor, _ file: GGUFFile, _ change: GGUFTensorUse.Change,
        _ parameter: Parameter
    ) throws(ModelFileError) -> [Float] {
        let shape = parameter.shape
        if let matrix = quantized(tensor, file) {
            let rows = change == .transposed ? shape.width : shape.rows
            return Self.changed(Self.changed(matrix, change, rows: rows).numbers, change, shape)
        }
        guard ["F32", "F16", "BF16"].contains(tensor.typeName) else {
            throw .weightFile(file.unsupported(tensor))
        }
        do {
            var numbers = try file.floats(tensor.name)
            switch change {
            case .expert(let expert):
                numbers = Array(numbers[expert * shape.count..<(expert + 1) * shape.count])
            case .pairedRows(let heads):
                let rows = shape.extents[0]
                let width = shape.count / rows
                numbers = GGUFTensorNames.order(pairedRows: rows, heads: heads).flatMap {
                    numbers[$0 * width..<($0 + 1) * width]
                }
            default: break
            }
            return Self.changed(numbers, change, shape)
        } catch {
            throw .weightFile(error)
        }
    }

    /// Changes that touch single numbers.
    private static func changed(
        _ numbers: [Float], _ change: GGUFTensorUse.Change, _ shape: Shape
    ) -> [Float] {
        switch change {
        case .raisedByOne: return numbers.map { $0 - 1 }
        case .transposed:
            let (rows, columns) = (shape.rows, shape.width)
            return (0..<rows * columns).map { numbers[$0 % columns * rows + $0 / columns] }
        case .normalizedRows:
            return stride(from: 0, to: numbers.count, by: shape.width).flatMap { start in
                let row = numbers[start..<start + shape.width]
                let length = row.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
                return row.map { $0 / Float(max(length, 1e-12)) }
            }
        case .none, .pairedRows, .expert: return numbers
        }
    }
}

import Autograd
import Foundation
package import Kernels
package import Models
import WeightFiles

/// A model as a GGUF file to be written.
package struct GGUFExport {
    /// How matrices are written; vectors and routers are always float32.
    package enum WeightFormat: String, Sendable {
        case float32 = "f32"
        case float16 = "f16"
        case eightBits = "q8_0"

        var type: GGUFWriter.ElementType {
            switch self {
            case .float32: .float32
            case .float16: .float16
            case .eightBits: .q8_0
            }
        }

        /// llama.cpp's number for a file of mostly this type (`enum llama_ftype`).
        var fileType: UInt32 {
            switch self {
            case .float32: 0
            case .float16: 1
            case .eightBits: 7
            }
        }
    }

    /// A tensor of the file and the parameters that it holds, by number of expert.
    private struct Entry {
        var parameters: [Parameter]
        let change: GGUFTensorUse.Change
    }

    private let entries: [String: Entry]
    private let factors: [String: [Float]]
    private let tensors: [GGUFWriter.Tensor]
    private let metadata: [(key: String, value: GGUFValue)]

    /// Describes a model, whose parameters need no memory yet, and its tokenizer.
    ///
    /// - Parameters:
    ///   - tokenizerFiles: file name to text; without tokenizer.json the file has no tokens.
    ///   - generation: the tokens that end a text, and how texts are drawn.
    /// - Throws: ``ModelFileError/user(_:)`` for an architecture, a setting or a tokenizer that the
    ///   format, or this program, does not have.
    package init(
        _ model: any LanguageModel, format: WeightFormat, tokenizerFiles: [String: String],
        generation: GenerationConfiguration?
    ) throws(ModelFileError) {
        let description = try GGUFDescription(model)
        let (order, entries) = try Self.entries(model, description.names)
        self.entries = entries
        tensors =
            order.map { name in Self.tensor(name, entries[name]?.parameters ?? [], format) }
            + description.factors.map { factors in
                GGUFWriter.Tensor(
                    name: factors.name, extents: [factors.numbers.count], type: .float32)
            }
        try description.check(
            model, shapes: Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0.extents) }))
        factors = Dictionary(
            uniqueKeysWithValues: description.factors.map { ($0.name, $0.numbers) })
        var metadata =
            description.metadata + [
                ("general.file_type", .uint32(format.fileType)),
                ("general.quantization_version", .uint32(2)),
            ]
        let vocabulary = try GGUFVocabulary(
            files: tokenizerFiles, rows: model.description.vocabularySize)
        if let vocabulary {
            let name = try vocabulary.modelName(description.name)
            metadata = metadata.map { $0.key == "general.name" ? ($0.key, .string(name)) : $0 }
            metadata += vocabulary.metadata
        }
        if let generation {
            metadata += try GGUFGeneration.metadata(generation, vocabulary?.tokenizer)
        }
        let read = try GGUFMetadata(
            Dictionary(metadata.map { ($0.key, $0.value) }, uniquingKeysWith: { _, last in last }),
            file: "the file")
        try vocabulary?.check(read)
        if let generation { try GGUFGeneration.check(read, generation, vocabulary?.tokenizer) }
        self.metadata = metadata
    }

    /// Writes the file.
    ///
    /// - Parameter path: the file's final name; its folder exists.
    /// - Throws: ``ModelFileError/weightFile(_:)`` where writing fails.
    package func write(to path: String, in workspace: Workspace) throws(ModelFileError) {
        do throws(WeightFileError) {
            try GGUFWriter.write(path, metadata: metadata, tensors: tensors) { tensor in
                if let factors = factors[tensor.name] { return factors }
                guard let entry = entries[tensor.name] else { return [] }
                return entry.parameters.flatMap {
                    Self.changed(workspace.numbers($0), entry.change, $0.shape)
                }
            }
        } catch {
            throw .weightFile(error)
        }
    }

    /// The file's tensors in the order of the model.
    private static func entries(
        _ model: any LanguageModel, _ names: GGUFTensorNames
    ) throws(ModelFileError) -> (order: [String], entries: [String: Entry]) {
        var order: [String] = []
        var entries: [String: Entry] = [:]
        for parameter in model.parameters {
            guard let use = names.use(of: parameter.name) else {
                throw .user(
                    "\(parameter.name) has no name in GGUF files; export a Hugging Face folder")
            }
            if entries[use.tensor] == nil {
                order.append(use.tensor)
                entries[use.tensor] = Entry(parameters: [], change: use.change)
            }
            entries[use.tensor]?.parameters.append(parameter)
        }
        return (order, entries)
    }

    private static func tensor(
        _ name: String, _ parameters: [Parameter], _ format: WeightFormat
    ) -> GGUFWriter.Tensor {
        var extents = parameters.first?.shape.extents ?? []
        if parameters.first?.layout == .inputsByOutputs { extents.reverse() }
        var type = format.type
        let isSmall = ["ffn_gate_inp.", "position_embd."].contains { name.contains($0) }
        if extents.count < 2 || isSmall {
            type = .float32
        } else if type == .q8_0, (extents.last ?? 0) % 32 != 0 {
            type = .float16
        }
        if name.contains("_exps.") { extents.insert(parameters.count, at: 0) }
        return .init(name: name, extents: extents, type: type)
    }

    /// A parameter's numbers as the file holds them: `GGUFModel` goes the way back.
    private static func changed(
        _ numbers: [Float], _ change: GGUFTensorUse.Change, _ shape: Shape
    ) -> [Float] {
        switch change {
        case .none, .expert, .normalizedRows: return numbers
        case .raisedByOne: return numbers.map { $0 + 1 }
        case .transposed:
            let (rows, columns) = (shape.rows, shape.width)
            return (0..<rows * columns).map { numbers[$0 % rows * columns + $0 / rows] }
        case .pairedRows(let heads):
            let rows = shape.extents[0]
            let width = shape.count / rows
            var result = numbers
            for (row, target) in GGUFTensorNames.order(pairedRows: rows, heads: heads).enumerated()
            {
                result.replaceSubrange(
                    target * width..<(target + 1) * width,
                    with: numbers[row * width..<(row + 1) * width])
            }
            return result
        }
    }
}

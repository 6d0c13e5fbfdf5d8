package import Autograd
package import Checkpoints
package import Files
package import Models
package import WeightFiles

/// Whether arrays belong to a model.
package enum ModelFit {
    /// Whether a folder's weights hold a head beside the embedding, with other numbers.
    static func hasOwnHead(
        _ model: any LanguageModel, in path: String
    ) throws(WeightFileError) -> Bool {
        let folder: HuggingFaceFolder
        do throws(WeightFileError) {
            folder = try HuggingFaceFolder(path: path)
        } catch .noWeights {
            // Whoever reads the weights says so.
            return false
        }
        guard let (embedding, head) = headAndEmbedding(model, folder) else { return false }
        return try !folder.haveSameNumbers(embedding, head)
    }

    private static func headAndEmbedding(
        _ model: any LanguageModel, _ folder: HuggingFaceFolder
    ) -> (embedding: String, head: String)? {
        let heads = model.headsInFiles
        let names = model.namesInFiles(of: model.head).filter { !heads.contains($0) }
        guard let embedding = names.first(where: folder.contains),
            let head = heads.first(where: folder.contains)
        else { return nil }
        return (embedding, head)
    }

    /// Throws unless an array that is no parameter says nothing of its own: a tied head, masks and
    /// tables with the numbers that they have to have, and parts of the file that belong to another
    /// model.
    package static func check(
        _ name: String, of folder: HuggingFaceFolder, in model: any LanguageModel
    ) throws(WeightFileError) {
        if model.ignoredPrefixes.contains(where: name.hasPrefix) { return }
        // A task's head takes no part in the vocabulary.
        if model.isTied, model.taskHead?.replacesLanguageHead != true,
            let (embedding, head) = headAndEmbedding(model, folder), head == name
        {
            guard try folder.haveSameNumbers(embedding, head) else {
                throw .differs(
                    entry: name,
                    expected: "the numbers of \(embedding), to which config.json "
                        + "ties it", file: folder.path)
            }
            return
        }
        guard let extra = model.extraArray(name) else {
            throw .unknown(entry: name, file: folder.path)
        }
        switch extra {
        case .otherHead, .kept: return
        default: break
        }
        let (numbers, type) = (try folder.numbers(name), try folder.type(name))
        switch extra {
        case .frequencies(let candidates):
            guard candidates.contains(where: { agree(numbers, $0, type: type) }) else {
                throw .differs(
                    entry: name, expected: "the frequencies of config.json's rope parameters",
                    file: folder.path)
            }
        case .causalMask:
            let side = max(1, try folder.shape(name).last ?? 0)
            let isMask =
                numbers.count % side == 0 && numbers.count / side == side
                && numbers.indices.allSatisfy {
                    numbers[$0] == ($0 % side <= $0 / side ? 1 : 0)
                }
            guard isMask else {
                throw .differs(
                    entry: name, expected: "a causal mask, ones on and below the diagonal",
                    file: folder.path)
            }
        case .counting:
            guard numbers.indices.allSatisfy({ numbers[$0] == Float($0) }) else {
                throw .differs(entry: name, expected: "0, 1, 2, …", file: folder.path)
            }
        case .zeros:
            guard numbers.allSatisfy({ $0 == 0 }) else {
                throw .differs(entry: name, expected: "zeros", file: folder.path)
            }
        case .copy(let other):
            guard folder.contains(other), try folder.haveSameNumbers(name, other) else {
                throw .differs(entry: name, expected: "the numbers of \(other)", file: folder.path)
            }
        case .otherHead, .kept: break
        case .maskedScore:
            guard numbers.count == 1, numbers[0] <= -1e4 else {
                throw .differs(
                    entry: name, expected: "one number of at most -10000", file: folder.path)
            }
        }
    }

    /// Whether numbers are the same but for how `type` rounds.
    private static func agree(_ numbers: [Float], _ expected: [Double], type: String) -> Bool {
        let relative = ["F16": 1e-3, "BF16": 5e-3][type] ?? 1e-5
        let absolute = type == "F16" ? 6e-8 : 1e-12
        return numbers.count == expected.count
            && zip(numbers, expected).allSatisfy {
                abs(Double($0) - $1) <= relative * abs($1) + absolute
            }
    }

    /// Throws unless `arrays` are exactly the parameters, as they were before they grew.
    package static func check(
        _ arrays: [ArrayDescription], _ parameters: [Parameter],
        _ growth: VocabularyGrowth? = nil, file: String
    ) throws(CheckpointError) {
        let shapes = Dictionary(
            arrays.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
        for parameter in parameters {
            guard let shape = shapes[parameter.name] else {
                throw .missing(entry: parameter.name, file: file)
            }
            let expected = growth?.extentsInFiles(of: parameter) ?? parameter.shape.extents
            guard shape == expected else {
                throw .shape(
                    entry: parameter.name, found: shape, expected: expected, file: file)
            }
        }
        let known = Set(parameters.map(\.name))
        if let name = shapes.keys.filter({ !known.contains($0) }).min() {
            throw .unknown(entry: name, file: file)
        }
    }
}

import Autograd
import Kernels

/// Tokens' rows of up to three tables, for what a token is, where it stands and which text it belongs to:
/// dropout(norm(their sum)), taken to the layers' width.
struct EncoderEmbeddings {
    let words: TokenEmbedding  // (V, E)
    let positions: Parameter  // (positions, E)
    let types: Parameter?  // (types, E)
    let norm: LayerNorm  // (E)
    let projection: Linear?  // (C, E)
    private let configuration: EncoderConfiguration

    init(_ model: Scope, _ configuration: EncoderConfiguration) {
        self.configuration = configuration
        let (scope, width) = (model / "embeddings", configuration.embeddingSize)
        let deviation = configuration.initializerRange
        func table(_ name: String, _ rows: Int, _ initializer: Initializer) -> Parameter {
            let table = (scope / name).parameter("weight", [rows, width], initializer)
            table.isLookedUp = true
            table.productShare = 0
            return table
        }
        words = TokenEmbedding(
            scope / "word_embeddings", vocabulary: configuration.vocabSize, width: width,
            deviation: deviation, padding: configuration.padTokenID)
        let drawn = Initializer.normal(deviation: deviation)
        positions = table(
            "position_embeddings", configuration.maxPositionEmbeddings,
            configuration.hasSinusoidalPositions ? .sinusoids(width: width) : drawn)
        if configuration.names.countsFromPadding { positions.paddingRow = configuration.padTokenID }
        types =
            configuration.typeVocabSize > 0
            ? table("token_type_embeddings", configuration.typeVocabSize, drawn) : nil
        norm = LayerNorm(scope / "LayerNorm", width: width, epsilon: configuration.layerNormEps)
        projection = Self.projection(model, configuration)
    }

    /// The tables of another model, taken to this one's width.
    init(sharing other: EncoderEmbeddings, _ model: Scope, _ configuration: EncoderConfiguration) {
        self.configuration = configuration
        (words, positions, types, norm) = (other.words, other.positions, other.types, other.norm)
        projection = Self.projection(model, configuration)
    }

    private static func projection(
        _ model: Scope, _ configuration: EncoderConfiguration
    ) -> Linear? {
        let width = configuration.embeddingSize
        let names = configuration.names
        guard width != configuration.hiddenSize || names.alwaysProjects else { return nil }
        return Linear(
            model / names.projection, from: width, to: configuration.hiddenSize, bias: true,
            deviation: configuration.initializerRange)
    }

    /// → (B, T, C) float32.
    func callAsFunction(_ input: TokenInput, _ pass: ForwardPass) -> Tensor {
        var input = input
        if configuration.firstPosition > 0 { input.positions = countedPositions(input) }
        let count = input.positionCount(first: 0)
        precondition(
            count <= configuration.maxPositionEmbeddings && pass.cache == nil
                && (input.types == nil || types != nil),
            "encoder: positions up to \(count - 1) of \(configuration.maxPositionEmbeddings), a "
                + "cache, or types of tokens that have none")
        var x = words(input, positions: positions, pass)
        if let types {
            let rows = input.types ?? Array(repeating: 0, count: input.batch * input.length)
            x = pass.add(
                pass.embedding(rows, batch: input.batch, table: types), to: x, dropping: 0)
        }
        x = norm(x, type: .float32, pass)
        x = pass.dropout(x, probability: configuration.dropout.embeddings)
        guard let projection else { return x }
        return pass.convert(
            projection(pass.convert(x, to: pass.computeType), pass), to: .float32)
    }

    /// Real tokens count from the place behind the padding token's id, and padding stands there. A text
    /// begins with each row, and where a position 0 is given.
    private func countedPositions(_ input: TokenInput) -> [Int32] {
        let (padding, first) = (configuration.padTokenID ?? 0, configuration.firstPosition)
        guard case .ids(let ids) = input.tokens else {
            return (0..<input.batch * input.length).map {
                Int32(first) + (input.positions?[$0] ?? Int32($0 % input.length))
            }
        }
        var position = 0
        return ids.enumerated().map { place, id in
            let isFirst = (input.positions?[place] ?? Int32(place % input.length)) == 0
            if isFirst { position = padding }
            guard Int(id) != padding else { return Int32(padding) }
            position += 1
            return Int32(position)
        }
    }
}

import Files

/// sentence-transformers' LayerNorm module, torch's over the numbers of a text's vector.
struct SentenceLayerNorm: Sendable {
    private let weight: [Float]
    private let bias: [Float]

    /// torch's default, which the module does not change.
    private static let epsilon = 1e-5

    /// - Throws: ``ModelFileError`` for missing weights.
    init(_ folder: String) throws(ModelFileError) {
        let file = folder + "/config.json"
        let object = try SentenceFolder.object(
            SentenceFolder.needed("config.json", in: folder), file)
        guard let width = try SentenceFolder.count("dimension", object) else {
            throw .user("\(file): expected a dimension above 0")
        }
        try SentenceFolder.refuseUnused(object, harmless: [:])
        let arrays = try SentenceFolder.arrays(
            [("norm.weight", [width]), ("norm.bias", [width])], in: folder)
        (weight, bias) = (arrays[0], arrays[1])
    }

    func callAsFunction(_ x: [Float], of folder: String) throws(ModelFileError) -> [Float] {
        guard x.count == weight.count else {
            throw .user(
                "\(folder): its LayerNorm module takes \(weight.count) numbers, but gets \(x.count)"
            )
        }
        let numbers = x.map(Double.init)
        let mean = numbers.reduce(0, +) / Double(x.count)
        let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
        let scale = 1 / (variance + Self.epsilon).squareRoot()
        return x.indices.map { place in
            Float((numbers[place] - mean) * scale * Double(weight[place]) + Double(bias[place]))
        }
    }
}

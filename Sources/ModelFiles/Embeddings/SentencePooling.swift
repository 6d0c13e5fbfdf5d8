import Files

/// How the vectors of a text's tokens become one of the text.
///
/// Source: sentence-transformers, `Pooling`: several ways stand one behind the other, in this order.
package enum SentencePooling: String, CaseIterable, Sendable {
    case first = "cls"
    case max
    case mean
    case meanOfRoot = "mean_sqrt_len_tokens"
    case weightedMean = "weightedmean"
    case last = "lasttoken"

    /// The key of older files, true where it takes part.
    private var olderKey: String {
        switch self {
        case .first: "pooling_mode_cls_token"
        case .max: "pooling_mode_max_tokens"
        case .mean: "pooling_mode_mean_tokens"
        case .meanOfRoot: "pooling_mode_mean_sqrt_len_tokens"
        case .weightedMean: "pooling_mode_weightedmean_tokens"
        case .last: "pooling_mode_lasttoken"
        }
    }

    /// The ways that a Pooling module's config.json names, and how wide its input is.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` for keys that are not known.
    static func read(
        _ text: String, file: String
    ) throws(ModelFileError) -> (ways: [SentencePooling], width: Int?, includesPrompt: Bool) {
        let object = try SentenceFolder.object(text, file)
        var ways: Set<SentencePooling> = []
        if let mode = object["pooling_mode"] {
            let names = mode.array?.map { $0.string ?? "" } ?? [mode.string ?? ""]
            for name in names {
                guard let way = SentencePooling(rawValue: name) else {
                    throw .user(
                        "\(file): pooling_mode: found \(mode.kind) '\(name)', expected "
                            + allCases.map(\.rawValue).joined(separator: ", "))
                }
                ways.insert(way)
            }
        }
        for way in allCases {
            guard let flag = object[way.olderKey] else { continue }
            guard let isOn = flag.bool else {
                throw .user("\(file): \(way.olderKey): found \(flag.kind), expected true or false")
            }
            if isOn { ways.insert(way) }
        }
        let width =
            object["word_embedding_dimension"]?.integer ?? object["embedding_dimension"]?.integer
        let includesPrompt = object["include_prompt"]?.bool ?? true
        try SentenceFolder.refuseUnused(object, harmless: ["pooling_output_dimension": .always])
        guard !ways.isEmpty else {
            throw .user(
                "\(file): no way of pooling is set; expected pooling_mode_mean_tokens: true")
        }
        return (allCases.filter(ways.contains), width, includesPrompt)
    }

    /// One vector of a text.
    ///
    /// - Parameters:
    ///   - states: (T, width) of its tokens.
    ///   - mask: (T), which of them count.
    func pooled(_ states: [Float], width: Int, mask: [Bool]) -> [Float] {
        let places = mask.indices.filter { mask[$0] }
        guard let first = places.first, let last = places.last else {
            return Array(repeating: 0, count: width)
        }
        func row(_ place: Int) -> ArraySlice<Float> {
            states[place * width..<(place + 1) * width]
        }
        switch self {
        case .first: return Array(row(first))
        case .last: return Array(row(last))
        case .max:
            return places.dropFirst().reduce(Array(row(first))) { best, place in
                zip(best, row(place)).map { Swift.max($0, $1) }
            }
        case .mean, .meanOfRoot, .weightedMean:
            var sum = [Double](repeating: 0, count: width)
            var total = 0.0
            for (number, place) in places.enumerated() {
                let weight = self == .weightedMean ? Double(number + 1) : 1
                total += weight
                for (column, value) in row(place).enumerated() {
                    sum[column] += weight * Double(value)
                }
            }
            let divisor = self == .meanOfRoot ? total.squareRoot() : total
            return sum.map { Float($0 / divisor) }
        }
    }
}

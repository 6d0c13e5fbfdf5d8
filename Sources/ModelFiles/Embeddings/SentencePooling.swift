import Files

/// How the vectors of a text's tokens become one of the text.
///
/// Source: sentence-transformers, `Pooling`: several ways stand one behind the other, those of older
/// files in this order.
package enum SentencePooling: String, CaseIterable, Sendable {
    case first = "cls"
    case max
    case mean
    case meanOfRoot = "mean_sqrt_len_tokens"
    case weightedMean = "weightedmean"
    case last = "lasttoken"

    /// The key of older files, true where it takes part.
    var olderKey: String {
        switch self {
        case .first: "pooling_mode_cls_token"
        case .max: "pooling_mode_max_tokens"
        case .mean: "pooling_mode_mean_tokens"
        case .meanOfRoot: "pooling_mode_mean_sqrt_len_tokens"
        case .weightedMean: "pooling_mode_weightedmean_tokens"
        case .last: "pooling_mode_lasttoken"
        }
    }

    /// The ways that a Pooling module's config.json names, in the order of their vectors.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` for keys that are not known.
    static func read(
        _ text: String, file: String
    ) throws(ModelFileError) -> (ways: [SentencePooling], includesPrompt: Bool) {
        let object = try SentenceFolder.object(text, file)
        var ways: [SentencePooling] = []
        var isOlder = false
        for way in allCases where object.contains(way.olderKey) {
            isOlder = true
            if try SentenceFolder.flag(way.olderKey, object, default: false) { ways.append(way) }
        }
        // The older keys beside it say nothing.
        if let mode = object["pooling_mode"] {
            ways = []
            for name in mode.array ?? [mode] {
                guard let text = name.string, let way = SentencePooling(rawValue: text) else {
                    throw .user(
                        "\(file): pooling_mode: found \(name.kind), expected "
                            + allCases.map(\.rawValue).joined(separator: ", "))
                }
                ways.append(way)
            }
        } else if !isOlder {
            ways = [.mean]
        }
        let includesPrompt = try SentenceFolder.flag("include_prompt", object, default: true)
        // The model's width is known.
        try SentenceFolder.refuseUnused(
            object,
            harmless: [
                "pooling_output_dimension": .always, "word_embedding_dimension": .always,
                "embedding_dimension": .always,
            ])
        guard !ways.isEmpty else {
            throw .user(
                "\(file): no way of pooling is set; expected pooling_mode_mean_tokens: true")
        }
        return (ways, includesPrompt)
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

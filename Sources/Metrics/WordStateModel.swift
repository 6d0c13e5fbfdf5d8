/// Finds words that no dictionary knows: a hidden Markov model of the place of a character in its
/// word, begin, middle, end or single.
///
/// Algorithm and the probabilities of starts and transitions are those of jieba 0.42.1
/// (finalseg/__init__.py, prob_start.py, prob_trans.py); those of characters are read from its
/// prob_emit.py.
struct WordStateModel: Sendable {
    /// The place of a character in its word, in the order of their letters: jieba decides ties by
    /// the later letter.
    enum State: Int, CaseIterable, Sendable {
        case begin, end, middle, single
    }

    /// Of what has never been seen; jieba's MIN_FLOAT.
    static let never = -3.14e100

    /// Logarithms, by ``State``.
    private static let starts = [-0.26268660809250016, never, never, -1.4652633398537678]

    /// States that may stand before a state, with the logarithm of the transition.
    private static let predecessors: [[(state: State, logarithm: Double)]] = [
        [(.end, -0.5897149736854513), (.single, -0.7211965654669841)],
        [(.begin, -0.510825623765990), (.middle, -0.33344856811948514)],
        [(.begin, -0.916290731874155), (.middle, -1.2603623820268226)],
        [(.end, -0.8085250474669937), (.single, -0.6658631448798212)],
    ]

    /// Logarithms of a character's probability in each state, by ``State``.
    private let emissions: [UInt32: SIMD4<Double>]

    /// Reads jieba's prob_emit.py: one table of characters for each of 'B', 'E', 'M' and 'S'.
    ///
    /// - Parameter file: what messages call the text.
    /// - Throws: ``DictionaryError`` when the text is something else.
    init(parsing text: String, file: String) throws(DictionaryError) {
        let names: [Character: Int] = ["B": 0, "E": 1, "M": 2, "S": 3]
        var emissions: [UInt32: SIMD4<Double>] = [:]
        var state: Int?
        var counts = [0, 0, 0, 0]
        let problem = DictionaryError(
            "\(file): not jieba's table of character probabilities (finalseg/prob_emit.py)")

        // 'key': value, where value is a number or opens the table of a state.
        for entry in text.split(whereSeparator: { ",\n".contains($0) }) {
            var entry = entry.drop { $0 == " " || $0 == "}" || $0 == "P" || $0 == "=" }
            if entry.hasPrefix("{") { entry = entry.dropFirst() }
            guard entry.first == "'" else { continue }
            var parts = entry.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { throw problem }
            if parts[1].contains("{") {
                guard let name = parts[0].dropFirst().first, let index = names[name] else {
                    throw problem
                }
                state = index
                let first = parts[1].drop { $0 == " " || $0 == "{" }
                if first.isEmpty { continue }
                parts = first.split(separator: ":", maxSplits: 1)
                guard parts.count == 2 else { throw problem }
            }
            let number = parts[1].prefix { $0 != "}" }.filter { $0 != " " }
            guard let state, let letter = Self.letter(parts[0]), let value = Double(number) else {
                throw problem
            }
            emissions[letter, default: SIMD4(repeating: Self.never)][state] = value
            counts[state] += 1
        }
        guard counts.allSatisfy({ $0 > 0 }) else { throw problem }
        self.emissions = emissions
    }

    /// The character of a quoted key, plain or as `\uXXXX`.
    private static func letter(_ key: Substring) -> UInt32? {
        let name = key.filter { $0 != "'" && $0 != " " }
        if name.hasPrefix("\\u") { return UInt32(name.dropFirst(2), radix: 16) }
        return name.unicodeScalars.count == 1 ? name.unicodeScalars.first?.value : nil
    }

    /// The likeliest cut of `text` into words, by Viterbi's algorithm.
    func words(_ text: ArraySlice<Unicode.Scalar>) -> [ArraySlice<Unicode.Scalar>] {
        var words: [ArraySlice<Unicode.Scalar>] = []
        var begin = text.startIndex
        for (index, state) in zip(text.indices, states(text)) {
            switch state {
            case .begin: begin = index
            case .middle: continue
            case .end: words.append(text[begin...index])
            case .single: words.append(text[index...index])
            }
        }
        return words
    }

    /// The likeliest states; the last one ends a word.
    private func states(_ text: ArraySlice<Unicode.Scalar>) -> [State] {
        var scores = [Double](repeating: 0, count: 4)
        var origins: [[State]] = []
        for (index, letter) in text.enumerated() {
            let emission = emissions[letter.value] ?? SIMD4(repeating: Self.never)
            guard index > 0 else {
                scores = (0..<4).map { Self.starts[$0] + emission[$0] }
                continue
            }
            var next = scores
            var from = State.allCases
            for state in 0..<4 {
                var best = -Double.infinity
                for (origin, logarithm) in Self.predecessors[state] {
                    let score = scores[origin.rawValue] + logarithm + emission[state]
                    guard score >= best else { continue }
                    best = score
                    from[state] = origin
                }
                next[state] = best
            }
            scores = next
            origins.append(from)
        }
        var state: State =
            scores[State.single.rawValue] >= scores[State.end.rawValue] ? .single : .end
        var states = [state]
        for from in origins.reversed() {
            state = from[state.rawValue]
            states.append(state)
        }
        return states.reversed()
    }
}

/// A text, or a pair of texts, as a model reads it.
package struct EncodedText: Sendable, Equatable {
    /// Which text a token belongs to.
    package enum Source: UInt8, Sendable {
        case first, second
        /// The tokenizer put it there.
        case none
    }

    package var ids: [Int32] = []
    /// Token types, as the tokenizer's template says: mostly 0 for the first text, 1 for the second.
    package var typeIDs: [Int32] = []
    /// The text that each token is of.
    package var sources: [Source] = []
    /// The place of each token among all tokens of its text, those that were cut off included; 0
    /// where it is of none.
    package var places: [Int] = []

    /// Whether each token was put there by the tokenizer: Hugging Face's `special_tokens_mask`.
    package var specialMask: [Bool] { sources.map { $0 == .none } }

    fileprivate mutating func append(
        _ tokens: some Sequence<Int32>, typeID: Int32, _ source: Source, from place: Int
    ) {
        for (index, id) in tokens.enumerated() {
            ids.append(id)
            typeIDs.append(typeID)
            sources.append(source)
            places.append(source == .none ? 0 : place + index)
        }
    }
}

/// What is cut off a text or a pair that is too long.
package struct Truncation: Sendable, Equatable {
    /// Which text is cut, by transformers' names.
    package enum Strategy: String, Sendable, CaseIterable {
        /// Whichever is longer, until both fit.
        case longestFirst = "longest_first"
        case onlyFirst = "only_first"
        case onlySecond = "only_second"
    }

    package var strategy: Strategy
    /// Tokens that are left, those that the tokenizer adds included.
    package var maxLength: Int
    /// Whether texts are cut at their beginnings.
    package var cutsLeft: Bool

    package init(
        _ strategy: Strategy = .longestFirst, maxLength: Int, cutsLeft: Bool = false
    ) {
        self.strategy = strategy
        self.maxLength = maxLength
        self.cutsLeft = cutsLeft
    }

    /// How many tokens of a text and a pair stay, by Hugging Face's `truncate_encodings`.
    ///
    /// - Throws: ``TokenizerError/tooLong(length:limit:strategy:)`` where the text that may be cut is
    ///   not long enough.
    func lengths(
        _ first: Int, _ second: Int?, added: Int
    ) throws(TokenizerError) -> (first: Int, second: Int?) {
        let total = first + (second ?? 0)
        let room = maxLength - added
        if total <= room { return (first, second) }
        let excess = total - room
        let error = TokenizerError.tooLong(
            length: total + added, limit: maxLength, strategy: strategy.rawValue)
        guard room >= 0 else { throw error }
        if room == 0 { return (0, second.map { _ in 0 }) }
        switch strategy {
        case .onlyFirst:
            guard first > excess else { throw error }
            return (first - excess, second)
        case .onlySecond:
            guard let second, second > excess else { throw error }
            return (first, second - excess)
        case .longestFirst:
            guard let second else { return (first - excess, nil) }
            var short = min(first, second)
            var long = short > room ? short : max(short, room - short)
            if short + long > room {
                short = room / 2
                long = room - short
            }
            return first <= second ? (short, long) : (long, short)
        }
    }
}

extension Tokenizer {
    /// A text, or a pair, with its token types, as transformers' `tokenizer(text, pair)` encodes it.
    ///
    /// - Parameters:
    ///   - pair: the second text, if there are two
    ///   - addSpecialTokens: also put the tokens of the tokenizer's template
    ///   - truncation: what is cut off; nothing if `nil`
    /// - Throws: ``TokenizerError`` for pairs where the tokenizer's template of them is not supported,
    ///   and where the text that may be cut is too short.
    package func encode(
        _ text: String, pair: String? = nil, addSpecialTokens: Bool = true,
        truncation: Truncation?
    ) throws(TokenizerError) -> EncodedText {
        try assemble(
            encode(text, addSpecialTokens: false),
            pair: pair.map { encode($0, addSpecialTokens: false) },
            addSpecialTokens: addSpecialTokens, truncation: truncation)
    }

    /// The same of texts that are encoded already, without special tokens: words of their own, or
    /// sentences that are put together.
    package func assemble(
        _ first: [Int32], pair second: [Int32]? = nil, addSpecialTokens: Bool = true,
        truncation: Truncation? = nil
    ) throws(TokenizerError) -> EncodedText {
        let parts = try parts(isPair: second != nil, addSpecialTokens: addSpecialTokens)
        var lengths: (first: Int, second: Int?) = (first.count, second?.count)
        if let truncation {
            lengths = try truncation.lengths(
                first.count, second?.count, added: Self.added(parts))
        }
        let cutsLeft = truncation?.cutsLeft ?? false
        return Self.assemble(
            parts, first, Self.kept(lengths.first, of: first.count, cutsLeft), second ?? [],
            Self.kept(lengths.second ?? 0, of: second?.count ?? 0, cutsLeft))
    }

    /// A text, or a pair, in windows of at most `maxLength` tokens that overlap by `stride` of those
    /// of the text that is cut, as transformers' `return_overflowing_tokens` gives them.
    ///
    /// - Parameter cutsSecond: whether the second text is cut, or else the first.
    /// - Throws: as ``encode(_:pair:addSpecialTokens:truncation:)``, and for a stride that leaves no room
    ///   for new tokens.
    package func windows(
        _ first: [Int32], pair second: [Int32]? = nil, cutsSecond: Bool, maxLength: Int,
        stride: Int, addSpecialTokens: Bool = true
    ) throws(TokenizerError) -> [EncodedText] {
        let parts = try parts(isPair: second != nil, addSpecialTokens: addSpecialTokens)
        let length = cutsSecond ? second?.count ?? 0 : first.count
        let others = first.count + (second?.count ?? 0) - length
        let whole = (first: 0..<first.count, second: 0..<(second?.count ?? 0))
        let room = maxLength - others - Self.added(parts)
        if length <= room {
            return [Self.assemble(parts, first, whole.first, second ?? [], whole.second)]
        }
        let strategy = cutsSecond ? Truncation.Strategy.onlySecond : .onlyFirst
        guard stride >= 0, room > stride else {
            throw .tooLong(
                length: others + Self.added(parts) + max(stride, 0) + 1, limit: maxLength,
                strategy: strategy.rawValue)
        }
        var windows: [EncodedText] = []
        var start = 0
        while true {
            let range = start..<min(start + room, length)
            windows.append(
                Self.assemble(
                    parts, first, cutsSecond ? whole.first : range, second ?? [],
                    cutsSecond ? range : whole.second))
            if range.upperBound == length { return windows }
            start += room - stride
        }
    }

    private func parts(
        isPair: Bool, addSpecialTokens: Bool
    ) throws(TokenizerError) -> [PostProcessor.Part] {
        guard let parts = isPair ? postProcessor.pair : postProcessor.single else {
            throw .unsupported(
                file: "tokenizer.json", key: "post_processor.pair", found: "its template",
                supported: "templates that hold A and B once each")
        }
        if addSpecialTokens { return parts }
        return parts.filter { if case .special = $0 { false } else { true } }
    }

    private static func added(_ parts: [PostProcessor.Part]) -> Int {
        parts.reduce(0) { count, part in
            if case .special(let ids, _) = part { count + ids.count } else { count }
        }
    }

    private static func kept(_ length: Int, of count: Int, _ cutsLeft: Bool) -> Range<Int> {
        cutsLeft ? (count - length)..<count : 0..<length
    }

    private static func assemble(
        _ parts: [PostProcessor.Part], _ first: [Int32], _ firstRange: Range<Int>,
        _ second: [Int32], _ secondRange: Range<Int>
    ) -> EncodedText {
        var result = EncodedText()
        for part in parts {
            switch part {
            case .special(let ids, let type): result.append(ids, typeID: type, .none, from: 0)
            case .first(let type):
                result.append(
                    first[firstRange], typeID: type, .first, from: firstRange.lowerBound)
            case .second(let type):
                result.append(
                    second[secondRange], typeID: type, .second, from: secondRange.lowerBound)
            }
        }
        return result
    }
}

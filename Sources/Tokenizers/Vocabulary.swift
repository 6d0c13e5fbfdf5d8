import Files

/// Tokens by id and ids by token, compared byte by byte.
package struct Vocabulary: Sendable {
    package private(set) var tokens: [String?] = []
    private var table: ByteStringTable
    /// The id of each string of `table`.
    private var ids: [Int32] = []

    /// A vocabulary of `tokens`, numbered as they stand.
    package init(tokens: [String?]) {
        table = ByteStringTable(capacity: tokens.count)
        for (id, token) in tokens.enumerated() {
            if let token { add(token, id: Int32(id)) }
        }
        self.tokens = tokens
    }

    /// Reads `model.vocab` of tokenizer.json.
    ///
    /// - Throws: ``TokenizerError/invalid(file:key:found:expected:)``.
    init(_ json: JSONValue?, file: String) throws(TokenizerError) {
        guard let members = json?.members, !members.isEmpty else {
            throw .invalid(
                file: file, key: "model.vocab", found: json?.shown ?? "nothing",
                expected: "an object of tokens and ids")
        }
        table = ByteStringTable(capacity: members.count)
        // Ids may have holes, but each costs memory.
        let largest = min(1 << 24, 4 * members.count + 1 << 16)
        for member in members {
            guard let id = member.value.integer, (0..<largest).contains(id) else {
                throw .invalid(
                    file: file, key: "model.vocab", found: "\(member.key): \(member.value.shown)",
                    expected: "an id from 0 to \(largest - 1)")
            }
            add(member.key, id: Int32(id))
        }
        guard ids.count == members.count, tokens.count(where: { $0 != nil }) == ids.count else {
            throw .invalid(
                file: file, key: "model.vocab", found: "a token or an id listed twice",
                expected: "one id for each token")
        }
    }

    /// Reads `model.vocab` of a Unigram model: pieces and their scores, in the order of their ids.
    ///
    /// - Throws: ``TokenizerError/invalid(file:key:found:expected:)``.
    static func scored(
        _ json: JSONValue?, file: String
    ) throws(TokenizerError) -> (vocabulary: Vocabulary, scores: [Double]) {
        guard let entries = json?.array, !entries.isEmpty else {
            throw .invalid(
                file: file, key: "model.vocab", found: json?.shown ?? "nothing",
                expected: "an array of pieces and scores")
        }
        var vocabulary = Vocabulary(tokens: [])
        var scores: [Double] = []
        scores.reserveCapacity(entries.count)
        for entry in entries {
            guard let pair = entry.array, pair.count == 2, let piece = pair[0].string,
                let score = pair[1].double, score.isFinite
            else {
                throw .invalid(
                    file: file, key: "model.vocab[\(scores.count)]", found: entry.shown,
                    expected: "a piece and its score")
            }
            guard vocabulary.id(of: piece) == nil else {
                throw .invalid(
                    file: file, key: "model.vocab[\(scores.count)]", found: "\(piece) once more",
                    expected: "each piece once")
            }
            vocabulary.add(piece, id: Int32(scores.count))
            scores.append(score)
        }
        return (vocabulary, scores)
    }

    /// The token `<0xXX>` of each byte; -1 for none.
    var byteTokens: [Int32] {
        (0..<256).map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return id(of: "<0x\(digits.count == 1 ? "0" : "")\(digits)>") ?? -1
        }
    }

    /// The id of a token.
    package func id(of token: String) -> Int32? {
        table.number(of: Array(token.utf8)).map { ids[$0] }
    }

    /// Tokens held.
    package var count: Int { ids.count }

    /// Adds a token, or gives it another id.
    mutating func add(_ token: String, id: Int32) {
        let (number, isNew) = table.numberInserting(Array(token.utf8))
        if isNew { ids.append(id) } else { ids[number] = id }
        while tokens.count <= Int(id) { tokens.append(nil) }
        tokens[Int(id)] = token
    }

    /// Adds a token with the next id, unless it is there; its id.
    @discardableResult
    package mutating func append(_ token: String) -> Int32 {
        if let id = id(of: token) { return id }
        add(token, id: Int32(ids.count))
        return Int32(ids.count - 1)
    }

    /// Reads `model.merges`: pairs as "a b" or as ["a", "b"].
    ///
    /// - Throws: ``TokenizerError/invalid(file:key:found:expected:)``, also for tokens that the
    ///   vocabulary lacks.
    func merges(_ json: JSONValue?, file: String) throws(TokenizerError) -> [Merge] {
        guard let entries = json?.array else {
            throw .invalid(
                file: file, key: "model.merges", found: json?.shown ?? "nothing",
                expected: "an array of pairs")
        }
        var result: [Merge] = []
        result.reserveCapacity(entries.count)
        for entry in entries {
            var pair = entry.array?.compactMap { $0.string.map { Array($0.utf8) } } ?? []
            if let text = entry.string {
                pair = text.utf8.split(separator: 0x20, omittingEmptySubsequences: false).map {
                    Array($0)
                }
            }
            guard pair.count == 2 else {
                throw .invalid(
                    file: file, key: "model.merges[\(result.count)]", found: entry.shown,
                    expected: "a pair of tokens")
            }
            guard let left = table.number(of: pair[0]), let right = table.number(of: pair[1]),
                let merged = table.number(of: pair[0] + pair[1])
            else {
                throw .invalid(
                    file: file, key: "model.merges[\(result.count)]",
                    found: pair.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " "),
                    expected: "two tokens that the vocabulary holds, and their union too")
            }
            result.append(Merge(left: ids[left], right: ids[right], merged: ids[merged]))
        }
        return result
    }
}

/// The pieces of a text with the largest sum of scores (Kudo 2018, arXiv:1804.10959, section 3.2).
///
/// The order of additions and the choice among equals are those of Hugging Face's
/// `encode_optimized`, after SentencePiece's.
struct UnigramModel: Sendable {
    /// Ids by piece.
    private let pieces: ByteTrie
    /// Log-probability of each id.
    private let scores: [Double]
    private let unknownID: Int32
    private let unknownScore: Double
    /// The token of each byte, where unknown text becomes bytes.
    private let byteTokens: [Int32]?
    /// What an unknown character costs beyond the least likely piece.
    private static let penalty = 10.0

    /// A model.
    ///
    /// - Parameters:
    ///   - tokens: pieces by id
    ///   - scores: as many log-probabilities
    ///   - byteTokens: the token of each byte (-1 for none), where unknown text becomes bytes
    init(tokens: [String?], scores: [Double], unknownID: Int32, byteTokens: [Int32]?) {
        var pieces = ByteTrie(capacity: tokens.count * 4)
        for (id, token) in tokens.enumerated() {
            if let token { pieces.insert(token.utf8, number: Int32(id), replaces: true) }
        }
        self.pieces = pieces
        self.scores = scores
        self.unknownID = unknownID
        self.byteTokens = byteTokens
        unknownScore = (scores.min() ?? 0) - Self.penalty
    }

    /// Adds the ids of `bytes[start..<end]` to `ids`.
    func encode(
        _ bytes: [UInt8], _ start: Int, _ end: Int, _ lattice: inout UnigramLattice,
        into ids: inout [Int32]
    ) {
        lattice.reset(end - start)
        var place = start
        while place < end {
            let length = ScalarClasses.length(startingWith: bytes[place])
            let score = lattice.scores[place - start]
            var isKnown = false
            var node = 0
            var index = place
            while index < end {
                node = pieces.next(node, bytes[index])
                if node < 0 { break }
                index += 1
                let id = pieces.ending(node)
                if id < 0 { continue }
                lattice.offer(index - start, scores[Int(id)] + score, from: place - start, id)
                if index - place == length { isKnown = true }
            }
            if !isKnown {
                lattice.offer(
                    place + length - start, unknownScore + score, from: place - start, unknownID)
            }
            place += length
        }
        lattice.trace(fusing: unknownID)
        for place in lattice.path.indices.reversed() {
            let piece = lattice.path[place]
            if piece.id != unknownID {
                ids.append(piece.id)
            } else {
                appendUnknown(bytes[(start + piece.start)..<(start + piece.end)], into: &ids)
            }
        }
    }

    /// Bytes that each id takes of the word that was just encoded; those of a piece's bytes all take the
    /// whole piece.
    func spans(
        _ bytes: [UInt8], _ start: Int, _ end: Int, _ lattice: UnigramLattice
    ) -> [Range<Int>] {
        lattice.path.reversed().flatMap { piece in
            var ids: [Int32] = [piece.id]
            if piece.id == unknownID {
                ids = []
                appendUnknown(bytes[(start + piece.start)..<(start + piece.end)], into: &ids)
            }
            return ids.map { _ in piece.start..<piece.end }
        }
    }

    /// Neighbouring unknown characters may together spell a piece, so they are looked up anew.
    private func appendUnknown(_ piece: ArraySlice<UInt8>, into ids: inout [Int32]) {
        let id = pieces.number(of: piece)
        if id >= 0 {
            ids.append(id)
        } else if let byteTokens, piece.allSatisfy({ byteTokens[Int($0)] >= 0 }) {
            for byte in piece { ids.append(byteTokens[Int(byte)]) }
        } else {
            ids.append(unknownID)
        }
    }
}

/// The best piece that ends at each byte of a text, kept from call to call.
struct UnigramLattice: Sendable {
    /// The sum of scores of the best path to each place.
    private(set) var scores: [Double] = []
    /// Where the best piece that ends at a place begins; -1 without any.
    private var starts: [Int] = []
    private var ids: [Int32] = []
    private var end = 0
    /// The pieces of the best path, the last first; neighbouring unknown ones are one.
    private(set) var path: [(start: Int, end: Int, id: Int32)] = []

    /// Forgets the text before and takes one of `count` bytes.
    fileprivate mutating func reset(_ count: Int) {
        end = count
        let missing = count + 1 - scores.count
        if missing > 0 {
            scores += repeatElement(0, count: missing)
            starts += repeatElement(-1, count: missing)
            ids += repeatElement(-1, count: missing)
        }
        for place in 0...count {
            scores[place] = 0
            starts[place] = -1
        }
    }

    /// Takes a piece that ends at `place` if it is the first or the best.
    @inline(__always)
    fileprivate mutating func offer(_ place: Int, _ score: Double, from start: Int, _ id: Int32) {
        guard starts[place] < 0 || score > scores[place] else { return }
        scores[place] = score
        starts[place] = start
        ids[place] = id
    }

    /// Finds the best path; neighbours of id `unknown` become one piece.
    fileprivate mutating func trace(fusing unknown: Int32) {
        path.removeAll(keepingCapacity: true)
        var place = end
        while place > 0 {
            let id = ids[place]
            if id == unknown, let last = path.last, last.id == unknown {
                path[path.count - 1].start = starts[place]
            } else {
                path.append((starts[place], place, id))
            }
            place = starts[place]
        }
    }
}

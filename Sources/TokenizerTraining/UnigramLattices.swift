import Dispatch
import Foundation
import Synchronization

/// Every place where a piece could stand in the distinct words, and what the pieces' scores make of
/// it.
///
/// The places are found once; when pieces go, theirs go too. So no pass searches anything.
struct UnigramLattices: Sendable {
    /// A piece: where it stands in the text, and its score.
    struct Piece: Sendable {
        let place: UInt32
        let length: UInt8
        var score: Double
    }

    let text: UnigramText
    private(set) var pieces: [Piece] = []
    /// Where the matches that begin at each character lie; one more entry than characters.
    private var offsets: [UInt32]
    private var ids: [Int32]
    private var lengths: [UInt8]
    /// Words of each part that is worked on at once; the parts, and so the sums, are the same for any
    /// number of threads.
    private let parts: [Range<Int>]

    private static let partCount = 16
    /// What an unknown character costs beyond the least likely piece.
    private static let penalty = 10.0

    /// Characters first, then seeds; scores are the logarithms of their shares.
    init(_ text: UnigramText, _ seeds: UnigramSeeds) {
        self.text = text
        var characters: [UInt32: Int32] = [:]
        for (id, character) in text.required.enumerated() {
            characters[character.scalar] = Int32(id)
        }
        var first = [UInt32](repeating: 0, count: text.required.count)
        let own = text.characters.map { characters[$0] ?? -1 }
        offsets = [UInt32](repeating: 0, count: text.characters.count + 1)
        for (place, id) in own.enumerated() where id >= 0 {
            offsets[place + 1] += 1
            first[Int(id)] = UInt32(place)
        }
        for seed in seeds.seeds {
            for place in seeds.places(seed) { offsets[Int(place) + 1] += 1 }
        }
        for place in 1..<offsets.count { offsets[place] += offsets[place - 1] }
        var next = Array(offsets.dropLast())
        ids = [Int32](repeating: 0, count: Int(offsets.last ?? 0))
        lengths = [UInt8](repeating: 1, count: ids.count)
        for (place, id) in own.enumerated() where id >= 0 {
            ids[Int(next[place])] = id
            next[place] += 1
        }
        var scores = text.required.map { Double($0.count) }
        for (id, character) in text.required.enumerated() {
            pieces.append(Piece(place: first[id], length: 1, score: Double(character.count)))
        }
        for seed in seeds.seeds {
            let id = Int32(pieces.count)
            let places = seeds.places(seed)
            for place in places {
                let slot = Int(next[Int(place)])
                ids[slot] = id
                lengths[slot] = seed.length
                next[Int(place)] += 1
            }
            pieces.append(
                Piece(place: places.first ?? 0, length: seed.length, score: Double(seed.score)))
            scores.append(Double(seed.score))
        }
        let sum = log(scores.reduce(0, +))
        for id in pieces.indices { pieces[id].score = log(pieces[id].score) - sum }
        parts = Self.parts(text)
    }

    private static func parts(_ text: UnigramText) -> [Range<Int>] {
        let size = max(1, (text.characters.count + partCount - 1) / partCount)
        var parts: [Range<Int>] = []
        var start = 0
        for word in text.counts.indices
        where text.starts[word + 1] - text.starts[start] >= size || word == text.counts.count - 1 {
            parts.append(start..<(word + 1))
            start = word + 1
        }
        return parts
    }

    /// The score of a character that is no piece.
    private var unknownScore: Double { (pieces.map(\.score).min() ?? 0) - Self.penalty }

    /// A sum over all parts, made by several threads, in the order of the parts.
    private func sum(_ body: @Sendable (Range<Int>, inout [Double]) -> Void) -> [Double] {
        let results = Mutex([[Double]](repeating: [], count: parts.count))
        let count = pieces.count
        DispatchQueue.concurrentPerform(iterations: parts.count) { number in
            var own = [Double](repeating: 0, count: count)
            body(parts[number], &own)
            let done = own
            results.withLock { $0[number] = done }
        }
        return results.withLock { results in
            var total = [Double](repeating: 0, count: count)
            for part in results { for id in 0..<count { total[id] += part[id] } }
            return total
        }
    }

    /// Takes other scores; pieces without one go, with all their places.
    ///
    /// - Parameter scores: a score for each piece, NaN for those that go.
    mutating func setScores(_ scores: [Double]) {
        var numbers = [Int32](repeating: -1, count: pieces.count)
        var kept: [Piece] = []
        for (id, score) in scores.enumerated() where !score.isNaN {
            numbers[id] = Int32(kept.count)
            kept.append(Piece(place: pieces[id].place, length: pieces[id].length, score: score))
        }
        let isSmaller = kept.count < pieces.count
        pieces = kept
        guard isSmaller else { return }
        var slot = 0
        var from = 0
        for place in 0..<(offsets.count - 1) {
            let end = Int(offsets[place + 1])
            offsets[place] = UInt32(slot)
            while from < end {
                let id = numbers[Int(ids[from])]
                if id >= 0 {
                    ids[slot] = id
                    lengths[slot] = lengths[from]
                    slot += 1
                }
                from += 1
            }
        }
        offsets[offsets.count - 1] = UInt32(slot)
        ids.removeLast(ids.count - slot)
        lengths.removeLast(lengths.count - slot)
    }
}

// MARK: - Expectation

extension UnigramLattices {
    /// How often each piece is expected, over all ways to cut all words.
    func expectedCounts() -> [Double] {
        let unknown = unknownScore
        let chances = pieces.map { exp($0.score) }
        return sum { words, expected in
            var forward: [Double] = []
            var backward: [Double] = []
            for word in words {
                let range = text.starts[word]..<(text.starts[word + 1] - 1)
                let isDone = addExpected(
                    range, Double(text.counts[word]), chances, exp(unknown), &forward, &backward,
                    &expected)
                if !isDone {
                    addExpectedLogarithms(
                        range, Double(text.counts[word]), unknown, &forward, &backward, &expected)
                }
            }
        }
    }

    /// By products of probabilities; false where they are too small for that.
    private func addExpected(
        _ word: Range<Int>, _ count: Double, _ chances: [Double], _ unknown: Double,
        _ forward: inout [Double], _ backward: inout [Double], _ expected: inout [Double]
    ) -> Bool {
        let (start, size) = (word.lowerBound, word.count)
        reset(&forward, size, 0)
        reset(&backward, size, 0)
        forward[0] = 1
        backward[size] = 1
        for place in 0..<size {
            let own = forward[place]
            var hasCharacter = false
            for slot in Int(offsets[start + place])..<Int(offsets[start + place + 1]) {
                let length = Int(lengths[slot])
                if length == 1 { hasCharacter = true }
                forward[place + length] += own * chances[Int(ids[slot])]
            }
            if !hasCharacter { forward[place + 1] += own * unknown }
        }
        let total = forward[size]
        guard total > 1e-250 else { return false }
        for place in stride(from: size - 1, through: 0, by: -1) {
            var sum = 0.0
            var hasCharacter = false
            let factor = count * forward[place] / total
            for slot in Int(offsets[start + place])..<Int(offsets[start + place + 1]) {
                let length = Int(lengths[slot])
                if length == 1 { hasCharacter = true }
                let id = Int(ids[slot])
                let rest = chances[id] * backward[place + length]
                sum += rest
                expected[id] += factor * rest
            }
            if !hasCharacter { sum += unknown * backward[place + 1] }
            backward[place] = sum
        }
        return true
    }

    /// The same with logarithms, for long words.
    private func addExpectedLogarithms(
        _ word: Range<Int>, _ count: Double, _ unknown: Double, _ forward: inout [Double],
        _ backward: inout [Double], _ expected: inout [Double]
    ) {
        let (start, size) = (word.lowerBound, word.count)
        reset(&forward, size, -Double.infinity)
        reset(&backward, size, -Double.infinity)
        forward[0] = 0
        backward[size] = 0
        func add(_ value: Double, to sum: inout Double) {
            let (high, low) = (max(sum, value), min(sum, value))
            sum = low == -Double.infinity ? high : high + log1p(exp(low - high))
        }
        func visit(_ place: Int, _ body: (_ id: Int?, _ length: Int, _ score: Double) -> Void) {
            var hasCharacter = false
            for slot in Int(offsets[start + place])..<Int(offsets[start + place + 1]) {
                let id = Int(ids[slot])
                if lengths[slot] == 1 { hasCharacter = true }
                body(id, Int(lengths[slot]), pieces[id].score)
            }
            if !hasCharacter { body(nil, 1, unknown) }
        }
        for place in 0..<size {
            let own = forward[place]
            visit(place) { _, length, score in add(own + score, to: &forward[place + length]) }
        }
        for place in stride(from: size - 1, through: 0, by: -1) {
            let own = forward[place] - forward[size]
            var sum = -Double.infinity
            visit(place) { id, length, score in
                let rest = score + backward[place + length]
                add(rest, to: &sum)
                if let id { expected[id] += count * exp(own + rest) }
            }
            backward[place] = sum
        }
    }

    private func reset(_ values: inout [Double], _ size: Int, _ value: Double) {
        if values.count <= size { values = [Double](repeating: value, count: size + 1) }
        for place in 0...size { values[place] = value }
    }
}

// MARK: - Best cuts

extension UnigramLattices {
    /// How often each piece stands in the best cuts of all words.
    func bestCounts() -> [Double] {
        let unknown = unknownScore
        return sum { words, counts in
            var path = BestPath()
            for word in words {
                let range = text.starts[word]..<(text.starts[word + 1] - 1)
                _ = best(range, unknown, excluding: -1, &path)
                path.visit(range.count) {
                    if $0 >= 0 { counts[Int($0)] += Double(text.counts[word]) }
                }
            }
        }
    }

    /// What each piece is best cut into if it is no piece: `nil` where the cut is as good as the piece,
    /// which then is of no use, and empty where there is none.
    func alternatives() -> [[Int32]?] {
        let unknown = unknownScore
        let results = Mutex([[[Int32]?]](repeating: [], count: Self.partCount))
        let size = (pieces.count + Self.partCount - 1) / Self.partCount
        DispatchQueue.concurrentPerform(iterations: Self.partCount) { number in
            let range = min(number * size, pieces.count)..<min((number + 1) * size, pieces.count)
            var own: [[Int32]?] = []
            own.reserveCapacity(range.count)
            var path = BestPath()
            for id in range { own.append(alternative(id, unknown, &path)) }
            let done = own
            results.withLock { $0[number] = done }
        }
        return results.withLock { $0.flatMap { $0 } }
    }

    private func alternative(_ id: Int, _ unknown: Double, _ path: inout BestPath) -> [Int32]? {
        let piece = pieces[id]
        if piece.length == 1 { return [] }
        let place = Int(piece.place)
        let score = best(place..<(place + Int(piece.length)), unknown, excluding: Int32(id), &path)
        if score > piece.score { return nil }
        var ids: [Int32] = []
        path.visit(Int(piece.length)) { ids.append($0) }
        return ids
    }

    /// The best piece that ends at each place.
    private struct BestPath {
        var scores: [Double] = []
        var starts: [Int] = []
        var ids: [Int32] = []

        mutating func reset(_ size: Int) {
            if scores.count <= size {
                scores = [Double](repeating: 0, count: size + 1)
                starts = [Int](repeating: -1, count: size + 1)
                ids = [Int32](repeating: -1, count: size + 1)
            }
            for place in 0...size { starts[place] = -1 }
            scores[0] = 0
        }

        @inline(__always)
        mutating func offer(_ end: Int, _ score: Double, from start: Int, _ id: Int32) {
            guard starts[end] < 0 || score > scores[end] else { return }
            scores[end] = score
            starts[end] = start
            ids[end] = id
        }

        /// The pieces of the path, the last first; -1 for an unknown character.
        func visit(_ size: Int, _ body: (Int32) -> Void) {
            var place = size
            while place > 0 {
                body(ids[place])
                place = starts[place]
            }
        }
    }

    private func best(
        _ range: Range<Int>, _ unknown: Double, excluding excluded: Int32, _ path: inout BestPath
    ) -> Double {
        let (start, size) = (range.lowerBound, range.count)
        path.reset(size)
        for place in 0..<size {
            let score = path.scores[place]
            var hasCharacter = false
            for slot in Int(offsets[start + place])..<Int(offsets[start + place + 1]) {
                let length = Int(lengths[slot])
                if length == 1 { hasCharacter = true }
                let id = ids[slot]
                if place + length > size || id == excluded { continue }
                path.offer(place + length, score + pieces[Int(id)].score, from: place, id)
            }
            if !hasCharacter { path.offer(place + 1, score + unknown, from: place, -1) }
        }
        return path.scores[size]
    }
}

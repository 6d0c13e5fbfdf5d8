/// The tokens of a vocabulary in the order of their bytes, so that those that a grammar allows are found
/// without looking at each.
package struct TokenTable: Sendable {
    private let order: [Int32]
    private let texts: [[UInt8]]
    /// How many bytes each text has in common with the one before it.
    private let common: [Int]
    /// Where each id stands in ``order``; −1 for one that is no text.
    private let places: [Int32]

    /// - Parameter bytes: of each id; none for ids that are no text.
    package init(_ bytes: [[UInt8]]) {
        let sorted = bytes.indices.filter { !bytes[$0].isEmpty }.sorted {
            bytes[$0].lexicographicallyPrecedes(bytes[$1])
        }
        order = sorted.map { Int32($0) }
        texts = sorted.map { bytes[$0] }
        var common: [Int] = []
        for (index, text) in texts.enumerated() {
            let before = index > 0 ? texts[index - 1] : []
            common.append(zip(before, text).prefix { $0 == $1 }.count)
        }
        self.common = common
        var places = [Int32](repeating: -1, count: bytes.count)
        for (place, id) in order.enumerated() { places[Int(id)] = Int32(place) }
        self.places = places
    }

    /// The bytes of an id; none of one that is no text.
    func bytes(of id: Int32) -> [UInt8] {
        let place = places[Int(id)]
        return place < 0 ? [] : texts[Int(place)]
    }

    /// The ids whose bytes may follow in a state.
    package func allowed(_ machine: GrammarMachine, _ state: GrammarMachine.State) -> [Int32] {
        var allowed: [Int32] = []
        // The states along the text before, as far as it lives.
        var path = [state]
        for (index, text) in texts.enumerated() {
            path.removeLast(max(0, path.count - 1 - common[index]))
            // Where the common part is dead, this text is, too.
            guard path.count - 1 == common[index] else { continue }
            var isAlive = true
            for byte in text[common[index]...] {
                let next = machine.next(path[path.count - 1], byte)
                guard next != GrammarMachine.dead else {
                    isAlive = false
                    break
                }
                path.append(next)
            }
            if isAlive { allowed.append(order[index]) }
        }
        return allowed
    }
}

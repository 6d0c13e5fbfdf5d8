/// Where words begin among the ids of a text.
package struct WordTable: Sendable {
    private enum Form {
        /// By id: whether the token goes on in the word before it.
        case byToken(goesOn: [Bool])
        /// Ids from the vocabulary's size on stand behind white space: see ``SpacedText``.
        case marked(vocabulary: Int32)
    }

    private let form: Form

    /// - Parameter goesOn: by id: whether the token goes on in the word before it.
    package init(goesOn: [Bool]) { form = .byToken(goesOn: goesOn) }

    /// Of ids as ``SpacedText`` gives them.
    package init(spacedBelow vocabulary: Int) { form = .marked(vocabulary: Int32(vocabulary)) }

    /// Every token is a word.
    package static let tokens = WordTable(goesOn: [])

    /// The ids as a model reads them.
    package func plain(_ ids: ArraySlice<Int32>) -> [Int32] {
        guard case .marked(let vocabulary) = form else { return Array(ids) }
        return ids.map { $0 < vocabulary ? $0 : $0 - vocabulary }
    }

    /// The places of each word: runs of tokens that are not special.
    ///
    /// - Parameter ids: as they stand in the shards.
    package func words(in ids: ArraySlice<Int32>, special: Set<Int32>) -> [Range<Int>] {
        var words: [Range<Int>] = []
        var goesOnBefore = false
        for (place, id) in ids.enumerated() {
            guard !special.contains(plain(id)) else {
                goesOnBefore = false
                continue
            }
            if goesOnBefore, goesOn(id), let last = words.last {
                words[words.count - 1] = last.lowerBound..<place + 1
            } else {
                words.append(place..<place + 1)
            }
            goesOnBefore = true
        }
        return words
    }

    private func plain(_ id: Int32) -> Int32 {
        if case .marked(let vocabulary) = form, id >= vocabulary { id - vocabulary } else { id }
    }

    private func goesOn(_ id: Int32) -> Bool {
        switch form {
        case .byToken(let goesOn): goesOn.indices.contains(Int(id)) && goesOn[Int(id)]
        case .marked(let vocabulary): id < vocabulary
        }
    }
}

import Kernels
package import Models

/// Ids of one text with what is said of each: for models that read all tokens at once.
package struct MarkedIDs: Sendable, Equatable {
    package var ids: [Int32]
    /// Which text of a pair a token belongs to.
    package var types: [Int32]?
    /// 1 for a token, 0 for what only fills up: seen by none.
    package var mask: [Int32]?
    /// What is to be found in each place, −100 in those passed over.
    package var targets: [Int32]?

    package init(ids: [Int32]) { self.ids = ids }

    /// Every token, of those that only fill up too, sees the real ones.
    package var input: TokenInput {
        var input = TokenInput(ids: ids, batch: 1)
        input.types = types?.contains { $0 != 0 } == true ? types : nil
        if let mask {
            input.mask = AttentionMask(
                queries: Array(repeating: 1, count: ids.count), keys: mask)
        }
        return input
    }
}

extension InferenceModel {
    /// log p of each target in its place, `nil` where it is passed over.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` for ids, types or targets that the model does not have.
    package func logProbabilities(
        _ marked: MarkedIDs, of document: String
    ) throws(ModelFileError) -> [Float?] {
        try check(marked, of: document)
        let targets = marked.targets ?? Array(repeating: -100, count: marked.ids.count)
        try check(targets.filter { $0 >= 0 }, of: document)
        let pass = pass
        let scores = model.languageHead.logProbabilities(
            model.hiddenStates(marked.input, in: pass), targets: targets, in: pass)
        return zip(scores, targets).map { $1 < 0 ? nil : $0 }
    }

    /// log p of each target given the source and the targets before it. (target.count)
    ///
    /// - Throws: ``ModelFileError/user(_:)`` for ids that the model does not have.
    package func logProbabilities(
        of target: [Int32], source marked: MarkedIDs, of document: String
    ) throws(ModelFileError) -> [Float] {
        try check(marked, of: document)
        try check(target, of: document)
        var input = TokenInput(
            ids: [model.description.decoderStart] + target.dropLast(), batch: 1)
        input.source = TokenSource(marked.input)
        let pass = pass
        return model.languageHead.logProbabilities(
            model.hiddenStates(input, in: pass), targets: target, in: pass)
    }

    /// Refuses what the model has no rows for.
    ///
    /// - Throws: ``ModelFileError/user(_:)``.
    package func check(_ marked: MarkedIDs, of document: String) throws(ModelFileError) {
        try check(marked.ids, of: document)
        let description = model.description
        if description.hasFixedPositions, marked.ids.count > description.maximumPositions {
            throw .user(
                "\(document): \(marked.ids.count) tokens, but the model has "
                    + "\(description.maximumPositions) positions; divide the document")
        }
        guard let types = marked.types else { return }
        let known = max(description.tokenTypes, 1)
        if let type = types.first(where: { $0 < 0 || Int($0) >= known }) {
            throw .user(
                "\(document): token type \(type), but a \(description.type) model has "
                    + (description.tokenTypes == 0 ? "none" : "0 to \(known - 1)"))
        }
    }
}

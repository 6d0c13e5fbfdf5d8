import Kernels

/// What an answer may be: a grammar, and the bytes of the tokens that write it.
package struct TokenConstraint: Sendable {
    let grammar: Grammar
    let tokens: TokenTable

    package init(_ grammar: Grammar, _ tokens: TokenTable) {
        self.grammar = grammar
        self.tokens = tokens
    }
}

/// An answer on its way through a grammar.
final class ConstrainedText {
    private let tokens: TokenTable
    private let machine: GrammarMachine
    private var state: GrammarMachine.State
    private var known: [GrammarMachine.State: [Int32]] = [:]

    init(_ constraint: TokenConstraint) {
        tokens = constraint.tokens
        machine = GrammarMachine(constraint.grammar)
        state = machine.start
    }

    /// The logits, those of tokens that may not come set to −∞; `nil` where no token may.
    ///
    /// - Parameter ends: ids that may come where the text is complete.
    func masked(_ logits: [Float], ends: Set<Int32>) -> [Float]? {
        var scores = [Float](repeating: -.infinity, count: logits.count)
        var ids = allowed
        if machine.isComplete(state) { ids += ends }
        for id in ids where scores.indices.contains(Int(id)) { scores[Int(id)] = logits[Int(id)] }
        return ids.isEmpty ? nil : scores
    }

    /// Whether the text is complete and nothing may follow.
    var isOver: Bool { machine.isComplete(state) && !machine.goesOn(state) }

    /// Goes on by a token.
    func take(_ id: Int32) {
        for byte in tokens.bytes(of: id) { state = machine.next(state, byte) }
    }

    private var allowed: [Int32] {
        if let ids = known[state] { return ids }
        let ids = tokens.allowed(machine, state)
        if known.count >= Self.mostKnown { known = [:] }
        known[state] = ids
        return ids
    }

    /// States whose tokens are remembered: inside a text the same one comes again and again.
    private static let mostKnown = 256
}

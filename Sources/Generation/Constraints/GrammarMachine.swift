/// Follows a text through a grammar, byte by byte.
///
/// Every state is a set of stacks of places in the grammar, as of a pushdown automaton that takes all
/// alternatives at once; states and the ways between them are made when they are met, and kept.
package final class GrammarMachine {
    /// A state's number; ``dead`` where no text goes on.
    package typealias State = Int32
    package static let dead: State = -1
    private static let unknown: State = -2

    private typealias Stack = [Int32]

    private let grammar: Grammar
    private var numbers: [Set<Stack>: State] = [:]
    private var stacks: [Set<Stack>] = []
    private var ways: [[State]] = []

    package init(_ grammar: Grammar) { self.grammar = grammar }

    /// The state before the first byte.
    package var start: State {
        var begun: Set<Stack> = []
        for place in grammar.rules[grammar.root] { expand([Int32(place)], into: &begun) }
        return number(begun)
    }

    /// The state after a byte.
    package func next(_ state: State, _ byte: UInt8) -> State {
        guard state >= 0 else { return Self.dead }
        let known = ways[Int(state)][Int(byte)]
        if known != Self.unknown { return known }
        var after: Set<Stack> = []
        for stack in stacks[Int(state)] {
            guard let top = stack.last, case .bytes(let set) = grammar.symbols[Int(top)],
                set.contains(byte)
            else { continue }
            expand(stack.dropLast() + [top + 1], into: &after)
        }
        let found = number(after)
        ways[Int(state)][Int(byte)] = found
        return found
    }

    /// Whether the text may end here.
    package func isComplete(_ state: State) -> Bool {
        state >= 0 && stacks[Int(state)].contains([])
    }

    /// Whether a text goes on from here.
    package func goesOn(_ state: State) -> Bool {
        state >= 0 && stacks[Int(state)].contains { !$0.isEmpty }
    }

    private func number(_ set: Set<Stack>) -> State {
        if set.isEmpty { return Self.dead }
        if let number = numbers[set] { return number }
        let number = State(stacks.count)
        numbers[set] = number
        stacks.append(set)
        ways.append(Array(repeating: Self.unknown, count: 256))
        return number
    }

    /// Adds the stacks that a stack stands for, each with bytes on top, or empty at the end of a text.
    private func expand(_ first: Stack, into found: inout Set<Stack>) {
        var open = [first]
        var seen: Set<Stack> = []
        while var stack = open.popLast() {
            // A rule that names itself before any byte comes back to where it was.
            guard stack.count < Self.deepest, seen.insert(stack).inserted else { continue }
            guard let top = stack.popLast() else {
                found.insert([])
                continue
            }
            switch grammar.symbols[Int(top)] {
            case .bytes: found.insert(stack + [top])
            case .end: open.append(stack)
            case .rule(let rule):
                // Nothing comes back to a place where nothing follows.
                if grammar.symbols[Int(top) + 1] != .end { stack.append(top + 1) }
                for place in grammar.rules[rule] { open.append(stack + [Int32(place)]) }
            }
        }
    }

    private static let deepest = 512
}

/// A regular expression of Python's, which either matches or does not: in a time that is at most
/// the product of its length and the text's (its square with lookarounds), whatever it says.
///
/// Each instruction is tried once at each place: whether the rest matches from there does not
/// depend on the way there. Source: Cox 2010, "Regular Expression Matching in the Wild", on
/// bit-state backtracking.
package struct Pattern {
    private let program: Program

    /// What an expression becomes.
    fileprivate struct Program {
        enum Instruction {
            case one(ScalarSet)
            /// Both ways are open.
            case split(Int, Int)
            case jump(Int)
            case start, end, veryEnd
            case wordBoundary(isNegated: Bool)
            case look(Int, behind: Int?, isNegated: Bool)
            case accept
        }

        var instructions: [Instruction] = []
        /// Where lookarounds begin; each ends in an instruction `accept` of its own.
        var looks: [Int] = []
        /// What they ask for, in the same order.
        var parts: [PatternSyntax] = []
    }

    /// Instructions of the largest expression: far more than lists of modules need.
    private static let largest = 2000

    /// - Throws: ``FinetuningError/badPattern(setting:pattern:)``, and
    ///   ``FinetuningError/unsupported(what:advice:)`` for what is not matched here.
    package init(_ text: String, setting: String) throws(FinetuningError) {
        let shown = text.count > 80 ? text.prefix(80) + "…" : text[...]
        let syntax: PatternSyntax
        do throws(PatternReader.Mistake) {
            syntax = try PatternReader.read(text)
            guard syntax.size(limit: Self.largest) <= Self.largest else {
                throw .unsupported("more than \(Self.largest) places")
            }
        } catch {
            switch error {
            case .malformed: throw .badPattern(setting: setting, pattern: String(shown))
            case .unsupported(let what):
                throw .unsupported(
                    what: "\(setting) \(shown): \(what)",
                    advice: "write a simpler regular expression, or a list of names")
            }
        }
        var program = Program()
        program.add(syntax)
        program.instructions.append(.accept)
        program.addLooks()
        self.program = program
    }

    /// Whether the whole text matches, as `re.fullmatch` says.
    package func matches(_ text: String) -> Bool {
        Matcher(program, text).run(from: 0, at: 0, whole: true)
    }

    /// Whether the text's beginning matches, as `re.match` says.
    package func matchesBeginning(_ text: String) -> Bool {
        Matcher(program, text).run(from: 0, at: 0, whole: false)
    }

    private final class Matcher {
        private let program: Program
        private let text: [Unicode.Scalar]
        /// What lookarounds said; by lookaround and place.
        private var answers: [Int: Bool] = [:]

        init(_ program: Program, _ text: String) {
            self.program = program
            self.text = Array(text.unicodeScalars)
        }

        /// Whether the instructions from `first` on accept, beginning at a place of the text.
        func run(from first: Int, at start: Int, whole: Bool) -> Bool {
            let width = text.count + 1
            var tried = [Bool](repeating: false, count: program.instructions.count * width)
            var open = [(instruction: first, place: start)]
            while let (instruction, place) = open.popLast() {
                if tried[instruction * width + place] { continue }
                tried[instruction * width + place] = true
                switch program.instructions[instruction] {
                case .accept:
                    if !whole || place == text.count { return true }
                case .one(let set):
                    if place < text.count, set.contains(text[place]) {
                        open.append((instruction + 1, place + 1))
                    }
                case .split(let one, let other):
                    open.append((other, place))
                    open.append((one, place))
                case .jump(let next): open.append((next, place))
                case .start, .end, .veryEnd, .wordBoundary, .look:
                    if holds(program.instructions[instruction], place) {
                        open.append((instruction + 1, place))
                    }
                }
            }
            return false
        }

        private func holds(_ condition: Program.Instruction, _ place: Int) -> Bool {
            switch condition {
            case .start: return place == 0
            case .veryEnd: return place == text.count
            case .end:
                return place == text.count || place == text.count - 1 && text[place] == "\n"
            case .wordBoundary(let isNegated):
                return (isWord(place - 1) != isWord(place)) != isNegated
            case .look(let look, let behind, let isNegated):
                let key = look * (text.count + 1) + place
                if let answer = answers[key] { return answer != isNegated }
                let start = place - (behind ?? 0)
                let answer =
                    start >= 0 && run(from: program.looks[look], at: start, whole: false)
                answers[key] = answer
                return answer != isNegated
            case .one, .split, .jump, .accept: return false
            }
        }

        private func isWord(_ place: Int) -> Bool {
            text.indices.contains(place) && ScalarSet.has(text[place], .word)
        }
    }
}

extension Pattern.Program {
    fileprivate mutating func add(_ syntax: PatternSyntax) {
        switch syntax {
        case .nothing: break
        case .one(let set): instructions.append(.one(set))
        case .sequence(let parts): for part in parts { add(part) }
        case .alternatives(let parts): addAlternatives(parts)
        case .repeated(let part, let least, let most): addRepeated(part, least, most)
        case .start: instructions.append(.start)
        case .end: instructions.append(.end)
        case .veryEnd: instructions.append(.veryEnd)
        case .wordBoundary(let isNegated):
            instructions.append(.wordBoundary(isNegated: isNegated))
        case .look(let part, let behind, let isNegated):
            instructions.append(.look(looks.count, behind: behind, isNegated: isNegated))
            looks.append(-1)
            parts.append(part)
        }
    }

    private mutating func addAlternatives(_ parts: [PatternSyntax]) {
        var jumps: [Int] = []
        for (index, part) in parts.enumerated() {
            guard index < parts.count - 1 else {
                add(part)
                break
            }
            let split = instructions.count
            instructions.append(.jump(0))
            add(part)
            jumps.append(instructions.count)
            instructions.append(.jump(0))
            instructions[split] = .split(split + 1, instructions.count)
        }
        for jump in jumps { instructions[jump] = .jump(instructions.count) }
    }

    private mutating func addRepeated(_ part: PatternSyntax, _ least: Int, _ most: Int?) {
        for _ in 0..<least { add(part) }
        guard let most else {
            let split = instructions.count
            instructions.append(.jump(0))
            add(part)
            instructions.append(.jump(split))
            instructions[split] = .split(split + 1, instructions.count)
            return
        }
        var splits: [Int] = []
        for _ in least..<most {
            splits.append(instructions.count)
            instructions.append(.jump(0))
            add(part)
        }
        for split in splits { instructions[split] = .split(split + 1, instructions.count) }
    }

    /// The parts of the lookarounds, after the expression itself.
    fileprivate mutating func addLooks() {
        var index = 0
        while index < parts.count {
            looks[index] = instructions.count
            add(parts[index])
            instructions.append(.accept)
            index += 1
        }
    }
}

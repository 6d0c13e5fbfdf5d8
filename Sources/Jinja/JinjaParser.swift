/// Makes statements of tokens, in Jinja's grammar.
struct JinjaParser {
    private let tokens: [JinjaToken]
    private var index = 0
    /// Levels of tags and parentheses at this place.
    private var nesting = 0
    /// Loops around this place, for `break` and `continue`.
    private var loops = 0
    static let deepestNesting = 60

    /// The statements of a template.
    static func statements(
        of source: String, _ dialect: JinjaDialect
    ) throws(JinjaError) -> [JinjaStatement] {
        var parser = JinjaParser(tokens: try JinjaLexer.tokens(of: source, dialect))
        return try parser.body(until: [])
    }

    private init(tokens: [JinjaToken]) { self.tokens = tokens }

    // MARK: Tokens

    var current: JinjaToken { tokens[index] }

    /// The token after the current one.
    var following: JinjaToken { tokens[min(index + 1, tokens.count - 1)] }

    mutating func advance() { if index < tokens.count - 1 { index += 1 } }

    func isMark(_ mark: String) -> Bool { current.kind == .mark(mark) }
    func isName(_ name: String) -> Bool { current.kind == .name(name) }

    mutating func skip(mark: String) -> Bool {
        guard isMark(mark) else { return false }
        advance()
        return true
    }

    mutating func skip(name: String) -> Bool {
        guard isName(name) else { return false }
        advance()
        return true
    }

    func failure(_ problem: String) -> JinjaError {
        .syntax(line: current.line, problem: problem)
    }

    mutating func expect(mark: String) throws(JinjaError) {
        guard skip(mark: mark) else {
            throw failure("expected '\(mark)', found \(current.description)")
        }
    }

    mutating func expectName() throws(JinjaError) -> String {
        guard case .name(let name) = current.kind else {
            throw failure("expected a name, found \(current.description)")
        }
        advance()
        return name
    }

    private mutating func expect(_ kind: JinjaToken.Kind, _ text: String) throws(JinjaError) {
        guard current.kind == kind else {
            throw failure("expected '\(text)', found \(current.description)")
        }
        advance()
    }

    /// Counts a level; each call is matched by one of ``leaveLevel()``.
    mutating func enterLevel() throws(JinjaError) {
        nesting += 1
        guard nesting <= Self.deepestNesting else {
            throw .limit(
                line: current.line,
                what: "more than \(Self.deepestNesting) levels of tags and parentheses")
        }
    }

    mutating func leaveLevel() { nesting -= 1 }

    // MARK: Statements

    /// Statements up to a tag of `ends`, whose name is the current token then.
    private mutating func body(until ends: [String]) throws(JinjaError) -> [JinjaStatement] {
        try enterLevel()
        defer { leaveLevel() }
        var body: [JinjaStatement] = []
        while true {
            let line = current.line
            switch current.kind {
            case .data(let text):
                body.append(JinjaStatement(kind: .data(text), line: line))
                advance()
            case .variableBegin:
                advance()
                let value = try tuple()
                try expect(.variableEnd, "}}")
                body.append(JinjaStatement(kind: .output(value), line: line))
            case .blockBegin:
                advance()
                if case .name(let name) = current.kind, ends.contains(name) { return body }
                body.append(try statement(line: line, ends: ends))
                try expect(.blockEnd, "%}")
            case .end:
                guard ends.isEmpty else {
                    throw failure("the template ends before '{% \(ends.last ?? "") %}'")
                }
                return body
            default: throw failure("unexpected \(current.description)")
            }
        }
    }

    /// The body of a statement whose opening tag ends here, up to one of `ends`.
    private mutating func block(_ ends: String...) throws(JinjaError) -> [JinjaStatement] {
        _ = skip(mark: ":")
        try expect(.blockEnd, "%}")
        return try body(until: ends)
    }

    /// The same, past the name of the closing tag.
    private mutating func block(closedBy end: String) throws(JinjaError) -> [JinjaStatement] {
        let body = try block(end)
        advance()
        return body
    }

    private mutating func statement(
        line: Int, ends: [String]
    ) throws(JinjaError) -> JinjaStatement {
        let name = try expectName()
        let kind: JinjaStatement.Kind
        switch name {
        case "for": kind = .loop(try loop())
        case "if": kind = try condition()
        case "set": kind = try set()
        case "macro":
            let name = try expectName()
            kind = .macro(try macro(name, parameters: try signature(), closedBy: "endmacro"))
        case "call":
            let parameters = isMark("(") ? try signature() : []
            let call = try expression()
            guard case .call(let callee, let arguments) = call.kind else {
                throw failure("expected a call after 'call'")
            }
            let body = try macro("caller", parameters: parameters, closedBy: "endcall")
            kind = .call(body, callee, arguments)
        case "filter":
            let filters = try filterUses(isFirst: true)
            kind = .filter(filters, try block(closedBy: "endfilter"))
        case "with": kind = try with()
        case "generation": kind = .generation(try block(closedBy: "endgeneration"))
        case "print":
            kind = .output(try expression())
        case "break", "continue":
            guard loops > 0 else { throw failure("'\(name)' outside of a loop") }
            kind = name == "break" ? .breakLoop : .continueLoop
        case "autoescape", "block", "extends", "include", "import", "from", "do", "trans",
            "debug":
            throw .unsupported(line: line, construct: "the tag '\(name)'")
        default:
            let open = ends.last.map { "; '{% \($0) %}' was expected" } ?? ""
            throw .syntax(line: line, problem: "unknown tag '\(name)'\(open)")
        }
        return JinjaStatement(kind: kind, line: line)
    }

    private mutating func loop() throws(JinjaError) -> JinjaLoopStatement {
        let target = try target(allowsAttributes: false)
        guard skip(name: "in") else {
            throw failure("expected 'in', found \(current.description)")
        }
        let iterable = try tuple(conditional: false, endsAt: "recursive")
        let filter = skip(name: "if") ? try expression() : nil
        if isName("recursive") {
            throw .unsupported(line: current.line, construct: "a recursive loop")
        }
        loops += 1
        let body = try block("endfor", "else")
        loops -= 1
        var otherwise: [JinjaStatement] = []
        if skip(name: "else") {
            otherwise = try block(closedBy: "endfor")
        } else {
            advance()
        }
        return JinjaLoopStatement(
            target: target, iterable: iterable, filter: filter, body: body, otherwise: otherwise)
    }

    private mutating func condition() throws(JinjaError) -> JinjaStatement.Kind {
        var branches: [(test: JinjaExpression, body: [JinjaStatement])] = []
        while true {
            let test = try tuple(conditional: false)
            branches.append((test, try block("elif", "else", "endif")))
            if skip(name: "elif") { continue }
            var otherwise: [JinjaStatement] = []
            if skip(name: "else") {
                otherwise = try block(closedBy: "endif")
            } else {
                advance()
            }
            return .condition(branches: branches, otherwise: otherwise)
        }
    }

    private mutating func set() throws(JinjaError) -> JinjaStatement.Kind {
        let target = try target(allowsAttributes: true)
        if skip(mark: "=") { return .set(target, try tuple()) }
        let filters = try filterUses(isFirst: false)
        return .setBlock(target, filters, try block(closedBy: "endset"))
    }

    private mutating func with() throws(JinjaError) -> JinjaStatement.Kind {
        var values: [(JinjaTarget, JinjaExpression)] = []
        while current.kind != .blockEnd {
            if !values.isEmpty { try expect(mark: ",") }
            let target = try target(allowsAttributes: false)
            try expect(mark: "=")
            values.append((target, try expression()))
        }
        return .with(values, try block(closedBy: "endwith"))
    }

    private mutating func macro(
        _ name: String, parameters: [(name: String, standard: JinjaExpression?)],
        closedBy end: String
    ) throws(JinjaError) -> JinjaMacroStatement {
        let outer = loops
        loops = 0
        defer { loops = outer }
        return JinjaMacroStatement(
            name: name, parameters: parameters, body: try block(closedBy: end))
    }

    private mutating func signature() throws(JinjaError) -> [(
        name: String, standard: JinjaExpression?
    )] {
        var parameters: [(name: String, standard: JinjaExpression?)] = []
        try expect(mark: "(")
        while !isMark(")") {
            if !parameters.isEmpty { try expect(mark: ",") }
            let name = try expectName()
            var standard: JinjaExpression?
            if skip(mark: "=") {
                standard = try expression()
            } else if parameters.last?.standard != nil {
                throw failure("the parameter '\(name)' has no default but follows one that has")
            }
            parameters.append((name, standard))
        }
        try expect(mark: ")")
        return parameters
    }

    /// What is assigned to: a name, several, or an attribute of a namespace.
    private mutating func target(allowsAttributes: Bool) throws(JinjaError) -> JinjaTarget {
        var targets: [JinjaTarget] = []
        var isTuple = false
        while true {
            if skip(mark: "(") {
                try enterLevel()
                targets.append(try target(allowsAttributes: allowsAttributes))
                leaveLevel()
                try expect(mark: ")")
            } else {
                let name = try expectName()
                guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
                    throw failure("cannot assign to '\(name)'")
                }
                if allowsAttributes, skip(mark: ".") {
                    targets.append(.attribute(name, try expectName()))
                } else {
                    targets.append(.name(name))
                }
            }
            guard skip(mark: ",") else { break }
            isTuple = true
            if isName("in") || isMark("=") || isMark(")") { break }
        }
        return isTuple ? .tuple(targets) : targets[0]
    }
}

extension JinjaParser {
    /// Operators and calls that may follow on one another.
    static let longestChain = 200

    func made(
        _ kind: JinjaExpression.Kind, _ line: Int, over parts: JinjaExpression?...
    ) throws(JinjaError) -> JinjaExpression {
        try made(kind, line, over: parts.compactMap { $0 })
    }

    func made(
        _ kind: JinjaExpression.Kind, _ line: Int, over parts: [JinjaExpression]
    ) throws(JinjaError) -> JinjaExpression {
        let depth = (parts.map(\.depth).max() ?? 0) + 1
        guard depth <= Self.longestChain else {
            throw .limit(
                line: line, what: "an expression of more than \(Self.longestChain) levels")
        }
        return JinjaExpression(kind: kind, line: line, depth: depth)
    }

    private func literal(_ value: JinjaLiteral, _ line: Int) -> JinjaExpression {
        JinjaExpression(kind: .literal(value), line: line, depth: 1)
    }

    /// An expression, with `… if … else …`.
    mutating func expression() throws(JinjaError) -> JinjaExpression {
        try enterLevel()
        defer { leaveLevel() }
        var line = current.line
        var value = try disjunction()
        while skip(name: "if") {
            let test = try disjunction()
            let otherwise = skip(name: "else") ? try expression() : nil
            value = try made(
                .conditional(test: test, then: value, otherwise: otherwise), line,
                over: value, test, otherwise)
            line = current.line
        }
        return value
    }

    /// One expression, or several with commas between them.
    ///
    /// - Parameters:
    ///   - conditional: whether `… if … else …` may stand there.
    ///   - endsAt: a word that ends the list besides a tag's end.
    mutating func tuple(
        conditional: Bool = true, endsAt word: String? = nil, inParentheses: Bool = false
    ) throws(JinjaError) -> JinjaExpression {
        let line = current.line
        var values: [JinjaExpression] = []
        var isTuple = false
        while true {
            if !values.isEmpty { try expect(mark: ",") }
            if current.kind == .variableEnd || current.kind == .blockEnd || isMark(")") { break }
            if let word, isName(word) { break }
            values.append(conditional ? try expression() : try disjunction())
            guard isMark(",") else { break }
            isTuple = true
        }
        if !isTuple {
            if let value = values.first { return value }
            guard inParentheses else {
                throw failure("expected an expression, found \(current.description)")
            }
        }
        return try made(.tuple(values), line, over: values)
    }

    private mutating func disjunction() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        var left = try conjunction()
        while skip(name: "or") {
            let right = try conjunction()
            left = try made(.or(left, right), line, over: left, right)
        }
        return left
    }

    private mutating func conjunction() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        var left = try negation()
        while skip(name: "and") {
            let right = try negation()
            left = try made(.and(left, right), line, over: left, right)
        }
        return left
    }

    private mutating func negation() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        var count = 0
        while skip(name: "not") { count += 1 }
        var value = try comparison()
        for _ in 0..<count { value = try made(.not(value), line, over: value) }
        return value
    }

    private mutating func comparison() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        let first = try sum()
        var others: [(JinjaComparison, JinjaExpression)] = []
        while true {
            if case .mark(let mark) = current.kind, let comparison = JinjaComparison(rawValue: mark)
            {
                advance()
                others.append((comparison, try sum()))
            } else if skip(name: "in") {
                others.append((.isIn, try sum()))
            } else if isName("not"), following.kind == .name("in") {
                advance()
                advance()
                others.append((.isNotIn, try sum()))
            } else {
                break
            }
        }
        if others.isEmpty { return first }
        return try made(.comparison(first, others), line, over: [first] + others.map(\.1))
    }

    /// The operator at this place, if it is one of `operators`.
    private mutating func skip(_ operators: JinjaOperator...) -> JinjaOperator? {
        guard case .mark(let mark) = current.kind,
            let found = operators.first(where: { $0.rawValue == mark })
        else { return nil }
        advance()
        return found
    }

    private mutating func sum() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        var left = try concatenation()
        while let found = skip(.add, .subtract) {
            let right = try concatenation()
            left = try made(.binary(found, left, right), line, over: left, right)
        }
        return left
    }

    private mutating func concatenation() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        var parts = [try product()]
        while skip(mark: "~") { parts.append(try product()) }
        return parts.count == 1 ? parts[0] : try made(.concatenation(parts), line, over: parts)
    }

    private mutating func product() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        var left = try power()
        while let found = skip(.multiply, .divide, .floorDivide, .modulo) {
            let right = try power()
            left = try made(.binary(found, left, right), line, over: left, right)
        }
        return left
    }

    private mutating func power() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        var left = try unary()
        while let found = skip(.power) {
            let right = try unary()
            left = try made(.binary(found, left, right), line, over: left, right)
        }
        return left
    }

    private mutating func unary(withFilter: Bool = true) throws(JinjaError) -> JinjaExpression {
        let line = current.line
        var value: JinjaExpression
        if isMark("-") || isMark("+") {
            let isNegative = isMark("-")
            advance()
            try enterLevel()
            let inner = try unary(withFilter: false)
            leaveLevel()
            value = try made(isNegative ? .negative(inner) : .positive(inner), line, over: inner)
        } else {
            value = try primary()
        }
        value = try postfix(value)
        guard withFilter else { return value }
        while true {
            if isMark("|") {
                for filter in try filterUses(isFirst: false) {
                    value = try made(
                        .filter(value, filter), filter.line,
                        over: [value] + filter.arguments.all)
                }
            } else if isName("is") {
                value = try test(value)
            } else if isMark("(") {
                value = try call(value)
            } else {
                return value
            }
        }
    }

    mutating func primary() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        switch current.kind {
        case .name(let name):
            advance()
            switch name {
            case "true", "True": return literal(.bool(true), line)
            case "false", "False": return literal(.bool(false), line)
            case "none", "None": return literal(.none, line)
            default: return JinjaExpression(kind: .name(name), line: line, depth: 1)
            }
        case .string(let text):
            var whole = text
            advance()
            while case .string(let more) = current.kind {
                whole += more
                advance()
            }
            return literal(.string(whole), line)
        case .integer(let value):
            advance()
            return literal(value, line)
        case .float(let value):
            advance()
            return literal(.float(value), line)
        case .mark("("):
            advance()
            try enterLevel()
            let value = try tuple(inParentheses: true)
            leaveLevel()
            try expect(mark: ")")
            return value
        case .mark("["):
            let values = try list(until: "]")
            return try made(.list(values), line, over: values)
        case .mark("{"): return try dictionary()
        default: throw failure("unexpected \(current.description)")
        }
    }

    /// Values up to a closing mark; the opening one is the current token.
    private mutating func list(until end: String) throws(JinjaError) -> [JinjaExpression] {
        advance()
        var values: [JinjaExpression] = []
        while !isMark(end) {
            if !values.isEmpty { try expect(mark: ",") }
            if isMark(end) { break }
            values.append(try expression())
        }
        try expect(mark: end)
        return values
    }

    private mutating func dictionary() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        advance()
        var members: [(key: JinjaExpression, value: JinjaExpression)] = []
        while !isMark("}") {
            if !members.isEmpty { try expect(mark: ",") }
            if isMark("}") { break }
            let key = try expression()
            try expect(mark: ":")
            members.append((key, try expression()))
        }
        try expect(mark: "}")
        return try made(.dictionary(members), line, over: members.flatMap { [$0.key, $0.value] })
    }

    mutating func postfix(_ value: JinjaExpression) throws(JinjaError) -> JinjaExpression {
        var value = value
        while true {
            if isMark(".") {
                value = try attribute(of: value)
            } else if isMark("[") {
                value = try subscripted(value)
            } else if isMark("(") {
                value = try call(value)
            } else {
                return value
            }
        }
    }

    private mutating func attribute(
        of value: JinjaExpression
    ) throws(JinjaError) -> JinjaExpression {
        let line = current.line
        advance()
        if case .integer(let index) = current.kind {
            advance()
            return try made(.item(value, literal(index, line)), line, over: value)
        }
        return try made(.attribute(value, try expectName()), line, over: value)
    }

    private mutating func subscripted(
        _ value: JinjaExpression
    ) throws(JinjaError) -> JinjaExpression {
        let line = current.line
        advance()
        var slice = JinjaSlice()
        if !isMark(":") {
            let index = try expression()
            if skip(mark: "]") { return try made(.item(value, index), line, over: value, index) }
            slice.start = index
        }
        guard !isMark(",") else {
            throw .unsupported(line: line, construct: "a subscript of several values")
        }
        try expect(mark: ":")
        if !isMark(":"), !isMark("]") { slice.stop = try expression() }
        if skip(mark: ":"), !isMark("]") { slice.step = try expression() }
        try expect(mark: "]")
        return try made(
            .slice(value, slice), line, over: value, slice.start, slice.stop, slice.step)
    }

    private mutating func call(_ callee: JinjaExpression) throws(JinjaError) -> JinjaExpression {
        let line = current.line
        let arguments = try arguments()
        return try made(.call(callee, arguments), line, over: [callee] + arguments.all)
    }

    mutating func arguments() throws(JinjaError) -> JinjaArguments {
        try expect(mark: "(")
        var arguments = JinjaArguments()
        var isFirst = true
        while !isMark(")") {
            if !isFirst { try expect(mark: ",") }
            isFirst = false
            if isMark(")") { break }
            if isMark("*") || isMark("**") {
                throw .unsupported(
                    line: current.line, construct: "a call with \(current.description)")
            }
            if case .name(let name) = current.kind, following.kind == .mark("=") {
                advance()
                advance()
                guard !arguments.keywords.contains(where: { $0.name == name }) else {
                    throw failure("the argument '\(name)' is given twice")
                }
                arguments.keywords.append((name, try expression()))
            } else {
                guard arguments.keywords.isEmpty else {
                    throw failure("an argument without a name follows one with a name")
                }
                arguments.positional.append(try expression())
            }
        }
        try expect(mark: ")")
        return arguments
    }
}

extension JinjaArguments {
    /// All values, in order.
    var all: [JinjaExpression] { positional + keywords.map(\.value) }
}

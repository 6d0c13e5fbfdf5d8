extension JinjaParser {
    /// Filters in a row. In a filter block the first one has no `|` before it.
    mutating func filterUses(isFirst: Bool) throws(JinjaError) -> [JinjaFilterUse] {
        var isFirst = isFirst
        var filters: [JinjaFilterUse] = []
        while isFirst || isMark("|") {
            if !isFirst { advance() }
            isFirst = false
            let line = current.line
            let name = try dottedName()
            let arguments = isMark("(") ? try arguments() : JinjaArguments()
            try JinjaFilters.check(name, line: line)
            filters.append(JinjaFilterUse(name: name, arguments: arguments, line: line))
            guard filters.count <= Self.longestChain else {
                throw .limit(
                    line: line, what: "more than \(Self.longestChain) filters in a row")
            }
        }
        return filters
    }

    private mutating func dottedName() throws(JinjaError) -> String {
        var name = try expectName()
        while skip(mark: ".") { name += "." + (try expectName()) }
        return name
    }

    mutating func test(_ value: JinjaExpression) throws(JinjaError) -> JinjaExpression {
        let line = current.line
        advance()
        let isNegated = skip(name: "not")
        let name = try dottedName()
        try JinjaTests.check(name, line: line)
        var arguments = JinjaArguments()
        if isMark("(") {
            arguments = try self.arguments()
        } else if beginsOperand {
            if isName("is") { throw failure("tests with 'is' cannot follow on one another") }
            let operand = try primary()
            arguments.positional = [try postfix(operand)]
        }
        let test = try made(
            .test(value, name, arguments), line, over: [value] + arguments.all)
        return isNegated ? try made(.not(test), line, over: test) : test
    }

    /// Whether the argument of a test without parentheses begins here.
    private var beginsOperand: Bool {
        switch current.kind {
        case .name(let name): !["else", "or", "and"].contains(name)
        case .string, .integer, .float, .mark("["), .mark("{"): true
        default: false
        }
    }
}

/// A value written in a template.
enum JinjaLiteral: Sendable, Equatable {
    case none
    case bool(Bool)
    case int(Int)
    /// Digits of an integer that 64 bits do not hold.
    case bigInteger(String)
    case float(Double)
    case string(String)
}

/// An expression of a template.
struct JinjaExpression: Sendable {
    indirect enum Kind: Sendable {
        case literal(JinjaLiteral)
        case name(String)
        case list([JinjaExpression])
        case tuple([JinjaExpression])
        case dictionary([(key: JinjaExpression, value: JinjaExpression)])
        case negative(JinjaExpression)
        case positive(JinjaExpression)
        case binary(JinjaOperator, JinjaExpression, JinjaExpression)
        case concatenation([JinjaExpression])
        case comparison(JinjaExpression, [(JinjaComparison, JinjaExpression)])
        case and(JinjaExpression, JinjaExpression)
        case or(JinjaExpression, JinjaExpression)
        case not(JinjaExpression)
        case conditional(test: JinjaExpression, then: JinjaExpression, otherwise: JinjaExpression?)
        case attribute(JinjaExpression, String)
        case item(JinjaExpression, JinjaExpression)
        case slice(JinjaExpression, JinjaSlice)
        case call(JinjaExpression, JinjaArguments)
        case filter(JinjaExpression, JinjaFilterUse)
        case test(JinjaExpression, String, JinjaArguments)
    }

    let kind: Kind
    let line: Int
    /// Levels of expressions in one another.
    let depth: Int
}

enum JinjaOperator: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case modulo = "%"
    case power = "**"
}

enum JinjaComparison: String, Sendable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case isIn = "in"
    case isNotIn = "not in"
}

/// `start:stop:step`
struct JinjaSlice: Sendable {
    var start: JinjaExpression?
    var stop: JinjaExpression?
    var step: JinjaExpression?
}

/// What stands in the parentheses of a call.
struct JinjaArguments: Sendable {
    var positional: [JinjaExpression] = []
    var keywords: [(name: String, value: JinjaExpression)] = []
}

/// `| name(arguments)`
struct JinjaFilterUse: Sendable {
    let name: String
    let arguments: JinjaArguments
    let line: Int
}

/// What a value is assigned to.
indirect enum JinjaTarget: Sendable {
    case name(String)
    case tuple([JinjaTarget])
    /// An attribute of a namespace.
    case attribute(String, String)
}

/// A statement of a template.
struct JinjaStatement: Sendable {
    indirect enum Kind: Sendable {
        case data(String)
        case output(JinjaExpression)
        case set(JinjaTarget, JinjaExpression)
        case setBlock(JinjaTarget, [JinjaFilterUse], [JinjaStatement])
        case loop(JinjaLoopStatement)
        case condition(
            branches: [(test: JinjaExpression, body: [JinjaStatement])],
            otherwise: [JinjaStatement])
        case macro(JinjaMacroStatement)
        /// `{% call(arguments) name(…) %}`
        case call(JinjaMacroStatement, JinjaExpression, JinjaArguments)
        case filter([JinjaFilterUse], [JinjaStatement])
        case with([(JinjaTarget, JinjaExpression)], [JinjaStatement])
        /// What the assistant writes, as transformers marks it.
        case generation([JinjaStatement])
        case breakLoop
        case continueLoop
    }

    let kind: Kind
    let line: Int
}

/// `{% for target in iterable if filter %}`
struct JinjaLoopStatement: Sendable {
    let target: JinjaTarget
    let iterable: JinjaExpression
    let filter: JinjaExpression?
    let body: [JinjaStatement]
    let otherwise: [JinjaStatement]
}

/// A macro, or what a call block hands to one as `caller`.
struct JinjaMacroStatement: Sendable {
    let name: String
    var parameters: [(name: String, standard: JinjaExpression?)]
    let body: [JinjaStatement]
}

/// Runs a template's statements once.
final class JinjaRenderer {
    /// What a rendering may take; a hostile template ends with a line instead of the memory.
    struct Limits {
        /// Expressions, statements and values gone through.
        var steps = 4_000_000
        /// Bytes of all texts made, those that are thrown away included.
        var bytes: Int
        /// Calls, statements and expressions in one another.
        var depth = 320
        /// Levels of a value.
        var levels = 300
    }

    let clock: JinjaClock?
    private let limits: Limits
    /// Whether a value that is not there may not even be written or tested.
    let isStrict: Bool
    private var steps = 0
    private var bytes = 0
    private var depth = 0
    /// The line that is being run, for messages.
    var line = 1
    /// The text written so far, and above it that of blocks whose text becomes a value.
    private var outputs = [""]
    var scope: JinjaScope
    private var macroScopes: [JinjaScope] = []
    private var namespaces: [JinjaNamespace] = []
    /// What `generation` blocks wrote: UTF-8 offsets.
    private(set) var generated: [Range<Int>] = []
    /// Whether a `generation` block's text became a value, so that its place is not known.
    private(set) var lostGenerated = false

    init(_ variables: JinjaScope, clock: JinjaClock?, limits: Limits, isStrict: Bool) {
        self.isStrict = isStrict
        scope = variables
        self.clock = clock
        self.limits = limits
    }

    var text: String { outputs[0] }

    /// Lets go of what holds itself.
    func finish() {
        for scope in macroScopes { scope.clear() }
        for namespace in namespaces { namespace.attributes = [:] }
    }

    // MARK: Limits

    func failure(_ problem: String) -> JinjaError { .failed(line: line, problem: problem) }

    func unsupported(_ construct: String) -> JinjaError {
        .unsupported(line: line, construct: construct)
    }

    /// Counts work.
    func spend(_ count: Int) throws(JinjaError) {
        steps += count
        guard steps <= limits.steps else {
            throw .limit(line: line, what: "the template takes more than \(limits.steps) steps")
        }
    }

    /// Counts bytes of a text about to be made, or made just now.
    func charge(_ count: Int) throws(JinjaError) {
        let (sum, overflow) = bytes.addingReportingOverflow(max(0, count))
        guard !overflow, sum <= limits.bytes else {
            throw .limit(
                line: line, what: "the template makes more than \(limits.bytes) bytes of text")
        }
        bytes = sum
    }

    /// Counts values of a list about to be made: work, and memory.
    func hold(_ count: Int) throws(JinjaError) {
        try spend(min(count, 1 << 40))
        try charge(count > 1 << 40 ? .max : 32 * count)
    }

    func deeper() throws(JinjaError) {
        depth += 1
        guard depth <= limits.depth else {
            throw .limit(line: line, what: "more than \(limits.depth) calls in one another")
        }
    }

    func higher() { depth -= 1 }

    /// Refuses a value of too many levels, which loops could make.
    private func checkLevels(_ value: JinjaValue, _ level: Int = 0) throws(JinjaError) {
        guard level <= limits.levels else {
            throw .limit(line: line, what: "a value of more than \(limits.levels) levels")
        }
        switch value {
        case .list(let values), .tuple(let values):
            try spend(values.count)
            for value in values { try checkLevels(value, level + 1) }
        case .iterator(let iterator):
            try spend(iterator.values.count)
            for value in iterator.values { try checkLevels(value, level + 1) }
        case .dictionary(let dictionary):
            try spend(dictionary.entries.count)
            for entry in dictionary.entries { try checkLevels(entry.value, level + 1) }
        case .method(let method): try checkLevels(method.receiver, level + 1)
        default: break
        }
    }

    /// Refuses a value that is not there, where templates are read strictly.
    func requireDefined(_ value: JinjaValue) throws(JinjaError) {
        if isStrict, case .undefined(let reason) = value { throw failure(reason) }
    }

    /// What Python calls true, of a value that is tested.
    func isTrue(_ value: JinjaValue) throws(JinjaError) -> Bool {
        try requireDefined(value)
        return value.isTrue
    }

    // MARK: Output

    func write(_ text: String) throws(JinjaError) {
        try charge(text.utf8.count)
        outputs[outputs.count - 1] += text
    }

    /// The text of a value as it is written.
    func text(of value: JinjaValue) throws(JinjaError) -> String {
        if let text = value.text { return text }
        try requireDefined(value)
        try charge(value.size)
        guard let text = value.pythonText else {
            throw failure("a \(value.typeName) has no text of its own")
        }
        return text
    }

    /// The text that statements write, run in a scope inside of `scope`.
    func captured(
        _ body: [JinjaStatement], in scope: JinjaScope
    ) throws(JinjaError) -> String {
        outputs.append("")
        _ = try run(body, in: scope)
        return outputs.removeLast()
    }

    // MARK: Statements

    /// How statements end.
    private enum Flow {
        case next, breakLoop, continueLoop
    }

    /// Runs the statements of a template.
    func run(_ statements: [JinjaStatement]) throws(JinjaError) { _ = try runAll(statements) }

    private func run(
        _ statements: [JinjaStatement], in inner: JinjaScope
    ) throws(JinjaError) -> Flow {
        let outer = scope
        scope = inner
        defer { scope = outer }
        return try runAll(statements)
    }

    private func runAll(_ statements: [JinjaStatement]) throws(JinjaError) -> Flow {
        try deeper()
        for statement in statements {
            try spend(1)
            line = statement.line
            let flow = try run(statement)
            if flow != .next {
                higher()
                return flow
            }
        }
        higher()
        return .next
    }

    private func run(_ statement: JinjaStatement) throws(JinjaError) -> Flow {
        switch statement.kind {
        case .data(let text): try write(text)
        case .output(let expression): try write(try text(of: try value(expression)))
        case .set(let target, let expression): try assign(try value(expression), to: target)
        case .setBlock(let target, let filters, let body):
            let text = try captured(body, in: JinjaScope(in: scope))
            try assign(try filtered(.string(text), filters), to: target)
        case .loop(let loop): try run(loop)
        case .condition(let branches, let otherwise):
            for branch in branches {
                if try isTrue(try value(branch.test)) { return try runAll(branch.body) }
            }
            return try runAll(otherwise)
        case .macro(let macro):
            macroScopes.append(scope)
            scope[macro.name] = .macro(JinjaMacro(macro, in: scope))
        case .call(let body, let callee, let arguments):
            let caller = JinjaMacro(body, in: scope)
            try write(
                try text(
                    of: try call(callee, arguments, caller: caller)))
        case .filter(let filters, let body):
            let text = try captured(body, in: JinjaScope(in: scope))
            try write(try self.text(of: try filtered(.string(text), filters)))
        case .with(let values, let body):
            let inner = JinjaScope(in: scope)
            var assigned: [(JinjaTarget, JinjaValue)] = []
            for (target, expression) in values { assigned.append((target, try value(expression))) }
            let outer = scope
            scope = inner
            defer { scope = outer }
            for (target, value) in assigned { try assign(value, to: target) }
            return try runAll(body)
        case .generation(let body): try runGeneration(body)
        case .breakLoop: return .breakLoop
        case .continueLoop: return .continueLoop
        }
        return .next
    }

    private func runGeneration(_ body: [JinjaStatement]) throws(JinjaError) {
        let start = outputs[outputs.count - 1].utf8.count
        _ = try run(body, in: JinjaScope(in: scope))
        if outputs.count == 1 {
            generated.append(start..<outputs[0].utf8.count)
        } else {
            lostGenerated = true
        }
    }

    private func run(_ loop: JinjaLoopStatement) throws(JinjaError) {
        var items = try elements(of: try value(loop.iterable))
        if let filter = loop.filter {
            var kept: [JinjaValue] = []
            for item in items {
                try spend(1)
                let inner = JinjaScope(in: scope)
                let outer = scope
                scope = inner
                defer { scope = outer }
                try assign(item, to: loop.target)
                if try isTrue(try value(filter)) { kept.append(item) }
            }
            items = kept
        }
        let state = JinjaLoop(items)
        for (index, item) in items.enumerated() {
            try spend(1)
            state.index = index
            let inner = JinjaScope(in: scope)
            inner["loop"] = .loop(state)
            let outer = scope
            scope = inner
            defer { scope = outer }
            try assign(item, to: loop.target)
            if try runAll(loop.body) == .breakLoop { break }
        }
        if items.isEmpty { _ = try run(loop.otherwise, in: JinjaScope(in: scope)) }
    }

    private func assign(_ value: JinjaValue, to target: JinjaTarget) throws(JinjaError) {
        switch target {
        case .name(let name):
            try checkLevels(value)
            scope[name] = value
        case .attribute(let name, let attribute):
            guard case .namespace(let namespace)? = scope[name] else {
                throw failure(
                    "'\(name).\(attribute)' is set, but '\(name)' is no namespace")
            }
            guard !attribute.hasPrefix("_") else {
                throw failure("the attribute '\(attribute)' of a namespace begins with '_'")
            }
            try checkLevels(value)
            namespace.attributes[attribute] = value
        case .tuple(let targets):
            let values = try elements(of: value)
            guard values.count == targets.count else {
                throw failure("\(targets.count) names are set from \(values.count) values")
            }
            for (target, value) in zip(targets, values) { try assign(value, to: target) }
        }
    }

    // MARK: Macros

    /// A new namespace, let go at the end.
    func makeNamespace(_ attributes: [String: JinjaValue]) -> JinjaNamespace {
        let namespace = JinjaNamespace()
        namespace.attributes = attributes
        namespaces.append(namespace)
        return namespace
    }

    /// The text that a macro writes.
    func call(
        _ macro: JinjaMacro, _ arguments: JinjaCall, caller: JinjaMacro?
    ) throws(JinjaError) -> JinjaValue {
        try deeper()
        let statement = macro.statement
        let called = line
        let inner = JinjaScope(in: macro.scope)
        guard arguments.positional.count <= statement.parameters.count else {
            throw failure(
                "the macro '\(statement.name)' takes \(statement.parameters.count) arguments, "
                    + "found \(arguments.positional.count)")
        }
        for keyword in arguments.keywords
        where !statement.parameters.contains(where: { $0.name == keyword.name }) {
            throw failure("the macro '\(statement.name)' has no parameter '\(keyword.name)'")
        }
        let outer = scope
        scope = inner
        defer { scope = outer }
        inner["caller"] = caller.map(JinjaValue.macro) ?? .undefined("no caller is defined")
        for (index, parameter) in statement.parameters.enumerated() {
            let keyword = arguments.keywords.first { $0.name == parameter.name }
            if index < arguments.positional.count {
                guard keyword == nil else {
                    throw failure(
                        "the macro '\(statement.name)' is given '\(parameter.name)' twice")
                }
                inner[parameter.name] = arguments.positional[index]
            } else if let keyword {
                inner[parameter.name] = keyword.value
            } else if let standard = parameter.standard {
                inner[parameter.name] = try value(standard)
            } else {
                inner[parameter.name] = .undefined(
                    "the parameter '\(parameter.name)' was not given")
            }
        }
        outputs.append("")
        _ = try runAll(statement.body)
        let text = outputs.removeLast()
        higher()
        line = called
        return .string(text)
    }
}

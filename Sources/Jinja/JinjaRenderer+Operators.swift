extension JinjaRenderer {
    // MARK: Arithmetic

    func negated(_ value: JinjaValue) throws(JinjaError) -> JinjaValue {
        switch value.number {
        case .int(let number):
            guard number != .min else { throw overflow }
            return .int(-number)
        case .float(let number): return .float(-number)
        case nil: throw failure("'-' needs a number, found \(described(value))")
        }
    }

    private var overflow: JinjaError { unsupported("an integer of more than 64 bits") }

    /// The value of `left operator right`.
    func computed(
        _ found: JinjaOperator, _ left: JinjaValue, _ right: JinjaValue
    ) throws(JinjaError) -> JinjaValue {
        if case .markup = left { throw unsupported("'\(found.rawValue)' with escaped text") }
        if case .markup = right { throw unsupported("'\(found.rawValue)' with escaped text") }
        if let a = left.number, let b = right.number { return try computed(found, a, b) }
        switch (found, left, right) {
        case (.add, .string(let a), .string(let b)):
            try charge(a.utf8.count + b.utf8.count)
            return .string(a + b)
        case (.add, .list(let a), .list(let b)):
            try hold(a.count + b.count)
            return .list(a + b)
        case (.add, .tuple(let a), .tuple(let b)):
            try hold(a.count + b.count)
            return .tuple(a + b)
        case (.multiply, .string(let text), _):
            if let count = right.integer { return .string(try repeated(text, count)) }
        case (.multiply, _, .string(let text)):
            if let count = left.integer { return .string(try repeated(text, count)) }
        case (.multiply, .list(let values), _):
            if let count = right.integer { return .list(try repeated(values, count)) }
        case (.multiply, .tuple(let values), _):
            if let count = right.integer { return .tuple(try repeated(values, count)) }
        case (.multiply, _, .list(let values)):
            if let count = left.integer { return .list(try repeated(values, count)) }
        case (.modulo, .string(let text), _):
            let values: [JinjaValue] =
                if case .tuple(let values) = right { values } else { [right] }
            return .string(try percentFormatted(text, values, whole: right))
        default: break
        }
        for value in [left, right] {
            if case .undefined(let reason) = value {
                throw failure("\(reason), and '\(found.rawValue)' is applied to it")
            }
        }
        throw failure(
            "'\(found.rawValue)' is not defined for \(left.typeName) and \(right.typeName)")
    }

    func repeated(_ text: String, _ count: Int) throws(JinjaError) -> String {
        guard count > 0, !text.isEmpty else { return "" }
        let (bytes, overflow) = text.utf8.count.multipliedReportingOverflow(by: count)
        try charge(overflow ? .max : bytes)
        return String(repeating: text, count: count)
    }

    private func repeated(
        _ values: [JinjaValue], _ count: Int
    ) throws(JinjaError) -> [JinjaValue] {
        guard count > 0, !values.isEmpty else { return [] }
        let (size, overflow) = values.count.multipliedReportingOverflow(by: count)
        try hold(overflow ? .max : size)
        return Array(repeatElement(values, count: count).joined())
    }

    private func computed(
        _ found: JinjaOperator, _ left: JinjaNumber, _ right: JinjaNumber
    ) throws(JinjaError) -> JinjaValue {
        guard case .int(let a) = left, case .int(let b) = right else {
            return try computed(found, left.double, right.double)
        }
        func checked(_ result: (partialValue: Int, overflow: Bool)) throws(JinjaError) -> JinjaValue
        {
            guard !result.overflow else { throw overflow }
            return .int(result.partialValue)
        }
        switch found {
        case .add: return try checked(a.addingReportingOverflow(b))
        case .subtract: return try checked(a.subtractingReportingOverflow(b))
        case .multiply: return try checked(a.multipliedReportingOverflow(by: b))
        case .divide:
            guard b != 0 else { throw failure("division by zero") }
            return .float(Double(a) / Double(b))
        case .floorDivide:
            guard b != 0 else { throw failure("division by zero") }
            guard !(a == .min && b == -1) else { throw overflow }
            return .int(a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0))
        case .modulo:
            guard b != 0 else { throw failure("division by zero") }
            guard b != -1 else { return .int(0) }
            let rest = a % b
            return .int(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest)
        case .power:
            guard b >= 0 else { return try computed(found, Double(a), Double(b)) }
            if a == 0 || a == 1 { return .int(b == 0 ? 1 : a) }
            if a == -1 { return .int(b % 2 == 0 ? 1 : -1) }
            guard b < 64 else { throw overflow }
            var product = JinjaValue.int(1)
            for _ in 0..<b { product = try computed(.multiply, product, .int(a)) }
            return product
        }
    }

    private func computed(
        _ found: JinjaOperator, _ a: Double, _ b: Double
    ) throws(JinjaError) -> JinjaValue {
        switch found {
        case .add: return .float(a + b)
        case .subtract: return .float(a - b)
        case .multiply: return .float(a * b)
        case .divide, .floorDivide, .modulo:
            guard b != 0 else { throw failure("division by zero") }
            if found == .divide { return .float(a / b) }
            var rest = a.truncatingRemainder(dividingBy: b)
            if rest != 0, (rest < 0) != (b < 0) { rest += b }
            if found == .modulo { return .float(rest == 0 && b < 0 ? -0.0 : rest) }
            return .float(((a - rest) / b).rounded())
        case .power: throw unsupported("'**' with other than whole numbers")
        }
    }

    // MARK: Comparisons

    func compared(
        _ first: JinjaExpression, _ others: [(JinjaComparison, JinjaExpression)]
    ) throws(JinjaError) -> Bool {
        var left = try value(first)
        for (comparison, expression) in others {
            let right = try value(expression)
            guard try holds(comparison, left, right) else { return false }
            left = right
        }
        return true
    }

    /// Whether `left comparison right`.
    func holds(
        _ comparison: JinjaComparison, _ left: JinjaValue, _ right: JinjaValue
    ) throws(JinjaError) -> Bool {
        switch comparison {
        case .equal, .notEqual:
            try spend(min(left.size, right.size) / 64)
            return JinjaValue.isEqual(left, right) == (comparison == .equal)
        case .isIn: return try contains(right, left)
        case .isNotIn: return !(try contains(right, left))
        case .less: return try precedes(left, right, "<")
        case .greater: return try precedes(right, left, ">")
        case .lessOrEqual: return try precedes(left, right, "<=", orEqual: true)
        case .greaterOrEqual: return try precedes(right, left, ">=", orEqual: true)
        }
    }

    /// Whether `a` comes before `b`.
    func precedes(
        _ a: JinjaValue, _ b: JinjaValue, _ sign: String, orEqual: Bool = false
    ) throws(JinjaError) -> Bool {
        try spend(1)
        if let a = a.number, let b = b.number {
            if case .int(let a) = a, case .int(let b) = b { return orEqual ? a <= b : a < b }
            return orEqual ? a.double <= b.double : a.double < b.double
        }
        if let a = a.text, let b = b.text {
            try spend(min(a.utf8.count, b.utf8.count) / 64)
            // The order of UTF-8 is that of characters.
            return orEqual
                ? !b.utf8.lexicographicallyPrecedes(a.utf8)
                : a.utf8.lexicographicallyPrecedes(b.utf8)
        }
        switch (a, b) {
        case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
            for (x, y) in zip(a, b) where !JinjaValue.isEqual(x, y) {
                return try precedes(x, y, sign, orEqual: orEqual)
            }
            return orEqual ? a.count <= b.count : a.count < b.count
        case (.undefined(let reason), _), (_, .undefined(let reason)):
            throw failure("\(reason), and '\(sign)' is applied to it")
        default:
            throw failure("'\(sign)' is not defined for \(a.typeName) and \(b.typeName)")
        }
    }

    /// Whether `value in container`.
    func contains(_ container: JinjaValue, _ value: JinjaValue) throws(JinjaError) -> Bool {
        switch container {
        case .string(let text), .markup(let text):
            guard let part = value.text else {
                throw failure("'in' of text needs text, found \(described(value))")
            }
            try spend(text.utf8.count / 64)
            return PythonText.first(part, in: text) != nil
        case .dictionary(let dictionary):
            try checkHashable(value)
            return dictionary.value(of: value) != nil
        case .list, .tuple, .iterator, .undefined:
            let values = try elements(of: container)
            try spend(values.count)
            return values.contains { JinjaValue.isEqual($0, value) }
        default: throw failure("'in' is not defined for a \(container.typeName)")
        }
    }
}

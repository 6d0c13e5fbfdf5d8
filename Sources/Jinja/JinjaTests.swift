/// What may follow `is`.
enum JinjaTests {
    private static let supported: Set<String> = [
        "odd", "even", "divisibleby", "defined", "undefined", "filter", "test", "none", "boolean",
        "false", "true", "integer", "float", "lower", "upper", "string", "mapping", "number",
        "sequence", "iterable", "callable", "sameas", "escaped", "in", "eq", "equalto", "ne", "gt",
        "greaterthan", "ge", "lt", "lessthan", "le", "==", "!=", ">", ">=", "<", "<=",
    ]
    /// Tests that compare, and the operators they stand for.
    static let comparisons: [String: JinjaComparison] = [
        "eq": .equal, "equalto": .equal, "==": .equal, "ne": .notEqual, "!=": .notEqual,
        "gt": .greater, "greaterthan": .greater, ">": .greater, "ge": .greaterOrEqual,
        ">=": .greaterOrEqual, "lt": .less, "lessthan": .less, "<": .less, "le": .lessOrEqual,
        "<=": .lessOrEqual, "in": .isIn,
    ]

    static func isKnown(_ name: String) -> Bool { supported.contains(name) }

    static func check(_ name: String, line: Int) throws(JinjaError) {
        guard isKnown(name) else {
            throw .syntax(line: line, problem: "there is no test '\(name)'")
        }
    }
}

extension JinjaRenderer {
    /// Whether a test holds for a value.
    func test(
        _ name: String, _ value: JinjaValue, _ call: JinjaCall
    ) throws(JinjaError) -> Bool {
        if let comparison = JinjaTests.comparisons[name] {
            return try holds(
                comparison, value, try required(try bound(call, of: name, "other")[0], of: name))
        }
        if name == "divisibleby" || name == "sameas" {
            let other = try required(try bound(call, of: name, "num")[0], of: name)
            guard name == "divisibleby" else { return JinjaValue.isSame(value, other) }
            return JinjaValue.isEqual(try computed(.modulo, value, other), .int(0))
        }
        _ = try bound(call, of: name)
        switch name {
        case "defined": return !value.isUndefined
        case "undefined": return value.isUndefined
        case "none": if case .none = value { return true } else { return false }
        case "boolean": if case .bool = value { return true } else { return false }
        case "true": if case .bool(true) = value { return true } else { return false }
        case "false": if case .bool(false) = value { return true } else { return false }
        case "integer":
            switch value {
            case .int, .bigInteger: return true
            default: return false
            }
        case "float": if case .float = value { return true } else { return false }
        case "number":
            if case .bigInteger = value { return true }
            return value.number != nil
        case "string": return value.text != nil
        case "mapping": if case .dictionary = value { return true } else { return false }
        case "sequence":
            switch value {
            case .undefined, .string, .markup, .list, .tuple, .dictionary: return true
            case .iterator(let iterator): return iterator.kind == .range
            default: return false
            }
        case "iterable":
            switch value {
            case .undefined, .string, .markup, .list, .tuple, .dictionary, .iterator, .loop:
                return true
            default: return false
            }
        case "callable":
            switch value {
            case .function, .macro, .method, .loop, .undefined: return true
            default: return false
            }
        case "escaped": if case .markup = value { return true } else { return false }
        case "lower": return PythonText.isAll(lower: true, try text(of: value))
        case "upper": return PythonText.isAll(lower: false, try text(of: value))
        case "odd": return JinjaValue.isEqual(try computed(.modulo, value, .int(2)), .int(1))
        case "even": return JinjaValue.isEqual(try computed(.modulo, value, .int(2)), .int(0))
        case "filter": return JinjaFilters.supported.contains(value.text ?? "")
        case "test": return JinjaTests.isKnown(value.text ?? "")
        default: throw unsupported("the test '\(name)'")
        }
    }
}

/// The filters that Jinja has, and those that are supported here.
enum JinjaFilters {
    static let supported: Set<String> = [
        "abs", "attr", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e",
        "escape", "first", "float", "forceescape", "format", "indent", "int", "items", "join",
        "last", "length", "list", "lower", "map", "max", "min", "regex_replace", "reject",
        "rejectattr", "replace",
        "reverse", "round", "safe", "select", "selectattr", "slice", "sort", "string", "sum",
        "title", "tojson", "trim", "truncate", "unique", "upper", "wordcount",
    ]
    private static let others: Set<String> = [
        "filesizeformat", "groupby", "pprint", "random", "striptags", "urlencode", "urlize",
        "wordwrap", "xmlattr",
    ]

    static func check(_ name: String, line: Int) throws(JinjaError) {
        if supported.contains(name) { return }
        if others.contains(name) {
            throw .unsupported(line: line, construct: "the filter '\(name)'")
        }
        throw .syntax(line: line, problem: "there is no filter '\(name)'")
    }
}

extension JinjaRenderer {
    /// The value that a filter makes of another.
    func filter(
        _ name: String, _ value: JinjaValue, _ call: JinjaCall
    ) throws(JinjaError) -> JinjaValue {
        if let result = try textFilter(name, value, call) { return result }
        if let result = try sequenceFilter(name, value, call) { return result }
        switch name {
        case "default", "d":
            let arguments = try bound(call, of: name, "default_value", "boolean")
            let isMissing = value.isUndefined || (arguments[1]?.isTrue ?? false) && !value.isTrue
            return isMissing ? arguments[0] ?? .string("") : value
        case "tojson": return .string(try json(value, call))
        case "string":
            _ = try bound(call, of: name)
            if case .markup = value { return value }
            return .string(try text(of: value))
        case "int":
            let arguments = try bound(call, of: name, "default", "base")
            return try int(
                value, otherwise: arguments[0] ?? .int(0),
                base: try integer(arguments[1], of: name, otherwise: 10))
        case "float":
            let otherwise = try bound(call, of: name, "default")[0] ?? .float(0)
            if let number = value.number { return .float(number.double) }
            if case .undefined(let reason) = value { throw failure(reason) }
            guard let text = value.text, let number = PythonText.float(text) else {
                return otherwise
            }
            return .float(number)
        case "abs":
            _ = try bound(call, of: name)
            guard let number = value.number else {
                throw failure("'abs' needs a number, found \(described(value))")
            }
            switch number {
            case .int(let number): return number < 0 ? try negated(.int(number)) : .int(number)
            case .float(let number): return .float(number.magnitude)
            }
        case "round": return try rounded(value, call)
        case "safe":
            _ = try bound(call, of: name)
            return .markup(try text(of: value))
        case "escape", "e", "forceescape":
            _ = try bound(call, of: name)
            if case .markup = value, name != "forceescape" { return value }
            return .markup(Self.escaped(try text(of: value)))
        case "attr":
            let attribute = try text(
                try bound(call, of: name, "name")[0], of: name)
            if case .undefined(let reason) = value { throw failure(reason) }
            return try method(attribute, of: value)
                ?? .undefined("a \(value.typeName) has no attribute '\(attribute)'")
        default: throw unsupported("the filter '\(name)'")
        }
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "'": escaped += "&#39;"
            case "\"": escaped += "&#34;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// JSON text, with the arguments of transformers' `tojson`.
    private func json(_ value: JinjaValue, _ call: JinjaCall) throws(JinjaError) -> String {
        let arguments = try bound(
            call, of: "tojson", "ensure_ascii", "indent", "separators", "sort_keys")
        var json = JinjaJSON()
        json.writer.escapesLetters = arguments[0]?.isTrue ?? false
        json.writer.sortsKeys = arguments[3]?.isTrue ?? false
        var characters = 0
        if let indent = arguments[1] {
            if let text = indent.text {
                json.writer.indent = text
            } else if let count = indent.integer {
                guard count <= 64 else { throw failure("'tojson' with indent \(count)") }
                json.writer.indent = String(repeating: " ", count: max(0, count))
            } else if case .none = indent {
                json.writer.indent = nil
            } else {
                throw failure("'tojson' with an indent that is \(described(indent))")
            }
        }
        if json.writer.indent != nil { json.writer.itemSeparator = "," }
        if let separators = arguments[2], separators.typeName != "NoneType" {
            guard case .tuple(let pair) = separators, pair.count == 2, let item = pair[0].text,
                let key = pair[1].text
            else {
                guard case .list(let pair) = separators, pair.count == 2, let item = pair[0].text,
                    let key = pair[1].text
                else { throw failure("'tojson' with separators that are no pair of texts") }
                (json.writer.itemSeparator, json.writer.keySeparator) = (item, key)
                return try written(value, json)
            }
            (json.writer.itemSeparator, json.writer.keySeparator) = (item, key)
        }
        characters = json.writer.indent?.utf8.count ?? 0
        // Each value stands on a line of its own, some levels deep.
        try charge(value.size * (1 + characters))
        return try written(value, json)
    }

    private func written(_ value: JinjaValue, _ json: JinjaJSON) throws(JinjaError) -> String {
        let text: String
        do throws(JinjaJSON.Problem) {
            text = try json.text(of: value)
        } catch {
            throw failure("'tojson': \(error.text)")
        }
        try charge(text.utf8.count)
        return text
    }

    private func int(
        _ value: JinjaValue, otherwise: JinjaValue, base: Int
    ) throws(JinjaError) -> JinjaValue {
        if case .bigInteger = value { return value }
        guard (2...36).contains(base) else { throw unsupported("'int' with base \(base)") }
        if case .undefined(let reason) = value { throw failure(reason) }
        var number = value.number
        if let text = value.text {
            if let whole = PythonText.integer(text, base: base) { return .int(whole) }
            guard let found = PythonText.float(text) else { return otherwise }
            guard found.isFinite else { return otherwise }
            number = .float(found)
        }
        switch number {
        case .int(let whole): return .int(whole)
        case .float(let found):
            if found.isNaN { return otherwise }
            guard let whole = Int(exactly: found.rounded(.towardZero)) else {
                throw unsupported("an integer of more than 64 bits")
            }
            return .int(whole)
        case nil: return otherwise
        }
    }

    private func rounded(_ value: JinjaValue, _ call: JinjaCall) throws(JinjaError) -> JinjaValue {
        let arguments = try bound(call, of: "round", "precision", "method")
        let precision = try integer(arguments[0], of: "round", otherwise: 0)
        let method = try text(arguments[1], of: "round", otherwise: "common")
        guard let number = value.number else {
            throw failure("'round' needs a number, found \(described(value))")
        }
        guard (0...15).contains(precision) else {
            throw unsupported("'round' with precision \(precision)")
        }
        let scale = (0..<precision).reduce(1.0) { (scale, _) in scale * 10 }
        switch method {
        case "common":
            if case .int = number { return .int(value.integer ?? 0) }
            guard number.double.isFinite, precision > 0 else {
                return .float(number.double.rounded(.toNearestOrEven))
            }
            return .float(Double(PythonFormat.fixed(number.double, precision)) ?? number.double)
        case "ceil": return .float((number.double * scale).rounded(.up) / scale)
        case "floor": return .float((number.double * scale).rounded(.down) / scale)
        default: throw failure("'round' with method '\(method)'")
        }
    }
}

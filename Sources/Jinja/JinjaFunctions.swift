/// The functions that transformers gives to templates.
enum JinjaFunctions {
    static let names: Set<String> = [
        "raise_exception", "strftime_now", "range", "namespace", "dict", "lipsum", "cycler",
        "joiner",
    ]
    /// Elements of a range at most, as in Jinja's sandbox.
    static let longestRange = 100_000
}

extension JinjaRenderer {
    /// The value of a call of one of the environment's functions.
    func call(function name: String, _ call: JinjaCall) throws(JinjaError) -> JinjaValue {
        switch name {
        case "raise_exception":
            let message = try bound(call, of: name, "message")[0]
            throw .raised(line: line, message: try text(of: message ?? .string("")))
        case "strftime_now":
            let format = try text(try bound(call, of: name, "format")[0], of: name)
            guard let clock else { throw unsupported("'strftime_now'") }
            do throws(JinjaClock.UnknownDirective) {
                return .string(try clock.text(format))
            } catch {
                throw unsupported("'\(error.directive)' in 'strftime_now'")
            }
        case "range": return try range(call)
        case "namespace":
            var attributes: [String: JinjaValue] = [:]
            if let first = call.positional.first {
                guard call.positional.count == 1, case .dictionary(let dictionary) = first else {
                    throw unsupported("'namespace' of other than a dictionary")
                }
                for entry in dictionary.entries {
                    if let key = entry.key.text { attributes[key] = entry.value }
                }
            }
            for keyword in call.keywords { attributes[keyword.name] = keyword.value }
            if let name = attributes.keys.first(where: { $0.hasPrefix("_") }) {
                throw failure("the attribute '\(name)' of a namespace begins with '_'")
            }
            return .namespace(makeNamespace(attributes))
        case "dict":
            let dictionary = JinjaDictionary()
            if let first = call.positional.first {
                guard call.positional.count == 1 else {
                    throw failure("'dict' takes one argument without a name")
                }
                if case .dictionary(let other) = first {
                    for entry in other.entries { dictionary.set(entry.key, entry.value) }
                } else {
                    for pair in try elements(of: first) {
                        let parts = try elements(of: pair)
                        guard parts.count == 2 else { throw failure("'dict' of other than pairs") }
                        try checkHashable(parts[0])
                        dictionary.set(parts[0], parts[1])
                    }
                }
            }
            for keyword in call.keywords { dictionary.set(.string(keyword.name), keyword.value) }
            try spend(dictionary.entries.count)
            return .dictionary(dictionary)
        default: throw unsupported("'\(name)'")
        }
    }

    private func range(_ call: JinjaCall) throws(JinjaError) -> JinjaValue {
        guard call.keywords.isEmpty, (1...3).contains(call.positional.count) else {
            throw failure("'range' takes one to three numbers")
        }
        var numbers: [Int] = []
        for value in call.positional {
            numbers.append(try integer(value, of: "range", otherwise: 0))
        }
        let start = numbers.count > 1 ? numbers[0] : 0
        let stop = numbers.count > 1 ? numbers[1] : numbers[0]
        let step = numbers.count > 2 ? numbers[2] : 1
        guard step != 0 else { throw failure("'range' with step 0") }
        let count = max(0, ((Double(stop) - Double(start)) / Double(step)).rounded(.up))
        guard count <= Double(JinjaFunctions.longestRange) else {
            throw .limit(
                line: line,
                what: "a range of more than \(JinjaFunctions.longestRange) numbers")
        }
        try hold(Int(count))
        let values = (0..<Int(count)).map { JinjaValue.int(start &+ $0 &* step) }
        return .iterator(JinjaIterator(.range, values))
    }
}

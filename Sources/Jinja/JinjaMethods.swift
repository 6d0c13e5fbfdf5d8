/// The methods of values, and the attributes of loops and namespaces.
enum JinjaMethods {
    static let text: Set<String> = [
        "capitalize", "center", "count", "endswith", "find", "format", "index", "isalnum",
        "isalpha", "isascii", "isdecimal", "isdigit", "islower", "isnumeric", "isspace", "istitle",
        "isupper", "join", "ljust", "lower", "lstrip", "partition", "removeprefix", "removesuffix",
        "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip", "split",
        "splitlines", "startswith", "strip", "swapcase", "title", "upper", "zfill",
    ]
    /// Methods of text that Python has and that are not supported here.
    static let otherText: Set<String> = [
        "casefold", "encode", "expandtabs", "format_map", "isidentifier", "isprintable",
        "maketrans", "translate",
    ]
    static let list: Set<String> = ["copy", "count", "index"]
    static let listChanges: Set<String> = [
        "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort",
    ]
    static let tuple: Set<String> = ["count", "index"]
    static let dictionary: Set<String> = ["copy", "get", "items", "keys", "values"]
    static let dictionaryChanges: Set<String> = [
        "clear", "pop", "popitem", "setdefault", "update",
    ]
    static let numbers: Set<String> = [
        "as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "from_bytes",
        "fromhex", "hex", "imag", "is_integer", "numerator", "real", "to_bytes",
    ]
}

extension JinjaRenderer {
    /// The method or attribute of a value; `nil` where it has none of that name.
    ///
    /// - Throws: ``JinjaError/unsupported(line:construct:)`` for one that Python has.
    func method(_ name: String, of object: JinjaValue) throws(JinjaError) -> JinjaValue? {
        if name.hasPrefix("__"), name.hasSuffix("__") {
            // As in Jinja's sandbox: nothing to be seen, and an error where it is used.
            return .undefined("access to '\(name)' is not safe")
        }
        func found(_ names: Set<String>) -> JinjaValue? {
            names.contains(name) ? .method(JinjaMethod(object, name)) : nil
        }
        switch object {
        case .string, .markup:
            if let method = found(JinjaMethods.text) { return method }
            if JinjaMethods.otherText.contains(name) { throw unsupported("'.\(name)' of text") }
            return nil
        case .list:
            // As in Jinja's sandbox, what would change a value is not there.
            if JinjaMethods.listChanges.contains(name) {
                return .undefined("'.\(name)' would change a list, which templates may not")
            }
            return found(JinjaMethods.list)
        case .tuple: return found(JinjaMethods.tuple)
        case .dictionary:
            if JinjaMethods.dictionaryChanges.contains(name) {
                return .undefined("'.\(name)' would change a dictionary, which templates may not")
            }
            if name == "fromkeys" { throw unsupported("'.fromkeys'") }
            return found(JinjaMethods.dictionary)
        case .namespace(let namespace): return namespace.attributes[name]
        case .loop(let loop): return try attribute(name, of: loop)
        case .int, .float, .bool, .bigInteger:
            if JinjaMethods.numbers.contains(name) { throw unsupported("'.\(name)' of a number") }
            return nil
        case .macro, .function, .method, .iterator:
            throw unsupported("'.\(name)' of a \(object.typeName)")
        case .none, .undefined: return nil
        }
    }

    private func attribute(_ name: String, of loop: JinjaLoop) throws(JinjaError) -> JinjaValue? {
        let (index, count) = (loop.index, loop.values.count)
        switch name {
        case "index": return .int(index + 1)
        case "index0": return .int(index)
        case "revindex": return .int(count - index)
        case "revindex0": return .int(count - index - 1)
        case "first": return .bool(index == 0)
        case "last": return .bool(index == count - 1)
        case "length": return .int(count)
        case "depth": return .int(1)
        case "depth0": return .int(0)
        case "previtem":
            return index > 0 ? loop.values[index - 1] : .undefined("there is no previous item")
        case "nextitem":
            return index + 1 < count
                ? loop.values[index + 1] : .undefined("there is no next item")
        case "cycle", "changed": return .method(JinjaMethod(.loop(loop), name))
        default: return nil
        }
    }

    /// The value of a call of a method.
    func call(_ method: JinjaMethod, _ call: JinjaCall) throws(JinjaError) -> JinjaValue {
        switch method.receiver {
        case .string(let text): return try self.call(method.name, of: text, call)
        case .markup: throw unsupported("'.\(method.name)' of escaped text")
        case .dictionary(let dictionary):
            return try self.call(method.name, of: dictionary, call)
        case .list(let values):
            if method.name == "copy" { return method.receiver }
            return try find(method.name, in: values, call)
        case .tuple(let values): return try find(method.name, in: values, call)
        case .loop(let loop):
            guard call.keywords.isEmpty else { throw failure("'\(method.name)' takes no names") }
            if method.name == "cycle" {
                guard !call.positional.isEmpty else { throw failure("'cycle' lacks an argument") }
                return call.positional[loop.index % call.positional.count]
            }
            let isSame = loop.lastChange.map {
                JinjaValue.isEqual(.list($0), .list(call.positional))
            }
            loop.lastChange = call.positional
            return .bool(!(isSame ?? false))
        default: throw unsupported("'.\(method.name)' of a \(method.receiver.typeName)")
        }
    }

    private func find(
        _ name: String, in values: [JinjaValue], _ call: JinjaCall
    ) throws(JinjaError) -> JinjaValue {
        try spend(values.count)
        let value = try required(try bound(call, of: name, "value")[0], of: name)
        if name == "count" { return .int(values.count { JinjaValue.isEqual($0, value) }) }
        guard let place = values.firstIndex(where: { JinjaValue.isEqual($0, value) }) else {
            throw failure("'index' of a value that is not there")
        }
        return .int(place)
    }

    private func call(
        _ name: String, of dictionary: JinjaDictionary, _ call: JinjaCall
    ) throws(JinjaError) -> JinjaValue {
        if name == "get" {
            let arguments = try bound(call, of: name, "key", "default")
            let key = try required(arguments[0], of: name)
            try checkHashable(key)
            return dictionary.value(of: key) ?? arguments[1] ?? .none
        }
        _ = try bound(call, of: name)
        try hold(3 * dictionary.entries.count)
        switch name {
        case "keys": return .iterator(JinjaIterator(.keys, dictionary.entries.map(\.key)))
        case "values": return .iterator(JinjaIterator(.values, dictionary.entries.map(\.value)))
        case "items": return .iterator(JinjaIterator(.items, dictionary.pairs))
        default: return .dictionary(dictionary)
        }
    }
}

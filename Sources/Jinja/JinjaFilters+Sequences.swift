extension JinjaRenderer {
    /// The value of a filter that works on several values; `nil` where the name is another's.
    func sequenceFilter(
        _ name: String, _ value: JinjaValue, _ call: JinjaCall
    ) throws(JinjaError) -> JinjaValue? {
        switch name {
        case "length", "count":
            _ = try bound(call, of: name)
            return .int(try length(of: value))
        case "first": return try first(value, call, name)
        case "last": return try last(value, call, name)
        case "list":
            _ = try bound(call, of: name)
            return .list(try elements(of: value))
        case "join": return .string(try joined(value, call))
        case "reverse": return try reversed(value, call, name)
        case "items": return try items(value, call, name)
        case "map": return .iterator(JinjaIterator(.generator, try mapped(value, call)))
        case "select", "reject", "selectattr", "rejectattr":
            return .iterator(
                JinjaIterator(
                    .generator,
                    try selected(
                        value, call, name, byAttribute: name.hasSuffix("attr"),
                        keeps: name.hasPrefix("select"))))
        case "sort":
            let arguments = try bound(call, of: name, "reverse", "case_sensitive", "attribute")
            return .list(
                try sorted(
                    try elements(of: value), reversed: arguments[0]?.isTrue ?? false,
                    try keys(arguments[2], isCaseSensitive: arguments[1]?.isTrue ?? false)))
        case "dictsort": return .list(try dictionarySorted(value, call))
        case "unique": return try unique(value, call, name)
        case "min", "max": return try extreme(value, call, name)
        case "sum": return try sum(value, call, name)
        case "batch", "slice": return .iterator(try divided(name, value, call))
        default: return nil
        }
    }

    /// `first`.
    private func first(
        _ value: JinjaValue, _ call: JinjaCall, _ name: String
    ) throws(JinjaError) -> JinjaValue {
        _ = try bound(call, of: name)
        if case .iterator(let iterator) = value {
            return iterator.next() ?? .undefined("the first of nothing")
        }
        return try elements(of: value).first ?? .undefined("the first of nothing")
    }

    /// `last`.
    private func last(
        _ value: JinjaValue, _ call: JinjaCall, _ name: String
    ) throws(JinjaError) -> JinjaValue {
        _ = try bound(call, of: name)
        if case .iterator(let iterator) = value, iterator.kind == .generator {
            throw failure("the last of a generator is asked for; make it a list first")
        }
        return try elements(of: value).last ?? .undefined("the last of nothing")
    }

    /// `reverse`.
    private func reversed(
        _ value: JinjaValue, _ call: JinjaCall, _ name: String
    ) throws(JinjaError) -> JinjaValue {
        _ = try bound(call, of: name)
        switch value {
        case .string(let text):
            try charge(text.utf8.count)
            return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
        case .list, .tuple, .dictionary, .iterator:
            return .iterator(JinjaIterator(.generator, try elements(of: value).reversed()))
        default: throw failure("'reverse' of a \(value.typeName)")
        }
    }

    /// `items`.
    private func items(
        _ value: JinjaValue, _ call: JinjaCall, _ name: String
    ) throws(JinjaError) -> JinjaValue {
        _ = try bound(call, of: name)
        if case .undefined = value { return .iterator(JinjaIterator(.generator, [])) }
        guard case .dictionary(let dictionary) = value else {
            throw failure("'items' needs a dictionary, found \(described(value))")
        }
        try hold(3 * dictionary.entries.count)
        return .iterator(JinjaIterator(.generator, dictionary.pairs))
    }

    /// `unique`.
    private func unique(
        _ value: JinjaValue, _ call: JinjaCall, _ name: String
    ) throws(JinjaError) -> JinjaValue {
        let arguments = try bound(call, of: name, "case_sensitive", "attribute")
        let key = try keys(arguments[1], isCaseSensitive: arguments[0]?.isTrue ?? false)
        let seen = JinjaDictionary()
        var kept: [JinjaValue] = []
        for item in try elements(of: value) {
            try spend(1 + seen.entries.count / 16)
            let key = try key(item)
            try checkHashable(key)
            if seen.value(of: key) == nil { kept.append(item) }
            seen.set(key, .none)
        }
        return .iterator(JinjaIterator(.generator, kept))
    }

    /// `min` and `max`.
    private func extreme(
        _ value: JinjaValue, _ call: JinjaCall, _ name: String
    ) throws(JinjaError) -> JinjaValue {
        let arguments = try bound(call, of: name, "case_sensitive", "attribute")
        let key = try keys(arguments[1], isCaseSensitive: arguments[0]?.isTrue ?? false)
        var best: (value: JinjaValue, key: JinjaValue)?
        for item in try elements(of: value) {
            let found = try key(item)
            if let known = best {
                let isBetter =
                    name == "min"
                    ? try precedes(found, known.key, "<")
                    : try precedes(known.key, found, ">")
                guard isBetter else { continue }
            }
            best = (item, found)
        }
        return best?.value ?? .undefined("the \(name) of nothing")
    }

    /// `sum`.
    private func sum(
        _ value: JinjaValue, _ call: JinjaCall, _ name: String
    ) throws(JinjaError) -> JinjaValue {
        let arguments = try bound(call, of: name, "attribute", "start")
        var sum = arguments[1] ?? .int(0)
        if sum.text != nil { throw failure("'sum' of text; use 'join'") }
        for item in try elements(of: value) {
            try spend(1)
            sum = try computed(.add, sum, try attributes(arguments[0], of: item))
        }
        return sum
    }

    func length(of value: JinjaValue) throws(JinjaError) -> Int {
        switch value {
        case .undefined: return 0
        case .string(let text), .markup(let text):
            try spend(text.utf8.count / 64)
            return text.unicodeScalars.count
        case .list(let values), .tuple(let values): return values.count
        case .dictionary(let dictionary): return dictionary.entries.count
        case .iterator(let iterator) where iterator.kind != .generator:
            return iterator.values.count
        case .loop(let loop): return loop.values.count
        default: throw failure("a \(value.typeName) has no length")
        }
    }

    private func joined(_ value: JinjaValue, _ call: JinjaCall) throws(JinjaError) -> String {
        let arguments = try bound(call, of: "join", "d", "attribute")
        let separator = try text(of: arguments[0] ?? .string(""))
        var result = ""
        for (index, item) in try elements(of: value).enumerated() {
            let part = try text(of: try attributes(arguments[1], of: item))
            try charge(part.utf8.count + separator.utf8.count)
            if index > 0 { result += separator }
            result += part
        }
        return result
    }

    // MARK: Attributes by name

    /// The attribute that a filter's argument names, `author.name` or `0`; the value itself where
    /// there is no argument.
    private func attributes(
        _ path: JinjaValue?, of value: JinjaValue, otherwise: JinjaValue? = nil
    ) throws(JinjaError) -> JinjaValue {
        guard let path, path.typeName != "NoneType" else { return value }
        guard let names = path.text else { return try item(path, of: value) }
        var value = value
        for name in PythonText.split(names, by: ".", limit: -1, fromEnd: false) {
            let isNumber = !name.isEmpty && name.utf8.allSatisfy { (0x30...0x39).contains($0) }
            let index = isNumber ? Int(name) : nil
            value = try item(index.map(JinjaValue.int) ?? .string(name), of: value)
            if value.isUndefined, let otherwise { value = otherwise }
        }
        return value
    }

    /// What values are compared by.
    private func keys(
        _ path: JinjaValue?, isCaseSensitive: Bool
    ) throws(JinjaError) -> (JinjaValue) throws(JinjaError) -> JinjaValue {
        if let text = path?.text, text.contains(",") {
            throw unsupported("an attribute of several names")
        }
        return { (value) throws(JinjaError) -> JinjaValue in
            let key = try self.attributes(path, of: value)
            guard !isCaseSensitive, let text = key.text else { return key }
            return .string(PythonText.lowercased(text))
        }
    }

    private func mapped(_ value: JinjaValue, _ call: JinjaCall) throws(JinjaError) -> [JinjaValue] {
        guard value.isTrue else { return [] }
        var result: [JinjaValue] = []
        if call.positional.isEmpty, call.keywords.contains(where: { $0.name == "attribute" }) {
            let named = try bound(call, of: "map", "attribute", "default")
            let otherwise = named[1].flatMap { $0.typeName == "NoneType" ? nil : $0 }
            for item in try elements(of: value) {
                try hold(1)
                result.append(try attributes(named[0], of: item, otherwise: otherwise))
            }
            return result
        }
        let name = try text(call.positional.first, of: "map")
        try JinjaFilters.check(name, line: line)
        let rest = JinjaCall(
            positional: Array(call.positional.dropFirst()), keywords: call.keywords)
        for item in try elements(of: value) {
            try hold(1)
            result.append(try filter(name, item, rest))
        }
        return result
    }

    private func selected(
        _ value: JinjaValue, _ call: JinjaCall, _ filter: String, byAttribute: Bool, keeps: Bool
    ) throws(JinjaError) -> [JinjaValue] {
        guard value.isTrue else { return [] }
        var arguments = call.positional[...]
        var path: JinjaValue?
        if byAttribute {
            path = try required(arguments.first, of: filter)
            arguments = arguments.dropFirst()
        }
        var name: String?
        if let test = arguments.first {
            let found = try text(test, of: filter)
            try JinjaTests.check(found, line: line)
            name = found
        }
        let rest = JinjaCall(
            positional: Array(arguments.dropFirst()), keywords: call.keywords)
        var kept: [JinjaValue] = []
        for item in try elements(of: value) {
            try hold(1)
            let tested = try attributes(path, of: item)
            let holds =
                try name.map { (name) throws(JinjaError) in
                    try test(name, tested, rest)
                } ?? tested.isTrue
            if holds == keeps { kept.append(item) }
        }
        return kept
    }

    // MARK: Order

    /// Values in the order of their keys; equal ones stay as they were.
    func sorted(
        _ values: [JinjaValue], reversed: Bool,
        _ key: (JinjaValue) throws(JinjaError) -> JinjaValue
    ) throws(JinjaError) -> [JinjaValue] {
        var keyed: [(key: JinjaValue, value: JinjaValue)] = []
        try hold(4 * values.count)
        for value in values { keyed.append((try key(value), value)) }
        // As in Python a reversed order keeps equal values in their own order, too.
        keyed = try mergeSorted(keyed[...], reversed)
        return keyed.map(\.value)
    }

    private func mergeSorted(
        _ values: ArraySlice<(key: JinjaValue, value: JinjaValue)>, _ reversed: Bool
    ) throws(JinjaError) -> [(key: JinjaValue, value: JinjaValue)] {
        guard values.count > 1 else { return Array(values) }
        let middle = values.startIndex + values.count / 2
        let left = try mergeSorted(values[..<middle], reversed)
        let right = try mergeSorted(values[middle...], reversed)
        var merged: [(key: JinjaValue, value: JinjaValue)] = []
        merged.reserveCapacity(values.count)
        var (i, j) = (0, 0)
        while i < left.count, j < right.count {
            let takesRight =
                reversed
                ? try precedes(left[i].key, right[j].key, "<")
                : try precedes(right[j].key, left[i].key, "<")
            if takesRight {
                merged.append(right[j])
                j += 1
            } else {
                merged.append(left[i])
                i += 1
            }
        }
        return merged + left[i...] + right[j...]
    }

    private func dictionarySorted(
        _ value: JinjaValue, _ call: JinjaCall
    ) throws(JinjaError) -> [JinjaValue] {
        let arguments = try bound(call, of: "dictsort", "case_sensitive", "by", "reverse")
        guard case .dictionary(let dictionary) = value else {
            throw failure("'dictsort' needs a dictionary, found \(described(value))")
        }
        let by = try text(arguments[1], of: "dictsort", otherwise: "key")
        guard by == "key" || by == "value" else { throw failure("'dictsort' by '\(by)'") }
        let isCaseSensitive = arguments[0]?.isTrue ?? false
        try hold(3 * dictionary.entries.count)
        let key = try keys(.int(by == "key" ? 0 : 1), isCaseSensitive: isCaseSensitive)
        return try sorted(dictionary.pairs, reversed: arguments[2]?.isTrue ?? false, key)
    }

    private func divided(
        _ name: String, _ value: JinjaValue, _ call: JinjaCall
    ) throws(JinjaError) -> JinjaIterator {
        let arguments = try bound(
            call, of: name, name == "batch" ? "linecount" : "slices", "fill_with")
        let count = try integer(arguments[0], of: name, otherwise: 0)
        let fill = arguments[1].flatMap { $0.typeName == "NoneType" ? nil : $0 }
        let values = try elements(of: value)
        guard count > 0 else { throw failure("'\(name)' into \(count)") }
        try hold(values.count)
        try hold(fill == nil ? 0 : count)
        var parts: [JinjaValue] = []
        if name == "batch" {
            var start = 0
            while start < values.count {
                let end = start + min(count, values.count - start)
                var part = Array(values[start..<end])
                if let fill { part += repeatElement(fill, count: count - part.count) }
                parts.append(.list(part))
                start = end
            }
        } else {
            try hold(count)
            let (size, extra) = (values.count / count, values.count % count)
            var start = 0
            for number in 0..<count {
                let end = start + size + (number < extra ? 1 : 0)
                var part = Array(values[start..<end])
                if let fill, number >= extra { part.append(fill) }
                parts.append(.list(part))
                start = end
            }
        }
        return JinjaIterator(.generator, parts)
    }
}

extension JinjaDictionary {
    /// Keys and values as tuples.
    var pairs: [JinjaValue] { entries.map { .tuple([$0.key, $0.value]) } }
}

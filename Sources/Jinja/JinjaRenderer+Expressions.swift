/// The values of a call.
struct JinjaCall {
    var positional: [JinjaValue] = []
    var keywords: [(name: String, value: JinjaValue)] = []
}

extension JinjaRenderer {
    /// The value of an expression.
    func value(_ expression: JinjaExpression) throws(JinjaError) -> JinjaValue {
        try spend(1)
        try deeper()
        let result = try evaluated(expression)
        higher()
        return result
    }

    private func evaluated(_ expression: JinjaExpression) throws(JinjaError) -> JinjaValue {
        switch expression.kind {
        case .literal(let literal): return JinjaValue(literal)
        case .name(let name): return named(name)
        case .list(let parts): return .list(try values(parts))
        case .tuple(let parts): return .tuple(try values(parts))
        case .dictionary(let members): return try dictionary(members)
        case .and(let left, let right):
            let first = try value(left)
            return try isTrue(first) ? try value(right) : first
        case .or(let left, let right):
            let first = try value(left)
            return try isTrue(first) ? first : try value(right)
        case .not(let inner): return .bool(!(try isTrue(try value(inner))))
        case .conditional(let test, let then, let otherwise):
            if try isTrue(try value(test)) { return try value(then) }
            guard let otherwise else {
                return .undefined("an 'if' without 'else' whose condition does not hold")
            }
            return try value(otherwise)
        default: break
        }
        line = expression.line
        switch expression.kind {
        case .negative(let inner): return try negated(try value(inner))
        case .positive(let inner):
            let inner = try value(inner)
            guard inner.number != nil else {
                throw failure("'+' needs a number, found \(described(inner))")
            }
            return inner.integer.map(JinjaValue.int) ?? inner
        case .binary(let found, let left, let right):
            let left = try value(left)
            return try computed(found, left, try value(right))
        case .concatenation(let parts):
            var text = ""
            for part in parts { text += try self.text(of: try value(part)) }
            try charge(text.utf8.count)
            return .string(text)
        case .comparison(let first, let others): return .bool(try compared(first, others))
        case .attribute(let object, let name):
            return try attribute(name, of: try value(object))
        case .item(let object, let index):
            let object = try value(object)
            return try item(try value(index), of: object)
        case .slice(let object, let slice): return try sliced(try value(object), slice)
        case .call(let callee, let arguments):
            return try call(callee, arguments, caller: nil)
        case .filter(let inner, let filter): return try filtered(try value(inner), [filter])
        case .test(let inner, let name, let arguments):
            let inner = try value(inner)
            return .bool(try test(name, inner, try values(of: arguments)))
        default: return .none
        }
    }

    private func named(_ name: String) -> JinjaValue {
        if let value = scope[name] { return value }
        if JinjaFunctions.names.contains(name) { return .function(name) }
        return .undefined("'\(name)' is undefined")
    }

    private func values(_ parts: [JinjaExpression]) throws(JinjaError) -> [JinjaValue] {
        var values: [JinjaValue] = []
        values.reserveCapacity(parts.count)
        for part in parts { values.append(try value(part)) }
        return values
    }

    func values(of arguments: JinjaArguments) throws(JinjaError) -> JinjaCall {
        var call = JinjaCall()
        call.positional = try values(arguments.positional)
        for keyword in arguments.keywords {
            call.keywords.append((keyword.name, try value(keyword.value)))
        }
        return call
    }

    private func dictionary(
        _ members: [(key: JinjaExpression, value: JinjaExpression)]
    ) throws(JinjaError) -> JinjaValue {
        let dictionary = JinjaDictionary()
        for member in members {
            let key = try value(member.key)
            try checkHashable(key)
            dictionary.set(key, try value(member.value))
        }
        return .dictionary(dictionary)
    }

    func checkHashable(_ key: JinjaValue) throws(JinjaError) {
        switch key {
        case .list, .dictionary, .undefined, .namespace, .loop, .iterator:
            throw failure("a \(key.typeName) cannot be a key")
        default: break
        }
    }

    /// A value as a message names it.
    func described(_ value: JinjaValue) -> String {
        if case .undefined(let reason) = value { return reason }
        return "a \(value.typeName)"
    }

    /// Applies filters one after another.
    func filtered(
        _ value: JinjaValue, _ filters: [JinjaFilterUse]
    ) throws(JinjaError) -> JinjaValue {
        var value = value
        for filter in filters {
            line = filter.line
            let arguments = try values(of: filter.arguments)
            line = filter.line
            if filter.name != "default", filter.name != "d" { try requireDefined(value) }
            value = try self.filter(filter.name, value, arguments)
        }
        return value
    }

    /// What is called, and with what.
    func call(
        _ callee: JinjaExpression, _ arguments: JinjaArguments, caller: JinjaMacro?
    ) throws(JinjaError) -> JinjaValue {
        let place = line
        let function = try value(callee)
        let arguments = try values(of: arguments)
        line = place
        if caller != nil {
            guard case .macro = function else { throw failure("'call' needs a macro") }
        }
        switch function {
        case .macro(let macro): return try call(macro, arguments, caller: caller)
        case .function(let name): return try call(function: name, arguments)
        case .method(let method): return try call(method, arguments)
        case .undefined(let reason): throw failure("\(reason), and it is called")
        case .loop: throw unsupported("a recursive loop")
        default: throw failure("a \(function.typeName) cannot be called")
        }
    }

    // MARK: Parts of values

    /// What a loop goes through.
    func elements(of value: JinjaValue) throws(JinjaError) -> [JinjaValue] {
        switch value {
        case .list(let values), .tuple(let values): return values
        case .dictionary(let dictionary): return dictionary.entries.map(\.key)
        case .iterator(let iterator): return iterator.take()
        case .string(let text):
            try hold(text.utf8.count)
            return text.unicodeScalars.map { .string(String($0)) }
        case .undefined:
            try requireDefined(value)
            return []
        case .markup: throw unsupported("a loop over text made by 'safe' or 'escape'")
        default: throw failure("a \(value.typeName) cannot be gone through")
        }
    }

    /// `object.name`: a method or attribute first, then a key.
    func attribute(_ name: String, of object: JinjaValue) throws(JinjaError) -> JinjaValue {
        if case .undefined(let reason) = object {
            throw failure("\(reason), and '.\(name)' is asked of it")
        }
        if let method = try method(name, of: object) { return method }
        if case .dictionary(let dictionary) = object, let value = dictionary.value(of: name) {
            return value
        }
        return .undefined("a \(object.typeName) has no '\(name)'")
    }

    /// `object[index]`: an element or key first, then a method or attribute.
    func item(_ index: JinjaValue, of object: JinjaValue) throws(JinjaError) -> JinjaValue {
        switch object {
        case .undefined(let reason):
            throw failure("\(reason), and an element of it is asked for")
        case .dictionary(let dictionary):
            if let value = dictionary.value(of: index) { return value }
        case .list(let values), .tuple(let values):
            if let value = Self.element(index, of: values) { return value }
        case .iterator(let iterator) where iterator.kind == .range:
            if let value = Self.element(index, of: iterator.values) { return value }
        case .string(let text):
            if let index = index.integer {
                try spend(text.utf8.count / 16)
                let scalars = text.unicodeScalars
                let place = index < 0 ? scalars.count + index : index
                if place >= 0,
                    let at = scalars.index(
                        scalars.startIndex, offsetBy: place, limitedBy: scalars.endIndex),
                    at < scalars.endIndex
                {
                    return .string(String(scalars[at]))
                }
            }
        case .markup: throw unsupported("a character of text made by 'safe' or 'escape'")
        default: break
        }
        if let name = index.text, let method = try method(name, of: object) { return method }
        return .undefined("a \(object.typeName) has no element \(index.pythonRepr ?? "like it")")
    }

    private static func element(_ index: JinjaValue, of values: [JinjaValue]) -> JinjaValue? {
        guard let index = index.integer else { return nil }
        let place = index < 0 ? values.count + index : index
        return values.indices.contains(place) ? values[place] : nil
    }

    private func sliced(
        _ object: JinjaValue, _ slice: JinjaSlice
    ) throws(JinjaError) -> JinjaValue {
        var bounds: [Int?] = []
        for part in [slice.start, slice.stop, slice.step] {
            guard let part else {
                bounds.append(nil)
                continue
            }
            let bound = try value(part)
            if case .none = bound {
                bounds.append(nil)
            } else if let bound = bound.integer {
                bounds.append(bound)
            } else {
                return .undefined("a slice with \(described(bound))")
            }
        }
        switch object {
        case .undefined(let reason): throw failure("\(reason), and a part of it is asked for")
        case .list(let values):
            return .list(try places(bounds, values.count).map { values[$0] })
        case .tuple(let values):
            return .tuple(try places(bounds, values.count).map { values[$0] })
        case .iterator(let iterator) where iterator.kind == .range:
            throw unsupported("a part of a range")
        case .string(let text): return .string(try part(bounds, of: text))
        case .markup: throw unsupported("a part of text made by 'safe' or 'escape'")
        default: return .undefined("a \(object.typeName) has no parts")
        }
    }

    private func part(_ bounds: [Int?], of text: String) throws(JinjaError) -> String {
        try charge(text.utf8.count)
        let scalars = text.unicodeScalars
        let count = scalars.count
        guard bounds[2] ?? 1 == 1 else {
            try charge(4 * count)
            let all = Array(scalars)
            var part = String.UnicodeScalarView()
            for place in try places(bounds, count) { part.append(all[place]) }
            return String(part)
        }
        let start = Self.clamped(bounds[0] ?? 0, count, 0, count)
        let stop = Self.clamped(bounds[1] ?? count, count, 0, count)
        guard start < stop else { return "" }
        let first = scalars.index(scalars.startIndex, offsetBy: start)
        return String(scalars[first..<scalars.index(first, offsetBy: stop - start)])
    }

    /// A bound of a slice of `count` elements; negative ones count from the end.
    private static func clamped(_ bound: Int, _ count: Int, _ lowest: Int, _ highest: Int) -> Int {
        min(max(bound < 0 ? max(bound, -count - 1) + count : bound, lowest), highest)
    }

    /// The places that a slice of `count` elements takes.
    private func places(_ bounds: [Int?], _ count: Int) throws(JinjaError) -> [Int] {
        let step = bounds[2] ?? 1
        guard step != 0 else { throw failure("a slice with step 0") }
        try hold(count)
        if step > 0 {
            let start = Self.clamped(bounds[0] ?? 0, count, 0, count)
            let stop = Self.clamped(bounds[1] ?? count, count, 0, count)
            guard start < stop else { return [] }
            return Array(stride(from: start, to: stop, by: min(step, count)))
        }
        let start = bounds[0].map { Self.clamped($0, count, -1, count - 1) } ?? count - 1
        let stop = bounds[1].map { Self.clamped($0, count, -1, count - 1) } ?? -1
        guard start > stop else { return [] }
        return Array(stride(from: start, to: stop, by: max(step, -count)))
    }
}

import Files

/// Reading adapter_config.json: each key has one of the forms that its program writes, or an
/// error names it.
extension KeyedObject {
    /// - Throws: ``FinetuningError/badConfiguration(file:reason:)`` for another type; so do the
    ///   others.
    func flag(_ key: String) throws(FinetuningError) -> Bool? {
        guard let value = self[key] else { return nil }
        guard let flag = value.bool else { throw wrong(key, value, "true or false") }
        return flag
    }

    func text(_ key: String) throws(FinetuningError) -> String? {
        guard let value = self[key] else { return nil }
        guard let text = value.string else { throw wrong(key, value, "a text") }
        return text
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(FinetuningError) -> Int? {
        guard let value = self[key] else { return nil }
        return try integer(value, key, in: range)
    }

    func integer(
        _ value: JSONValue, _ key: String, in range: ClosedRange<Int>
    ) throws(FinetuningError) -> Int {
        guard let integer = value.integer, range.contains(integer) else {
            throw wrong(
                key, value, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    /// A number that is finite in float32.
    func number(_ key: String) throws(FinetuningError) -> Float? {
        guard let value = self[key] else { return nil }
        return try number(value, key)
    }

    func number(_ value: JSONValue, _ key: String) throws(FinetuningError) -> Float {
        guard let number = value.double.map({ Float($0) }), number.isFinite else {
            throw wrong(key, value, "a finite number")
        }
        return number
    }

    /// A list of texts.
    func texts(_ key: String) throws(FinetuningError) -> [String]? {
        guard let value = self[key] else { return nil }
        return try texts(value, key)
    }

    func texts(_ value: JSONValue, _ key: String) throws(FinetuningError) -> [String] {
        var texts: [String] = []
        for item in value.array ?? [.null] {
            guard let text = item.string else { throw wrong(key, value, "a list of names") }
            texts.append(text)
        }
        return texts
    }

    /// An error for a key that has a value of another form.
    func wrong(_ key: String, _ value: JSONValue, _ expected: String) -> FinetuningError {
        .badConfiguration(
            file: file, reason: "'\(name(key))' is \(value.kind), expected \(expected)")
    }

    /// Refuses keys that could change the answer and were not used.
    ///
    /// - Throws: ``FinetuningError/unusedKey(_:)``.
    func refuseOthers(harmless: [String: HarmlessKey]) throws(FinetuningError) {
        do {
            try refuseUnused(harmless: harmless)
        } catch {
            throw .unusedKey(error)
        }
    }
}

/// A JSON object of a file that another program wrote, and what was read of it.
///
/// What a file says and a reader passes over can change the answer without a word. A reader
/// therefore asks this for its keys; at the end ``refuseUnused(harmless:)`` throws for a key that
/// was neither asked for nor is known to be harmless at its value.
///
/// Objects that lie in one another share one record; a key is named with its path,
/// `rope_parameters.factor`.
package struct KeyedObject {
    /// The file, as messages name it.
    package let file: String
    package let members: [JSONValue.Member]
    /// The keys that lead here, each followed by a dot; empty at the top.
    private let path: String
    private let record: Record

    /// The keys of one file that were asked for, by their paths.
    private final class Record {
        var used: Set<String> = []
    }

    /// The object at the top of a file.
    ///
    /// - Parameters:
    ///   - value: what was read of the file.
    ///   - file: the file, as messages name it.
    /// - Throws: ``JSONProblem`` where `value` is no object.
    package init(_ value: JSONValue, file: String) throws(JSONProblem) {
        guard let members = value.members else {
            throw JSONProblem(found: value.kind, expected: "an object")
        }
        self.init(file: file, members: members, path: "", record: Record())
    }

    private init(file: String, members: [JSONValue.Member], path: String, record: Record) {
        self.file = file
        self.members = members
        self.path = path
        self.record = record
    }

    /// The value of a key, which is thereby used; `nil` where it is absent or null.
    package subscript(key: String) -> JSONValue? {
        record.used.insert(path + key)
        return JSONValue.object(members)[key]
    }

    /// Whether the key is there, null included. Asking uses it.
    package func contains(_ key: String) -> Bool {
        record.used.insert(path + key)
        return JSONValue.object(members).member(key) != nil
    }

    /// The object under a key, whose own keys are to be asked for in turn; `nil` where the key is
    /// absent or null.
    ///
    /// - Throws: ``JSONProblem`` where something else stands there.
    package func object(_ key: String) throws(JSONProblem) -> KeyedObject? {
        guard let value = self[key] else { return nil }
        guard let inner = value.members else {
            throw JSONProblem(found: "\(path)\(key): \(value.kind)", expected: "an object")
        }
        record.used.remove(path + key)
        return KeyedObject(file: file, members: inner, path: path + key + ".", record: record)
    }

    /// The same object with other values under some keys; what was asked for is shared.
    package func replacing(_ values: [JSONValue.Member]) -> KeyedObject {
        var changed = members
        for value in values {
            if let place = changed.lastIndex(where: { $0.key == value.key }) {
                changed[place].value = value.value
            } else {
                changed.append(value)
            }
        }
        return KeyedObject(file: file, members: changed, path: path, record: record)
    }

    /// The keys, by their paths, that were asked for so far.
    package var askedKeys: [String] { Array(record.used) }

    /// The full name of a key of this object, for messages.
    package func name(_ key: String) -> String { path + key }

    /// Throws for the first key, in the file's order, that was not asked for and is not harmless.
    /// A key whose value is null says nothing.
    ///
    /// - Parameter harmless: what is known of further keys, by their paths; a key's name alone
    ///   holds wherever no path is listed.
    /// - Throws: ``UnusedKey``.
    package func refuseUnused(harmless: [String: HarmlessKey]) throws(UnusedKey) {
        for member in members where member.value != .null {
            let name = path + member.key
            if record.used.contains(name) { continue }
            if let rule = harmless[name] ?? harmless[member.key] {
                guard rule.allows(member.value) else {
                    throw UnusedKey(
                        file: file, key: name, found: member.value.kind, supported: rule.supported)
                }
                continue
            }
            if let inner = member.value.members,
                record.used.contains(where: { $0.hasPrefix(name + ".") }) || inner.isEmpty
            {
                let object = KeyedObject(
                    file: file, members: inner, path: name + ".", record: record)
                try object.refuseUnused(harmless: harmless)
                continue
            }
            throw UnusedKey(file: file, key: name, found: member.value.kind, supported: nil)
        }
    }
}

/// When a key that a reader does not use changes nothing.
package enum HarmlessKey: Sendable {
    /// Whatever its value: it says nothing about what is computed.
    case always
    /// At these values; numbers are compared as numbers.
    case at([JSONValue])
    /// Where the condition holds; `supported` says in words what it asks for.
    case when(supported: String, @Sendable (JSONValue) -> Bool)

    /// A flag that has to be what is computed anyway.
    package static func flag(_ value: Bool) -> HarmlessKey { .at([.bool(value)]) }

    func allows(_ value: JSONValue) -> Bool {
        switch self {
        case .always: true
        case .at(let values): values.contains { Self.isSame($0, value) }
        case .when(_, let condition): condition(value)
        }
    }

    /// What would be harmless, in words; `nil` where anything is.
    var supported: String? {
        switch self {
        case .always: nil
        case .at(let values): values.map { $0.text() }.joined(separator: " or ")
        case .when(let supported, _): supported
        }
    }

    private static func isSame(_ a: JSONValue, _ b: JSONValue) -> Bool {
        if let a = a.double, let b = b.double { return a == b }
        if let a = a.array, let b = b.array { return a.elementsEqual(b, by: isSame) }
        return a == b
    }
}

/// A key of a file that could change the answer and is not used.
package struct UnusedKey: Error, Equatable {
    package let file: String
    /// With its path: `rope_parameters.factor`.
    package let key: String
    package let found: String
    /// The values at which the key would be harmless; `nil` where it is not known at all.
    package let supported: String?

    package init(file: String, key: String, found: String, supported: String?) {
        self.file = file
        self.key = key
        self.found = found
        self.supported = supported
    }

    /// One line: what was found, where, what was expected and what to do.
    package var message: String {
        if let supported {
            return "\(file): '\(key)' is \(found); supported here: \(supported)"
        }
        return "\(file): unknown key '\(key)' (\(found)), which could change what the model "
            + "computes; remove it if it does not"
    }
}

import Files

/// The fields of a request's body; every one is used, or refused by name.
struct RequestFields {
    private let object: KeyedObject

    init(_ request: ServerRequest) throws(ServerProblem) { try self.init(try request.json()) }

    init(_ value: JSONValue) throws(ServerProblem) {
        do {
            object = try KeyedObject(value, file: "the request")
        } catch {
            throw .invalid("the body is \(error.found), expected an object")
        }
    }

    /// The value of a field; `nil` where it is absent or null.
    subscript(key: String) -> JSONValue? { object[key] }

    func text(_ key: String) throws(ServerProblem) -> String? {
        guard let value = object[key] else { return nil }
        guard let text = value.string else { throw problem(key, value, "text") }
        return text
    }

    func boolean(_ key: String) throws(ServerProblem) -> Bool? {
        guard let value = object[key] else { return nil }
        guard let truth = value.bool else { throw problem(key, value, "true or false") }
        return truth
    }

    func number(_ key: String, _ range: ClosedRange<Double>) throws(ServerProblem) -> Double? {
        guard let value = object[key] else { return nil }
        guard let number = value.double, range.contains(number) else {
            throw problem(key, value, "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func integer(_ key: String, _ range: ClosedRange<Int>) throws(ServerProblem) -> Int? {
        guard let value = object[key] else { return nil }
        guard let number = value.integer, range.contains(number) else {
            let upTo = range.upperBound == Int.max ? "up" : "to \(range.upperBound)"
            throw problem(key, value, "a whole number from \(range.lowerBound) \(upTo)")
        }
        return number
    }

    /// The mistake that a field holds the wrong thing.
    func problem(_ key: String, _ found: JSONValue?, _ expected: String) -> ServerProblem {
        .invalid("\(key): found \(found?.kind ?? "nothing"), expected \(expected)", param: key)
    }

    /// Throws for the first field that was not asked for and could change the answer; the message names
    /// those that are known.
    func refuseUnused(_ harmless: [String: HarmlessKey] = [:]) throws(ServerProblem) {
        do throws(UnusedKey) {
            // In a file an empty object says nothing; in a request it is a name that is not known.
            let asked = object.askedKeys
            for member in object.members where member.value.members?.isEmpty == true {
                guard asked.contains(member.key) || harmless[member.key] != nil else {
                    throw UnusedKey(
                        file: object.file, key: member.key, found: member.value.kind,
                        supported: nil)
                }
            }
            try object.refuseUnused(harmless: harmless)
        } catch {
            let known = (object.askedKeys + harmless.keys).sorted().joined(separator: ", ")
            let advice =
                error.supported.map { "supported here: \($0)" } ?? "leave it out; known: \(known)"
            throw .invalid(
                "'\(error.key)' (\(error.found)) is not supported; \(advice)", param: error.key,
                code: "unsupported_parameter")
        }
    }
}

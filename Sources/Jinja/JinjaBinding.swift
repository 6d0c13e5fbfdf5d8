extension JinjaRenderer {
    /// The arguments of a function by its parameters' names; `nil` for those not given.
    ///
    /// - Throws: ``JinjaError/failed(line:problem:)`` for too many, or one of another name.
    func bound(
        _ call: JinjaCall, of function: String, _ parameters: String...
    ) throws(JinjaError) -> [JinjaValue?] {
        guard call.positional.count <= parameters.count else {
            throw failure(
                "'\(function)' takes at most \(parameters.count) arguments, "
                    + "found \(call.positional.count)")
        }
        var values: [JinjaValue?] = call.positional.map { $0 }
        values += Array(repeating: nil, count: parameters.count - values.count)
        for keyword in call.keywords {
            guard let place = parameters.firstIndex(of: keyword.name) else {
                throw failure("'\(function)' has no argument '\(keyword.name)'")
            }
            guard values[place] == nil else {
                throw failure("'\(function)' is given '\(keyword.name)' twice")
            }
            values[place] = keyword.value
        }
        return values
    }

    /// An integer argument.
    func integer(
        _ value: JinjaValue?, of function: String, otherwise: Int
    ) throws(JinjaError) -> Int {
        guard let value else { return otherwise }
        guard let integer = value.integer else {
            throw failure("'\(function)' needs a whole number, found \(described(value))")
        }
        return integer
    }

    /// An argument of text.
    func text(
        _ value: JinjaValue?, of function: String, otherwise: String? = nil
    ) throws(JinjaError) -> String {
        guard let value else {
            guard let otherwise else { throw failure("'\(function)' lacks an argument") }
            return otherwise
        }
        guard let text = value.text else {
            throw failure("'\(function)' needs text, found \(described(value))")
        }
        return text
    }

    /// An argument that has to be there.
    func required(_ value: JinjaValue?, of function: String) throws(JinjaError) -> JinjaValue {
        guard let value else { throw failure("'\(function)' lacks an argument") }
        return value
    }
}

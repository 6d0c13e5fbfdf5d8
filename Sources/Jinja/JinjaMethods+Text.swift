import Files

extension JinjaRenderer {
    /// The value of a call of one of `str`'s methods.
    func call(
        _ name: String, of text: String, _ call: JinjaCall
    ) throws(JinjaError) -> JinjaValue {
        try charge(text.utf8.count)
        switch name {
        case "strip", "lstrip", "rstrip": return try strip(text, call, name)
        case "split", "rsplit": return try split(text, call, name)
        case "splitlines": return try splitLines(text, call, name)
        case "partition", "rpartition": return try partition(text, call, name)
        case "startswith", "endswith": return .bool(try hasEnd(text, call, name))
        case "removeprefix", "removesuffix": return try removeEnd(text, call, name)
        case "replace":
            let arguments = try bound(call, of: name, "old", "new", "count")
            return .string(
                try replaced(
                    text, try self.text(arguments[0], of: name),
                    try self.text(arguments[1], of: name),
                    try integer(arguments[2], of: name, otherwise: -1)))
        case "join": return try join(text, call, name)
        case "find", "rfind", "index", "rindex": return try found(name, in: text, call)
        case "count":
            let part = try self.text(try bound(call, of: name, "sub")[0], of: name)
            return .int(PythonText.count(part, in: text))
        case "format": return .string(try braceFormatted(text, call))
        case "center", "ljust", "rjust": return try justify(text, call, name)
        case "zfill": return try fillZeros(text, call, name)
        default:
            _ = try bound(call, of: name)
            try charge(4 * text.utf8.count)
            return try plainMethod(name, of: text)
        }
    }

    /// The value of a method that takes no arguments.
    private func plainMethod(_ name: String, of text: String) throws(JinjaError) -> JinjaValue {
        let scalars = text.unicodeScalars
        func all(_ holds: (Unicode.Scalar) -> Bool) -> JinjaValue {
            .bool(!text.isEmpty && scalars.allSatisfy(holds))
        }
        switch name {
        case "upper": return .string(PythonText.uppercased(text))
        case "lower": return .string(PythonText.lowercased(text))
        case "title": return .string(PythonText.titled(text))
        case "capitalize": return .string(PythonText.capitalized(text))
        case "swapcase": return .string(PythonText.swappedCase(text))
        case "islower": return .bool(PythonText.isAll(lower: true, text))
        case "isupper": return .bool(PythonText.isAll(lower: false, text))
        case "istitle":
            let hasCase = scalars.contains { $0.properties.isCased }
            return .bool(hasCase && PythonText.titled(text) == text)
        case "isspace": return all(\.isPythonSpace)
        case "isascii": return .bool(scalars.allSatisfy(\.isASCII))
        case "isalpha": return all(PythonText.isAlpha)
        case "isdecimal": return all(PythonText.isDecimal)
        case "isdigit": return all(PythonText.isDigit)
        case "isnumeric": return all(PythonText.isNumeric)
        case "isalnum": return all { PythonText.isAlpha($0) || PythonText.isNumeric($0) }
        default: throw unsupported("'.\(name)' of text")
        }
    }

    /// `strip`, `lstrip` and `rstrip`.
    private func strip(
        _ text: String, _ call: JinjaCall, _ name: String
    ) throws(JinjaError) -> JinjaValue {
        let characters = try optionalText(
            try bound(call, of: name, "chars")[0], of: name)
        return .string(
            PythonText.stripped(
                text, of: characters, start: name != "rstrip", end: name != "lstrip"))
    }

    /// `split` and `rsplit`.
    private func split(
        _ text: String, _ call: JinjaCall, _ name: String
    ) throws(JinjaError) -> JinjaValue {
        let arguments = try bound(call, of: name, "sep", "maxsplit")
        let separator = try optionalText(arguments[0], of: name)
        guard separator?.isEmpty != true else { throw failure("'\(name)' by empty text") }
        let limit = try integer(arguments[1], of: name, otherwise: -1)
        try hold(
            separator.map { PythonText.count($0, in: text) }
                ?? text.unicodeScalars.count { $0.isPythonSpace })
        let parts = PythonText.split(
            text, by: separator, limit: limit, fromEnd: name == "rsplit")
        return .list(parts.map(JinjaValue.string))
    }

    /// `splitlines`.
    private func splitLines(
        _ text: String, _ call: JinjaCall, _ name: String
    ) throws(JinjaError) -> JinjaValue {
        let keeps = try bound(call, of: name, "keepends")[0]?.isTrue ?? false
        try hold(text.unicodeScalars.count(where: PythonText.endsLine))
        let lines = PythonText.lines(text, keepsEnds: keeps)
        return .list(lines.map(JinjaValue.string))
    }

    /// `partition` and `rpartition`.
    private func partition(
        _ text: String, _ call: JinjaCall, _ name: String
    ) throws(JinjaError) -> JinjaValue {
        let separator = try self.text(try bound(call, of: name, "sep")[0], of: name)
        guard !separator.isEmpty else { throw failure("'\(name)' by empty text") }
        let parts = PythonText.split(
            text, by: separator, limit: 1, fromEnd: name == "rpartition")
        let texts =
            parts.count == 2
            ? [parts[0], separator, parts[1]]
            : name == "partition" ? [text, "", ""] : ["", "", text]
        return .tuple(texts.map(JinjaValue.string))
    }

    /// `removeprefix` and `removesuffix`.
    private func removeEnd(
        _ text: String, _ call: JinjaCall, _ name: String
    ) throws(JinjaError) -> JinjaValue {
        let part = try self.text(try bound(call, of: name, "part")[0], of: name)
        let bytes = Array(text.utf8)
        if name == "removeprefix", bytes.starts(with: part.utf8) {
            return .string(String(decoding: bytes.dropFirst(part.utf8.count), as: UTF8.self))
        }
        if name == "removesuffix", bytes.reversed().starts(with: part.utf8.reversed()) {
            return .string(String(decoding: bytes.dropLast(part.utf8.count), as: UTF8.self))
        }
        return .string(text)
    }

    /// `join`.
    private func join(
        _ text: String, _ call: JinjaCall, _ name: String
    ) throws(JinjaError) -> JinjaValue {
        var result = ""
        let values = try elements(
            of: try required(try bound(call, of: name, "values")[0], of: name))
        for (index, value) in values.enumerated() {
            let part = try self.text(value, of: name)
            try charge(part.utf8.count + text.utf8.count)
            if index > 0 { result += text }
            result += part
        }
        return .string(result)
    }

    /// `center`, `ljust` and `rjust`.
    private func justify(
        _ text: String, _ call: JinjaCall, _ name: String
    ) throws(JinjaError) -> JinjaValue {
        let arguments = try bound(call, of: name, "width", "fillchar")
        let fill = try self.text(arguments[1], of: name, otherwise: " ")
        guard fill.unicodeScalars.count == 1 else {
            throw failure("'\(name)' fills with one character")
        }
        let sides = ["center": Justification.center, "ljust": .left, "rjust": .right]
        return .string(
            try justified(
                text, try integer(try required(arguments[0], of: name), of: name, otherwise: 0),
                fill, sides[name] ?? .left))
    }

    /// `zfill`.
    private func fillZeros(
        _ text: String, _ call: JinjaCall, _ name: String
    ) throws(JinjaError) -> JinjaValue {
        let width = try integer(
            try required(try bound(call, of: name, "width")[0], of: name), of: name,
            otherwise: 0)
        let hasSign = text.hasPrefix("-") || text.hasPrefix("+")
        let filled = try justified(
            hasSign ? String(text.dropFirst()) : text, width - (hasSign ? 1 : 0), "0", .right)
        return .string((hasSign ? String(text.prefix(1)) : "") + filled)
    }

    private func hasEnd(
        _ text: String, _ call: JinjaCall, _ name: String
    ) throws(JinjaError) -> Bool {
        guard call.keywords.isEmpty, call.positional.count == 1 else {
            throw unsupported("'\(name)' with other than one argument")
        }
        var parts: [JinjaValue] = call.positional
        if case .tuple(let several) = call.positional[0] { parts = several }
        for part in parts {
            let end = try self.text(part, of: name)
            let holds =
                name == "startswith"
                ? text.utf8.starts(with: end.utf8)
                : text.utf8.reversed().starts(with: end.utf8.reversed())
            if holds { return true }
        }
        return false
    }

    private func found(
        _ name: String, in text: String, _ call: JinjaCall
    ) throws(JinjaError) -> JinjaValue {
        guard call.keywords.isEmpty, call.positional.count == 1 else {
            throw unsupported("'\(name)' with other than one argument")
        }
        let part = Array(try self.text(call.positional[0], of: name).utf8)
        let bytes = Array(text.utf8)
        let place =
            name.hasPrefix("r")
            ? PythonText.last(part, in: bytes[...]) : PythonText.first(part, in: bytes, from: 0)
        guard let place else {
            guard name.hasSuffix("find") else { throw failure("'\(name)' of text not there") }
            return .int(-1)
        }
        return .int(String(decoding: bytes[..<place], as: UTF8.self).unicodeScalars.count)
    }
}

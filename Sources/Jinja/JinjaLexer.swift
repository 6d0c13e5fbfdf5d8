import Files

/// Divides a template into tokens as Jinja does.
struct JinjaLexer {
    private let source: [Unicode.Scalar]
    private let dialect: JinjaDialect
    private var index = 0
    private var line = 1
    private var tokens: [JinjaToken] = []
    /// Whether what was read last ended a line.
    private var isAtLineStart = true

    /// The tokens of a template, which end with ``JinjaToken/Kind/end``.
    ///
    /// - Throws: ``JinjaError/syntax(line:problem:)``, ``JinjaError/unsupported(line:construct:)``.
    static func tokens(
        of text: String, _ dialect: JinjaDialect
    ) throws(JinjaError) -> [JinjaToken] {
        var lexer = JinjaLexer(text, dialect)
        try lexer.root()
        lexer.add(.end)
        return lexer.tokens
    }

    private init(_ text: String, _ dialect: JinjaDialect) {
        self.dialect = dialect
        var scalars: [Unicode.Scalar] = []
        scalars.reserveCapacity(text.utf8.count)
        var previous: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            if scalar == "\r" {
                scalars.append("\n")
            } else if !(scalar == "\n" && previous == "\r") {
                scalars.append(scalar)
            }
            previous = scalar
        }
        if !dialect.keepsLastLineBreak, scalars.last == "\n" { scalars.removeLast() }
        source = scalars
    }

    private mutating func add(_ kind: JinjaToken.Kind) {
        tokens.append(JinjaToken(kind: kind, line: line))
    }

    private func failure(_ problem: String) -> JinjaError { .syntax(line: line, problem: problem) }

    /// Whether `text` stands at `place`.
    private func stands(_ text: StaticString, at place: Int) -> Bool {
        let bytes = text.description.unicodeScalars
        guard place + bytes.count <= source.count else { return false }
        return source[place..<place + bytes.count].elementsEqual(bytes)
    }

    private func beginsTag(at place: Int) -> Bool {
        guard source[place] == "{", place + 1 < source.count else { return false }
        return source[place + 1] == "%" || source[place + 1] == "{" || source[place + 1] == "#"
    }

    private func skippingSpace(from place: Int) -> Int {
        var place = place
        while place < source.count, source[place].isPythonSpace { place += 1 }
        return place
    }

    /// Goes to `place`, counting lines.
    private mutating func advance(to place: Int) {
        line += source[index..<place].count { $0 == "\n" }
        index = place
    }

    private func text(_ range: Range<Int>) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: source[range])
        return String(text)
    }

    // MARK: Outside of tags

    private mutating func root() throws(JinjaError) {
        while index < source.count {
            var place = index
            while place < source.count, !beginsTag(at: place) { place += 1 }
            guard place < source.count else {
                add(.data(text(index..<place)))
                advance(to: place)
                return
            }
            try tag(at: place)
        }
    }

    /// Reads a tag and adds the text before it.
    private mutating func tag(at place: Int) throws(JinjaError) {
        let isVariable = stands("{{", at: place)
        var inner = place + 2
        var sign: Unicode.Scalar?
        if inner < source.count, source[inner] == "-" || source[inner] == "+" {
            sign = source[inner]
            inner += 1
        }
        addData(before: place, sign: sign, isVariable: isVariable)
        if stands("{#", at: place) {
            try comment(from: inner)
        } else if !isVariable, let body = rawBody(from: inner) {
            try raw(from: body)
        } else {
            advance(to: inner)
            add(isVariable ? .variableBegin : .blockBegin)
            try inside(isVariable: isVariable)
        }
    }

    private mutating func addData(before place: Int, sign: Unicode.Scalar?, isVariable: Bool) {
        var end = place
        if sign == "-" {
            while end > index, source[end - 1].isPythonSpace { end -= 1 }
        } else if sign == nil, !isVariable, dialect.trimsBlocks {
            var lineStart = place
            while lineStart > index, source[lineStart - 1] != "\n" { lineStart -= 1 }
            if lineStart > index || isAtLineStart, lineStart < place,
                source[lineStart..<place].allSatisfy(\.isPythonSpace)
            {
                end = lineStart
            }
        }
        if end > index { add(.data(text(index..<end))) }
        advance(to: place)
    }

    /// The end of a block's or a comment's closing mark at `place`, with the space it takes along.
    private func closing(_ mark: StaticString, at place: Int, trims: Bool) -> Int? {
        if stands(mark, at: place) {
            let end = place + 2
            let takesBreak =
                trims && dialect.trimsBlocks && end < source.count && source[end] == "\n"
            return takesBreak ? end + 1 : end
        }
        guard place < source.count, stands(mark, at: place + 1) else { return nil }
        if source[place] == "-" { return skippingSpace(from: place + 3) }
        return trims && source[place] == "+" ? place + 3 : nil
    }

    private mutating func leave(to end: Int) {
        advance(to: end)
        isAtLineStart = source[end - 1] == "\n"
    }

    private mutating func comment(from start: Int) throws(JinjaError) {
        var place = start
        while place < source.count {
            if source[place] == "#" || source[place] == "-" || source[place] == "+",
                let end = closing("#}", at: place, trims: true)
            {
                leave(to: end)
                return
            }
            place += 1
        }
        throw failure("a comment '{#' is not closed by '#}'")
    }

    /// Where the body of a raw block begins, if the tag is one.
    private func rawBody(from inner: Int) -> Int? {
        let word = skippingSpace(from: inner)
        guard stands("raw", at: word) else { return nil }
        let end = skippingSpace(from: word + 3)
        if stands("%}", at: end) { return end + 2 }
        return stands("-%}", at: end) ? skippingSpace(from: end + 3) : nil
    }

    private mutating func raw(from body: Int) throws(JinjaError) {
        var place = body
        while place < source.count {
            if source[place] == "{", stands("{%", at: place) {
                var inner = place + 2
                var sign: Unicode.Scalar?
                if inner < source.count, source[inner] == "-" || source[inner] == "+" {
                    sign = source[inner]
                    inner += 1
                }
                let word = skippingSpace(from: inner)
                if stands("endraw", at: word),
                    let end = closing("%}", at: skippingSpace(from: word + 6), trims: true)
                {
                    isAtLineStart = source[body - 1] == "\n"
                    advance(to: body)
                    addData(before: place, sign: sign, isVariable: false)
                    leave(to: end)
                    return
                }
            }
            place += 1
        }
        throw failure("'{% raw %}' is not closed by '{% endraw %}'")
    }

    // MARK: Inside of tags

    private mutating func inside(isVariable: Bool) throws(JinjaError) {
        var open: [Unicode.Scalar] = []
        while true {
            advance(to: skippingSpace(from: index))
            guard index < source.count else {
                throw failure("a tag is not closed by '\(isVariable ? "}}" : "%}")'")
            }
            if open.isEmpty,
                let end = isVariable
                    ? closing("}}", at: index, trims: false) : closing("%}", at: index, trims: true)
            {
                add(isVariable ? .variableEnd : .blockEnd)
                leave(to: end)
                return
            }
            try token(&open)
        }
    }

    private mutating func token(_ open: inout [Unicode.Scalar]) throws(JinjaError) {
        let first = source[index]
        if first == "'" || first == "\"" { return try string(first) }
        if ("0"..."9").contains(first) { return try number() }
        if first == "_" || first.properties.isAlphabetic {
            var end = index
            while end < source.count, Self.isNamePart(source[end]) { end += 1 }
            guard source[index..<end].allSatisfy(\.isASCII) else {
                throw .unsupported(line: line, construct: "the name \(text(index..<end))")
            }
            add(.name(text(index..<end)))
            index = end
            return
        }
        let pairs: [StaticString] = ["//", "**", "==", "!=", ">=", "<="]
        if let pair = pairs.first(where: { stands($0, at: index) }) {
            add(.mark(pair.description))
            index += 2
            return
        }
        guard "+-/*%~[](){}<>=.:|,;".unicodeScalars.contains(first) else {
            throw failure("unexpected character '\(first)'")
        }
        let closers: [Unicode.Scalar: Unicode.Scalar] = ["(": ")", "[": "]", "{": "}"]
        if let closer = closers[first] {
            open.append(closer)
        } else if first == ")" || first == "]" || first == "}" {
            guard open.popLast() == first else { throw failure("unexpected '\(first)'") }
        }
        add(.mark(String(first)))
        index += 1
    }

    private static func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || ("0"..."9").contains(scalar) || scalar.properties.isAlphabetic
    }

    private mutating func number() throws(JinjaError) {
        var end = index
        func digits(_ place: Int) -> Int {
            var place = place
            while place < source.count,
                ("0"..."9").contains(source[place])
                    || (source[place] == "_" && place + 1 < source.count
                        && ("0"..."9").contains(source[place + 1]))
            {
                place += 1
            }
            return place
        }
        let bases: [(StaticString, Int)] = [("0x", 16), ("0X", 16), ("0o", 8), ("0b", 2)]
        if let (_, radix) = bases.first(where: { stands($0.0, at: index) }) {
            end = index + 2
            while end < source.count, Self.isNamePart(source[end]) { end += 1 }
            guard let value = Int(text(index + 2..<end).filter { $0 != "_" }, radix: radix) else {
                throw failure("'\(text(index..<end))' is no number")
            }
            add(.integer(.int(value)))
            index = end
            return
        }
        end = digits(index)
        var isFloat = false
        if end + 1 < source.count, source[end] == ".", ("0"..."9").contains(source[end + 1]) {
            isFloat = true
            end = digits(end + 1)
        }
        if end < source.count, source[end] == "e" || source[end] == "E" {
            var place = end + 1
            if place < source.count, source[place] == "+" || source[place] == "-" { place += 1 }
            if place < source.count, ("0"..."9").contains(source[place]) {
                isFloat = true
                end = digits(place)
            }
        }
        let written = text(index..<end).filter { $0 != "_" }
        if isFloat {
            guard let value = Double(written) else { throw failure("'\(written)' is no number") }
            add(.float(value))
        } else {
            // As in Python a number of several digits does not begin with 0.
            if written.count > 1, written.first == "0", written.contains(where: { $0 != "0" }) {
                throw failure("'\(written)' is no number")
            }
            add(.integer(Int(written).map(JinjaLiteral.int) ?? .bigInteger(written)))
        }
        index = end
    }

    private mutating func string(_ quote: Unicode.Scalar) throws(JinjaError) {
        let (first, start) = (line, index + 1)
        var place = start
        while place < source.count, source[place] != quote {
            place += source[place] == "\\" ? 2 : 1
        }
        guard place < source.count else { throw failure("a string is not closed") }
        let value = try JinjaEscapes.resolved(source[start..<place], line: first)
        tokens.append(JinjaToken(kind: .string(value), line: first))
        advance(to: place + 1)
    }
}

import Files

/// Python's methods of text: characters are Unicode scalars, and compared as they stand.
enum PythonText {
    /// The offset in UTF-8 at which `part` first occurs from `start` on.
    static func first(_ part: String, in text: String, from start: Int = 0) -> Int? {
        first(Array(part.utf8), in: Array(text.utf8), from: start)
    }

    static func first(_ part: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        guard start <= bytes.count - part.count else { return nil }
        guard let head = part.first else { return start }
        var place = start
        while place <= bytes.count - part.count {
            if bytes[place] == head, bytes[place..<place + part.count].elementsEqual(part) {
                return place
            }
            place += 1
        }
        return nil
    }

    static func last(_ part: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        guard part.count <= bytes.count else { return nil }
        var place = bytes.endIndex - part.count
        while place >= bytes.startIndex {
            if bytes[place..<place + part.count].elementsEqual(part) { return place }
            place -= 1
        }
        return nil
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    /// `text.replace(old, new, count)`; a negative count replaces all.
    static func replacing(
        _ old: String, in text: String, with new: String, count: Int = -1
    ) -> String {
        var left = count < 0 ? Int.max : count
        var result: [UInt8] = []
        if old.isEmpty {
            for scalar in text.unicodeScalars {
                if left > 0 {
                    result += new.utf8
                    left -= 1
                }
                result += String(scalar).utf8
            }
            if left > 0 { result += new.utf8 }
            return Self.text(result[...])
        }
        let (bytes, part) = (Array(text.utf8), Array(old.utf8))
        var start = 0
        while left > 0, let place = first(part, in: bytes, from: start) {
            result += bytes[start..<place]
            result += new.utf8
            start = place + part.count
            left -= 1
        }
        result += bytes[start...]
        return Self.text(result[...])
    }

    /// How often `part` occurs, without overlap.
    static func count(_ part: String, in text: String) -> Int {
        if part.isEmpty { return text.unicodeScalars.count + 1 }
        let (bytes, part) = (Array(text.utf8), Array(part.utf8))
        var (start, count) = (0, 0)
        while let place = first(part, in: bytes, from: start) {
            count += 1
            start = place + part.count
        }
        return count
    }

    // MARK: Division

    /// `text.split(separator, limit)`, or `rsplit` from the end; `nil` separates by white space.
    static func split(
        _ text: String, by separator: String?, limit: Int, fromEnd: Bool
    ) -> [String] {
        guard let separator else { return words(text, limit: limit, fromEnd: fromEnd) }
        let (bytes, part) = (Array(text.utf8), Array(separator.utf8))
        var left = limit < 0 ? Int.max : limit
        var pieces: [String] = []
        if fromEnd {
            var end = bytes.count
            while left > 0, let place = last(part, in: bytes[..<end]) {
                pieces.append(Self.text(bytes[place + part.count..<end]))
                end = place
                left -= 1
            }
            pieces.append(Self.text(bytes[..<end]))
            return pieces.reversed()
        }
        var start = 0
        while left > 0, let place = first(part, in: bytes, from: start) {
            pieces.append(Self.text(bytes[start..<place]))
            start = place + part.count
            left -= 1
        }
        pieces.append(Self.text(bytes[start...]))
        return pieces
    }

    private static func words(_ text: String, limit: Int, fromEnd: Bool) -> [String] {
        var scalars = Array(text.unicodeScalars)
        if fromEnd { scalars.reverse() }
        var pieces: [[Unicode.Scalar]] = []
        var left = limit < 0 ? Int.max : limit
        var index = 0
        func skipSpace() {
            while index < scalars.count, scalars[index].isPythonSpace { index += 1 }
        }
        skipSpace()
        while index < scalars.count, left > 0 {
            let start = index
            while index < scalars.count, !scalars[index].isPythonSpace { index += 1 }
            pieces.append(Array(scalars[start..<index]))
            left -= 1
            skipSpace()
        }
        if index < scalars.count {
            // What is left keeps the white space at its other end.
            pieces.append(Array(scalars[index...]))
        }
        let texts = pieces.map { piece in
            var view = String.UnicodeScalarView()
            view.append(contentsOf: fromEnd ? piece.reversed() : piece)
            return String(view)
        }
        return fromEnd ? texts.reversed() : texts
    }

    /// `text.splitlines(keepends)`
    static func lines(_ text: String, keepsEnds: Bool = false) -> [String] {
        var lines: [String] = []
        var line = String.UnicodeScalarView()
        var isReturn = false
        var isOpen = false
        for scalar in text.unicodeScalars {
            if isReturn, scalar == "\n" {
                isReturn = false
                if keepsEnds, let last = lines.indices.last { lines[last] += "\n" }
                continue
            }
            isReturn = scalar == "\r"
            if endsLine(scalar) {
                if keepsEnds { line.append(scalar) }
                lines.append(String(line))
                line = String.UnicodeScalarView()
                isOpen = false
            } else {
                line.append(scalar)
                isOpen = true
            }
        }
        if isOpen { lines.append(String(line)) }
        return lines
    }

    /// Whether a character ends a line for `splitlines`.
    static func endsLine(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    // MARK: Ends

    /// `strip`, `lstrip`, `rstrip`: without the characters, or white space, at its ends.
    static func stripped(
        _ text: String, of characters: String?, start: Bool, end: Bool
    ) -> String {
        let set = characters.map { Set($0.unicodeScalars) }
        func goes(_ scalar: Unicode.Scalar) -> Bool {
            set?.contains(scalar) ?? scalar.isPythonSpace
        }
        var rest = text.unicodeScalars[...]
        while start, let first = rest.first, goes(first) { rest.removeFirst() }
        while end, let last = rest.last, goes(last) { rest.removeLast() }
        return String(rest)
    }

    // MARK: Case

    static func uppercased(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars { result += scalar.properties.uppercaseMapping }
        return result
    }

    /// In lower case, with Greek's sigma at the end of words.
    static func lowercased(_ text: String) -> String {
        var result = ""
        guard text.unicodeScalars.contains("Σ") else {
            for scalar in text.unicodeScalars { result += scalar.properties.lowercaseMapping }
            return result
        }
        let scalars = Array(text.unicodeScalars)
        for index in scalars.indices { result += lower(scalars, index) }
        return result
    }

    private static func lower(_ scalars: [Unicode.Scalar], _ index: Int) -> String {
        guard scalars[index] == "Σ" else { return scalars[index].properties.lowercaseMapping }
        func isCased(_ others: some Sequence<Unicode.Scalar>) -> Bool {
            others.first { !$0.properties.isCaseIgnorable }?.properties.isCased ?? false
        }
        let ends = isCased(scalars[..<index].reversed()) && !isCased(scalars[(index + 1)...])
        return ends ? "ς" : "σ"
    }

    /// The first character in title case, the rest in lower case.
    static func capitalized(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        var result = scalars.first?.properties.titlecaseMapping ?? ""
        for index in scalars.indices.dropFirst() { result += lower(scalars, index) }
        return result
    }

    /// `str.title`: the first letter of each run of letters.
    static func titled(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        var isInside = false
        var result = ""
        for (index, scalar) in scalars.enumerated() {
            result += isInside ? lower(scalars, index) : scalar.properties.titlecaseMapping
            isInside = scalar.properties.isCased
        }
        return result
    }

    static func swappedCase(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        var result = ""
        for (index, scalar) in scalars.enumerated() {
            let properties = scalar.properties
            if properties.isUppercase {
                result += lower(scalars, index)
            } else {
                result += properties.isLowercase ? properties.uppercaseMapping : String(scalar)
            }
        }
        return result
    }

    /// `islower` (or `isupper`): some letter has a case, and none the other one.
    static func isAll(lower: Bool, _ text: String) -> Bool {
        var found = false
        for scalar in text.unicodeScalars {
            let properties = scalar.properties
            let isTitle = properties.generalCategory == .titlecaseLetter
            if isTitle || (lower ? properties.isUppercase : properties.isLowercase) { return false }
            if lower ? properties.isLowercase : properties.isUppercase { found = true }
        }
        return found
    }

    // MARK: Kinds of characters

    static func isAlpha(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            true
        default: false
        }
    }

    static func isDecimal(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.numericType == .decimal
    }

    static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.numericType == .decimal || scalar.properties.numericType == .digit
    }

    static func isNumeric(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.numericType != nil
    }

    // MARK: Numbers

    /// What `int(text, base)` reads.
    static func integer(_ text: String, base: Int) -> Int? {
        var digits = stripped(text, of: nil, start: true, end: true)[...]
        var sign = ""
        if let first = digits.first, first == "-" || first == "+" {
            sign = first == "-" ? "-" : ""
            digits = digits.dropFirst()
        }
        let prefixes = [16: "0x", 8: "0o", 2: "0b"]
        if let prefix = prefixes[base], lowercased(String(digits.prefix(2))) == prefix {
            digits = digits.dropFirst(2)
        }
        guard let plain = withoutUnderscores(digits) else { return nil }
        return Int(sign + plain, radix: base)
    }

    /// What `float(text)` reads.
    static func float(_ text: String) -> Double? {
        let trimmed = stripped(text, of: nil, start: true, end: true)
        let lower = lowercased(trimmed)
        if ["inf", "+inf", "-inf", "infinity", "+infinity", "-infinity", "nan", "+nan", "-nan"]
            .contains(lower)
        {
            return Double(lower)
        }
        guard trimmed.allSatisfy({ "0123456789+-.eE_".contains($0) }),
            var plain = withoutUnderscores(trimmed[...])
        else { return nil }
        // Swift wants a digit on both sides of the point.
        if plain.hasPrefix(".") { plain = "0" + plain }
        return Double(plain.replacing(".e", with: ".0e").replacing(".E", with: ".0e"))
            ?? (plain.hasSuffix(".") ? Double(plain + "0") : nil)
    }

    /// Digits without the underscores between them; `nil` where one stands elsewhere.
    private static func withoutUnderscores(_ text: Substring) -> String? {
        var previous: Character?
        for (character, next) in zip(text, text.dropFirst().map(Optional.some) + [nil]) {
            if character == "_" {
                guard let previous, previous.isNumber, let next, next.isNumber else { return nil }
            }
            previous = character
        }
        return text.contains("_") ? text.filter { $0 != "_" } : String(text)
    }
}

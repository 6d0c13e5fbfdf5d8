import Foundation

/// What is done to a text before it is cut into words.
package struct TextNormalizer: Sendable, Equatable {
    /// One change of the text.
    package enum Step: Sendable, Equatable {
        case nfc, nfd, nfkc, nfkd
        case lowercase
        /// Put before every text that is not empty.
        case prepend(String)
        case replace(String, with: String)
    }

    /// The changes, in order.
    package let steps: [Step]

    /// No change.
    package static let none = TextNormalizer(steps: [])
    /// Canonical composition, as Qwen's tokenizers do.
    package static let nfc = TextNormalizer(steps: [.nfc])

    /// The normalized form of valid UTF-8.
    func normalize(_ bytes: [UInt8], _ classes: ScalarClasses) -> [UInt8] {
        var bytes = bytes
        for step in steps {
            switch step {
            case .nfc:
                guard Self.holdsComposing(bytes, classes) else { continue }
                bytes = Self.perRun(bytes) { $0.precomposedStringWithCanonicalMapping }
            case .nfd: bytes = Self.perRun(bytes) { $0.decomposedStringWithCanonicalMapping }
            case .nfkc: bytes = Self.perRun(bytes) { $0.precomposedStringWithCompatibilityMapping }
            case .nfkd: bytes = Self.perRun(bytes) { $0.decomposedStringWithCompatibilityMapping }
            case .lowercase: bytes = Self.lowercase(bytes)
            case .prepend(let text): if !bytes.isEmpty { bytes = Array(text.utf8) + bytes }
            case .replace(let old, let new):
                bytes = Self.replace(Array(old.utf8), with: Array(new.utf8), in: bytes)
            }
        }
        return bytes
    }

    private static func holdsComposing(_ bytes: [UInt8], _ classes: ScalarClasses) -> Bool {
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte >= 0x80, classes.at(index, of: bytes).contains(.composing) { return true }
            index += ScalarClasses.length(startingWith: byte)
        }
        return false
    }

    /// Normalizes the runs between scalars that are younger than the tables of Hugging Face's
    /// normalizer (Unicode 9.0), which lets those stand and composes nothing across them.
    private static func perRun(_ bytes: [UInt8], _ form: (String) -> String) -> [UInt8] {
        guard bytes.contains(where: { $0 >= 0x80 }) else { return bytes }
        var result: [UInt8] = []
        var run = String.UnicodeScalarView()
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            if scalar.isASCII || (scalar.properties.age.map { $0.major <= 9 } ?? false) {
                run.append(scalar)
                continue
            }
            result += form(String(run)).utf8
            result += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
            run = String.UnicodeScalarView()
        }
        result += form(String(run)).utf8
        return result
    }

    /// Lower case scalar by scalar, without the final sigma's rule.
    private static func lowercase(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.contains(where: { $0 >= 0x80 }) else {
            return bytes.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        }
        var result: [UInt8] = []
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            result += scalar.properties.lowercaseMapping.utf8
        }
        return result
    }

    private static func replace(_ old: [UInt8], with new: [UInt8], in bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == old[0], bytes[index...].starts(with: old) {
                result += new
                index += old.count
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }
}

extension TextNormalizer {
    private static let supported =
        "NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace of a string, and a Sequence of these"

    /// Reads the `normalizer` of tokenizer.json.
    ///
    /// - Throws: ``TokenizerError`` where it is none of the supported ones.
    init(_ json: TokenizerJSON?, file: String) throws(TokenizerError) {
        steps =
            try json.map { json throws(TokenizerError) in
                try Self.steps(json, file: file)
            } ?? []
    }

    private static func steps(
        _ json: TokenizerJSON, file: String
    ) throws(TokenizerError) -> [Step] {
        switch json["type"]?.string {
        case "NFC": return [.nfc]
        case "NFD": return [.nfd]
        case "NFKC": return [.nfkc]
        case "NFKD": return [.nfkd]
        case "Lowercase": return [.lowercase]
        case "Sequence":
            var result: [Step] = []
            for part in json["normalizers"]?.array ?? [] {
                result += try steps(part, file: file)
            }
            return result
        case "Prepend":
            if let text = json["prepend"]?.string { return [.prepend(text)] }
        case "Replace":
            if let old = json["pattern"]?["String"]?.string, !old.isEmpty,
                let new = json["content"]?.string
            {
                return [.replace(old, with: new)]
            }
        default: break
        }
        throw .unsupported(
            file: file, key: "normalizer", found: json["type"]?.string ?? json.kind,
            supported: supported)
    }

    /// What tokenizer.json says for this normalizer.
    var json: TokenizerJSON {
        let parts = steps.map { step -> TokenizerJSON in
            switch step {
            case .nfc: .typed("NFC", [])
            case .nfd: .typed("NFD", [])
            case .nfkc: .typed("NFKC", [])
            case .nfkd: .typed("NFKD", [])
            case .lowercase: .typed("Lowercase", [])
            case .prepend(let text): .typed("Prepend", [("prepend", .string(text))])
            case .replace(let old, let new):
                .typed(
                    "Replace",
                    [
                        ("pattern", .object([.init(key: "String", value: .string(old))])),
                        ("content", .string(new)),
                    ])
            }
        }
        if parts.isEmpty { return .null }
        return parts.count == 1 ? parts[0] : .typed("Sequence", [("normalizers", .array(parts))])
    }
}

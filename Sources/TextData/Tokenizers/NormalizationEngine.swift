/// Runs a ``TextNormalizer``.
struct NormalizationEngine: Sendable {
    private let steps: [TextNormalizer.Step]
    private let classes: ScalarClasses
    /// Made only where a step asks for it.
    private let forms: NormalizationForms?

    /// An engine for the steps of `normalizer`.
    init(_ normalizer: TextNormalizer, _ classes: ScalarClasses) {
        steps = normalizer.steps
        self.classes = classes
        let needsForms = steps.contains { [.nfc, .nfd, .nfkc, .nfkd].contains($0) }
        forms = needsForms ? NormalizationForms() : nil
    }

    /// The normalized form of valid UTF-8.
    func normalize(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for step in steps {
            switch step {
            case .nfc: if holdsComposing(bytes) { bytes = form(bytes, false, composed: true) }
            case .nfd: bytes = form(bytes, false, composed: false)
            case .nfkc: bytes = form(bytes, true, composed: true)
            case .nfkd: bytes = form(bytes, true, composed: false)
            case .lowercase: bytes = Self.lowercase(bytes)
            case .prepend(let text): if !bytes.isEmpty { bytes = Array(text.utf8) + bytes }
            case .replace(let old, let new):
                bytes = Self.replace(Array(old.utf8), with: Array(new.utf8), in: bytes)
            }
        }
        return bytes
    }

    private func form(_ bytes: [UInt8], _ compatible: Bool, composed: Bool) -> [UInt8] {
        forms?.normalize(bytes, compatible: compatible, composed: composed) ?? bytes
    }

    private func holdsComposing(_ bytes: [UInt8]) -> Bool {
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte >= 0x80, classes.at(index, of: bytes).contains(.composing) { return true }
            index += ScalarClasses.length(startingWith: byte)
        }
        return false
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
        guard let first = old.first else { return bytes }
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == first, bytes[index...].starts(with: old) {
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

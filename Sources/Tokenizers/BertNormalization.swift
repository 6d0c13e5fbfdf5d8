/// What BERT's normalizer does to a text, in this order: Google's `BasicTokenizer`, as Hugging Face's
/// `BertNormalizer` has it.
package struct BertRules: Sendable, Equatable {
    /// Controls go, white space becomes blanks.
    package var cleansText = true
    /// Blanks around Chinese characters.
    package var spacesIdeographs = true
    /// Canonical decomposition, and nonspacing marks go; `nil`: as ``lowercases`` says.
    package var stripsAccents: Bool?
    package var lowercases = true

    /// Rules.
    package init(
        cleansText: Bool = true, spacesIdeographs: Bool = true, stripsAccents: Bool? = nil,
        lowercases: Bool = true
    ) {
        self.cleansText = cleansText
        self.spacesIdeographs = spacesIdeographs
        self.stripsAccents = stripsAccents
        self.lowercases = lowercases
    }
}

/// Runs ``BertRules``: what becomes of each scalar is worked out once.
struct BertNormalization: Sendable {
    /// What the rules ask about a scalar.
    struct Kind: OptionSet {
        let rawValue: UInt32

        static let dropped = Self(rawValue: 1)
        static let blank = Self(rawValue: 2)
        static let ideograph = Self(rawValue: 4)
        /// Goes with the accents.
        static let nonspacing = Self(rawValue: 8)
        /// Stays, and may change places with marks beside it in the canonical decomposition.
        static let moving = Self(rawValue: 16)
    }

    /// What becomes of a scalar; numbers from `replaced` on are places of ``replacements``.
    private enum Code {
        static let kept: UInt16 = 0
        static let dropped: UInt16 = 1
        static let blank: UInt16 = 2
        static let ideograph: UInt16 = 3
        static let hangul: UInt16 = 4
        static let moving: UInt16 = 5
        static let replaced: UInt16 = 6
    }

    private let rules: BertRules
    private let strips: Bool
    private let forms: NormalizationForms
    private var kinds: [(scalars: Range<UInt32>, kind: Kind)] = []
    /// A ``Code`` for each scalar.
    private var codes: [UInt16]
    private var replacements: [[UInt8]] = []
    /// What becomes of each ASCII byte; 0 for nothing.
    private var ascii: [UInt8]

    init(_ rules: BertRules) {
        self.rules = rules
        strips = rules.stripsAccents ?? rules.lowercases
        forms = NormalizationForms()
        codes = [UInt16](repeating: Code.kept, count: 0x110000)
        ascii = Array(0..<0x80)
        var numbers = TableNumbers(BertScalarTable.classes)
        while let difference = numbers.next(), let kind = numbers.next(), let count = numbers.next()
        {
            numbers.scalar += difference
            kinds.append((numbers.scalar..<(numbers.scalar + count), Kind(rawValue: kind)))
        }
        fill()
        replace()
        for byte in 0..<0x80 {
            switch codes[byte] {
            case Code.kept: break
            case Code.dropped: ascii[byte] = 0
            case Code.blank: ascii[byte] = 0x20
            case let code: ascii[byte] = replacements[Int(code - Code.replaced)].first ?? 0
            }
        }
    }

    /// Codes of whole runs.
    private mutating func fill() {
        func code(_ kind: Kind) -> UInt16? {
            if rules.cleansText, kind.contains(.dropped) { return Code.dropped }
            if rules.cleansText, kind.contains(.blank) { return Code.blank }
            if rules.spacesIdeographs, kind.contains(.ideograph) { return Code.ideograph }
            if strips, kind.contains(.nonspacing) { return Code.dropped }
            return strips && kind.contains(.moving) ? Code.moving : nil
        }
        for (scalars, kind) in kinds {
            guard let code = code(kind) else { continue }
            let range = Int(scalars.lowerBound)..<Int(scalars.upperBound)
            codes.replaceSubrange(range, with: repeatElement(code, count: range.count))
        }
        if strips {
            let range = 0xAC00..<0xD7A4
            codes.replaceSubrange(range, with: repeatElement(Code.hangul, count: range.count))
        }
    }

    /// Replacements of single scalars.
    private mutating func replace() {
        var changing: Set<UInt32> = []
        if rules.lowercases { changing.formUnion(LowercaseMap.shared.scalars.keys) }
        if strips { changing.formUnion(forms.decomposable) }
        for scalar in changing {
            let code = codes[Int(scalar)]
            guard code == Code.kept || code == Code.ideograph else { continue }
            let parts = strips ? forms.decomposition(of: scalar) : [scalar]
            if parts.contains(where: { codes[Int($0)] == Code.moving }) {
                codes[Int(scalar)] = Code.moving
                continue
            }
            var bytes: [UInt8] = []
            for part in lowered(parts) { bytes.append(scalar: part) }
            if code == Code.ideograph { bytes = [0x20] + bytes + [0x20] }
            codes[Int(scalar)] = Code.replaced + UInt16(replacements.count)
            replacements.append(bytes)
        }
    }

    /// Decomposed scalars without marks, in lower case, as far as the rules say.
    private func lowered(_ scalars: [UInt32]) -> [UInt32] {
        var result: [UInt32] = []
        for scalar in scalars where !(strips && isNonspacing(scalar)) {
            if rules.lowercases {
                LowercaseMap.shared.append(scalar, to: &result)
            } else {
                result.append(scalar)
            }
        }
        return result
    }

    private func kind(_ scalar: UInt32) -> Kind {
        var low = 0
        var high = kinds.count
        while low < high {
            let middle = (low + high) / 2
            if kinds[middle].scalars.upperBound <= scalar {
                low = middle + 1
            } else {
                high = middle
            }
        }
        guard low < kinds.count, kinds[low].scalars.contains(scalar) else { return [] }
        return kinds[low].kind
    }

    private func isNonspacing(_ scalar: UInt32) -> Bool { kind(scalar).contains(.nonspacing) }

    /// Whether the first scalar of a text goes.
    func dropsFirst(of bytes: [UInt8]) -> Bool {
        !bytes.isEmpty && codes[Int(ScalarClasses.scalar(at: 0, of: bytes))] == Code.dropped
    }

    /// The normalized form of valid UTF-8.
    func normalize(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + 16)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte < 0x80 {
                let made = ascii[Int(byte)]
                if made != 0 || byte == 0 && !rules.cleansText { result.append(made) }
                index += 1
                continue
            }
            let end = index + ScalarClasses.length(startingWith: byte)
            let code = codes[Int(ScalarClasses.scalar(at: index, of: bytes))]
            switch code {
            case Code.kept: result += bytes[index..<end]
            case Code.dropped: break
            case Code.blank: result.append(0x20)
            case Code.ideograph:
                result.append(0x20)
                result += bytes[index..<end]
                result.append(0x20)
            case Code.hangul:
                let scalar = ScalarClasses.scalar(at: index, of: bytes)
                for part in forms.decomposition(of: scalar) { result.append(scalar: part) }
            case Code.moving: return normalizeInSteps(bytes)
            default: result += replacements[Int(code - Code.replaced)]
            }
            index = end
        }
        return result
    }

    /// The same, of a text that knows the places of its scalars.
    func normalize(_ text: inout AlignedText) {
        if rules.cleansText {
            text.filter { !kind($0).contains(.dropped) }
            text.replace { [kind($0).contains(.blank) ? 0x20 : $0] }
        }
        if rules.spacesIdeographs {
            text.replace { kind($0).contains(.ideograph) ? [0x20, $0, 0x20] : [$0] }
        }
        if strips {
            text.transform(forms.changes(text.scalars, compatible: false, composed: false))
            text.filter { !isNonspacing($0) }
        }
        if rules.lowercases { text.replace { lowered([$0]) } }
    }

    /// The same for texts whose marks may change places.
    private func normalizeInSteps(_ bytes: [UInt8]) -> [UInt8] {
        var cleaned: [UInt8] = []
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            let kind = kind(scalar.value)
            if rules.cleansText, kind.contains(.dropped) { continue }
            if rules.cleansText, kind.contains(.blank) {
                cleaned.append(0x20)
            } else if rules.spacesIdeographs, kind.contains(.ideograph) {
                cleaned.append(0x20)
                cleaned.append(scalar: scalar.value)
                cleaned.append(0x20)
            } else {
                cleaned.append(scalar: scalar.value)
            }
        }
        let whole = forms.normalize(cleaned, compatible: false, composed: false)
        let scalars = String(decoding: whole, as: UTF8.self).unicodeScalars.map(\.value)
        var result: [UInt8] = []
        for scalar in lowered(scalars) { result.append(scalar: scalar) }
        return result
    }
}

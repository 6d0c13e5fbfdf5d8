/// Unicode's normalization forms, of Unicode 9.0 as Hugging Face's normalizers know it.
///
/// Source: Unicode Standard Annex 15 and The Unicode Standard, section 3.12 (Hangul). Foundation's
/// forms are not used: they leave some Hangul and Tibetan sequences apart, and their Unicode
/// version is newer.
struct NormalizationForms: Sendable {
    /// The canonical decomposition, in full, by scalar.
    private var canonical: [UInt32: [UInt32]] = [:]
    /// The compatibility decomposition, in full, where it is another one.
    private var compatibility: [UInt32: [UInt32]] = [:]
    /// What a pair composes to, by first << 32 | second.
    private var compositions: [UInt64: UInt32] = [:]
    /// The canonical combining class of each scalar up to the last one that has any.
    private var classes: [UInt8] = []

    /// Expands the generated tables.
    init() {
        var numbers = TableNumbers(NormalizationTable.canonical)
        var steps: [UInt32: [UInt32]] = [:]
        while let difference = numbers.next(), let kind = numbers.next() {
            numbers.scalar += difference
            let targets = numbers.targets(kind == 1 ? 1 : 2)
            steps[numbers.scalar] = targets
            if kind == 2 { compositions[Self.key(targets[0], targets[1])] = numbers.scalar }
        }
        func expand(_ scalar: UInt32) -> [UInt32] { steps[scalar]?.flatMap(expand) ?? [scalar] }
        for scalar in steps.keys { canonical[scalar] = expand(scalar) }

        numbers = TableNumbers(NormalizationTable.compatibility)
        while let difference = numbers.next(), let count = numbers.next() {
            numbers.scalar += difference
            compatibility[numbers.scalar] = numbers.targets(Int(count))
        }

        numbers = TableNumbers(NormalizationTable.classes)
        while let difference = numbers.next(), let value = numbers.next(),
            let count = numbers.next()
        {
            numbers.scalar += difference
            let first = Int(numbers.scalar)
            classes += repeatElement(0, count: first - min(classes.count, first))
            classes += repeatElement(UInt8(value), count: Int(count))
        }
    }

    /// Scalars that have a canonical decomposition, Hangul syllables aside.
    var decomposable: some Sequence<UInt32> { canonical.keys }
    /// Scalars whose compatibility decomposition is another one.
    var compatible: some Sequence<UInt32> { compatibility.keys }

    /// The canonical decomposition of a scalar, in full.
    func decomposition(of scalar: UInt32) -> [UInt32] {
        var result: [UInt32] = []
        decompose(scalar, false, into: &result)
        return result
    }

    /// Valid UTF-8 in one of the forms.
    ///
    /// - Parameters:
    ///   - compatible: NFKC or NFKD
    ///   - composed: NFC or NFKC
    func normalize(_ bytes: [UInt8], compatible: Bool, composed: Bool) -> [UInt8] {
        guard bytes.contains(where: { $0 >= 0x80 }) else { return bytes }
        var scalars: [UInt32] = []
        scalars.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            decompose(ScalarClasses.scalar(at: index, of: bytes), compatible, into: &scalars)
            index += ScalarClasses.length(startingWith: bytes[index])
        }
        reorder(&scalars)
        if composed { compose(&scalars) }
        var result = String.UnicodeScalarView()
        for value in scalars { result.append(Unicode.Scalar(value) ?? "\u{FFFD}") }
        return Array(String(result).utf8)
    }

    /// NFKC of some scalars.
    func compatibleComposition(_ scalars: [UInt32]) -> [UInt32] {
        var result: [UInt32] = []
        for scalar in scalars { decompose(scalar, true, into: &result) }
        reorder(&result)
        compose(&result)
        return result
    }

    /// The canonical combining class of a scalar.
    func combiningClass(_ scalar: UInt32) -> UInt8 {
        scalar < classes.count ? classes[Int(scalar)] : 0
    }

    /// Adds the decomposition of a scalar.
    func decompose(_ scalar: UInt32, _ compatible: Bool, into result: inout [UInt32]) {
        if scalar < 0xA0 {
            result.append(scalar)
        } else if (0xAC00...0xD7A3).contains(scalar) {
            let syllable = scalar - 0xAC00
            result += [0x1100 + syllable / 588, 0x1161 + syllable % 588 / 28]
            if syllable % 28 > 0 { result.append(0x11A7 + syllable % 28) }
        } else if compatible, let whole = compatibility[scalar] {
            result += whole
        } else if let whole = canonical[scalar] {
            result += whole
        } else {
            result.append(scalar)
        }
    }

    /// Sorts each run of combining marks by class, equal ones as they came.
    private func reorder(_ scalars: inout [UInt32]) {
        for index in scalars.indices {
            let scalar = scalars[index]
            let value = combiningClass(scalar)
            if value == 0 { continue }
            var place = index
            while place > 0, combiningClass(scalars[place - 1]) > value {
                scalars[place] = scalars[place - 1]
                place -= 1
            }
            scalars[place] = scalar
        }
    }

    private func compose(_ scalars: inout [UInt32]) {
        var kept = 0
        var starter = -1
        // The class of the last scalar kept since the starter; 0 if there is none.
        var last: UInt8 = 0
        for scalar in scalars {
            let value = combiningClass(scalar)
            let isNext = starter >= 0 && starter == kept - 1
            if starter >= 0, isNext || last < value,
                let composite = composite(scalars[starter], scalar)
            {
                scalars[starter] = composite
                continue
            }
            scalars[kept] = scalar
            if value == 0 { starter = kept }
            last = value
            kept += 1
        }
        scalars.removeLast(scalars.count - kept)
    }

    /// What a pair composes to.
    func composite(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if second < 0x300 { return nil }
        if (0x1100...0x1112).contains(first), (0x1161...0x1175).contains(second) {
            return 0xAC00 + ((first - 0x1100) * 21 + second - 0x1161) * 28
        }
        if (0xAC00...0xD7A3).contains(first), (first - 0xAC00) % 28 == 0,
            (0x11A8...0x11C2).contains(second)
        {
            return first + second - 0x11A7
        }
        return compositions[Self.key(first, second)]
    }

    private static func key(_ first: UInt32, _ second: UInt32) -> UInt64 {
        UInt64(first) << 32 | UInt64(second)
    }
}

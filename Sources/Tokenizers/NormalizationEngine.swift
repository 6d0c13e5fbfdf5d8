/// Runs a ``TextNormalizer``.
struct NormalizationEngine: Sendable {
    let steps: [TextNormalizer.Step]
    let classes: ScalarClasses
    /// Made only where a step asks for it.
    let forms: NormalizationForms?
    /// As many as there are such steps.
    let bert: [BertNormalization]
    /// Set where the steps are SentencePiece's, which are made in one go.
    private let marking: SpaceMarking?

    /// An engine for the steps of `normalizer`.
    init(_ normalizer: TextNormalizer, _ classes: ScalarClasses) {
        steps = normalizer.steps
        self.classes = classes
        marking = SpaceMarking(normalizer)
        let needsForms = steps.contains { [.nfc, .nfd, .nfkc, .nfkd].contains($0) }
        forms = needsForms ? NormalizationForms() : nil
        bert = steps.compactMap { step in
            if case .bert(let rules) = step { BertNormalization(rules) } else { nil }
        }
    }

    /// The normalized form of valid UTF-8.
    func normalize(_ bytes: [UInt8]) -> [UInt8] {
        var keepsStart = true
        return normalize(bytes, keepingStart: &keepsStart)
    }

    /// The normalized form of valid UTF-8.
    ///
    /// - Parameter keepsStart: set to false where the first character comes from a later place of
    ///   the text than its beginning.
    func normalize(_ bytes: [UInt8], keepingStart keepsStart: inout Bool) -> [UInt8] {
        if let marking { return marking.normalize(bytes) }
        var bytes = bytes
        var bertSteps = bert[...]
        for step in steps {
            switch step {
            case .bert:
                guard let rules = bertSteps.popFirst() else { break }
                if rules.dropsFirst(of: bytes) { keepsStart = false }
                bytes = rules.normalize(bytes)
            case .nmt:
                let count = bytes.prefix { $0 < 0x20 }.count
                if count > 0, Self.nmt(Array(bytes[..<1])).isEmpty { keepsStart = false }
                bytes = Self.nmt(bytes)
            case .precompiled(let map): bytes = map.normalize(bytes)
            case .stripAccents: bytes = removing(.accent, from: bytes)
            case .strip(let left, let right):
                let count = bytes.count
                let trimmed = trim(bytes, left: false, right: right)
                bytes = trim(trimmed, left: left, right: false)
                if bytes.count < trimmed.count || bytes.isEmpty && count > 0 { keepsStart = false }
            case .replaceRun(let run, let new):
                let count = firstRun(run, of: bytes)
                if count > 1 || count == 1 && new.isEmpty { keepsStart = false }
                bytes = replace(run, with: Array(new.utf8), in: bytes)
            case .nfc: if holdsComposing(bytes) { bytes = form(bytes, false, composed: true) }
            case .nfd: bytes = form(bytes, false, composed: false)
            case .nfkc: bytes = form(bytes, true, composed: true)
            case .nfkd: bytes = form(bytes, true, composed: false)
            case .lowercase: bytes = LowercaseMap.shared.lowercase(bytes)
            case .prepend(let text): if !bytes.isEmpty { bytes = Array(text.utf8) + bytes }
            case .replace(let old, let new):
                let old = Array(old.utf8)
                let isLater = old.count > ScalarClasses.length(startingWith: old[0]) || new.isEmpty
                if isLater, bytes.starts(with: old) { keepsStart = false }
                bytes = Self.replace(old, with: Array(new.utf8), in: bytes)
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

    /// SentencePiece's rules beyond NFKC: control characters go, white space and marks of width
    /// zero become blanks.
    private static func nmt(_ bytes: [UInt8]) -> [UInt8] {
        if bytes.allSatisfy({ (0x20..<0x7F).contains($0) }) { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let end = index + ScalarClasses.length(startingWith: bytes[index])
            let scalar = ScalarClasses.scalar(at: index, of: bytes)
            let becoming = nmt(scalar)
            if becoming == scalar {
                result += bytes[index..<end]
            } else if becoming != nil {
                result.append(0x20)
            }
            index = end
        }
        return result
    }

    /// What becomes of a scalar; `nil` for nothing.
    static func nmt(_ scalar: UInt32) -> UInt32? {
        switch scalar {
        case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: nil
        case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF,
            0xFFFD:
            0x20
        default: scalar
        }
    }

    private func removing(_ members: ScalarClass, from bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let end = index + ScalarClasses.length(startingWith: bytes[index])
            if classes.at(index, of: bytes).isDisjoint(with: members) {
                result += bytes[index..<end]
            }
            index = end
        }
        return result
    }

    private func trim(_ bytes: [UInt8], left: Bool, right: Bool) -> [UInt8] {
        func isSpace(_ index: Int) -> Bool {
            !classes.at(index, of: bytes).isDisjoint(with: .whitespace)
        }
        var start = 0
        while left, start < bytes.count, isSpace(start) {
            start += ScalarClasses.length(startingWith: bytes[start])
        }
        var end = bytes.count
        while right, end > start {
            let last = ScalarClasses.start(before: end, of: bytes)
            guard isSpace(last) else { break }
            end = last
        }
        return Array(bytes[start..<end])
    }

    /// Characters of the run that a text begins with, where it is one that is replaced.
    private func firstRun(_ run: TextNormalizer.SpaceRun, of bytes: [UInt8]) -> Int {
        let (_, count) = runEnd(run, from: 0, of: bytes)
        return count >= run.least ? count : 0
    }

    /// Where the spaces, or all white space, from `start` on end, and how many characters they are.
    private func runEnd(
        _ run: TextNormalizer.SpaceRun, from start: Int, of bytes: [UInt8]
    ) -> (end: Int, count: Int) {
        var (end, count) = (start, 0)
        while end < bytes.count,
            bytes[end] == 0x20
                || run.takesAll && !classes.at(end, of: bytes).isDisjoint(with: .whitespace)
        {
            end += ScalarClasses.length(startingWith: bytes[end])
            count += 1
        }
        return (end, count)
    }

    /// Replaces runs of spaces or white space, as `" {2,}"` and the like do.
    private func replace(
        _ run: TextNormalizer.SpaceRun, with new: [UInt8], in bytes: [UInt8]
    ) -> [UInt8] {
        if run == .edges { return replaceEdges(with: new, in: bytes) }
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            var (end, count) = runEnd(run, from: index, of: bytes)
            // A whole character is passed over: a class is asked for where one begins.
            if count == 0 { end += ScalarClasses.length(startingWith: bytes[index]) }
            result += count >= run.least ? new[...] : bytes[index..<end]
            index = end
        }
        return result
    }

    private func replaceEdges(with new: [UInt8], in bytes: [UInt8]) -> [UInt8] {
        let start = bytes.prefix { $0 == 0x20 }.count
        if start == bytes.count { return start > 0 ? new : bytes }
        let end = bytes.count - bytes.reversed().prefix { $0 == 0x20 }.count
        return (start > 0 ? new : []) + bytes[start..<end] + (end < bytes.count ? new : [])
    }

    /// `bytes` with every `old` replaced by `new`, from left to right.
    static func replace(_ old: [UInt8], with new: [UInt8], in bytes: [UInt8]) -> [UInt8] {
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

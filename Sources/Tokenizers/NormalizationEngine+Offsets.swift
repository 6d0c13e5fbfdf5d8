extension NormalizationEngine {
    /// Normalizes a text that knows the places of its scalars.
    func normalize(_ text: inout AlignedText) {
        var bertSteps = bert[...]
        for step in steps {
            switch step {
            case .bert: bertSteps.popFirst()?.normalize(&text)
            case .nmt: text.replace { scalar in Self.nmt(scalar).map { [$0] } ?? [] }
            case .precompiled(let map): map.normalize(&text)
            case .stripAccents: text.filter { !classes.of($0).contains(.accent) }
            case .strip(let left, let right): strip(&text, left: left, right: right)
            case .replaceRun(let run, let new):
                text.replace(ranges(of: run, in: text), with: new.unicodeScalars.map(\.value))
            case .nfc: form(&text, compatible: false, composed: true)
            case .nfd: form(&text, compatible: false, composed: false)
            case .nfkc: form(&text, compatible: true, composed: true)
            case .nfkd: form(&text, compatible: true, composed: false)
            case .lowercase:
                text.replace { scalar in
                    var lower: [UInt32] = []
                    LowercaseMap.shared.append(scalar, to: &lower)
                    return lower
                }
            case .prepend(let prefix): text.prepend(prefix)
            case .replace(let old, let new):
                text.replace(
                    text.ranges(of: old.unicodeScalars.map(\.value)),
                    with: new.unicodeScalars.map(\.value))
            }
        }
    }

    private func form(_ text: inout AlignedText, compatible: Bool, composed: Bool) {
        guard let forms else { return }
        text.transform(forms.changes(text.scalars, compatible: compatible, composed: composed))
    }

    private func isSpace(_ scalar: UInt32) -> Bool {
        !classes.of(scalar).isDisjoint(with: .whitespace)
    }

    private func strip(_ text: inout AlignedText, left: Bool, right: Bool) {
        var range = 0..<text.scalars.count
        while right, let last = range.last, isSpace(text.scalars[last]) { range.removeLast() }
        while left, let first = range.first, isSpace(text.scalars[first]) { range.removeFirst() }
        text.keep(range)
    }

    private func ranges(of run: TextNormalizer.SpaceRun, in text: AlignedText) -> [Range<Int>] {
        let scalars = text.scalars
        func isMember(_ scalar: UInt32) -> Bool {
            scalar == 0x20 || run.takesAll && isSpace(scalar)
        }
        var runs: [Range<Int>] = []
        var index = 0
        while index < scalars.count {
            let start = index
            while index < scalars.count, isMember(scalars[index]) { index += 1 }
            if index > start { runs.append(start..<index) } else { index += 1 }
        }
        guard run == .edges else { return runs.filter { $0.count >= run.least } }
        return runs.filter { $0.lowerBound == 0 || $0.upperBound == scalars.count }
    }
}

extension NormalizationForms {
    /// The scalars of a form, with where each comes from.
    func changes(
        _ scalars: [UInt32], compatible: Bool, composed: Bool
    ) -> [AlignedText.Change] {
        var changes: [AlignedText.Change] = []
        changes.reserveCapacity(scalars.count)
        var parts: [UInt32] = []
        for scalar in scalars {
            parts.removeAll(keepingCapacity: true)
            decompose(scalar, compatible, into: &parts)
            for (number, part) in parts.enumerated() { changes.append((part, number == 0 ? 0 : 1)) }
        }
        reorder(&changes)
        if composed { compose(&changes) }
        return changes
    }

    private func reorder(_ changes: inout [AlignedText.Change]) {
        for index in changes.indices {
            let change = changes[index]
            let value = combiningClass(change.scalar)
            if value == 0 { continue }
            var place = index
            while place > 0, combiningClass(changes[place - 1].scalar) > value {
                changes[place] = changes[place - 1]
                place -= 1
            }
            changes[place] = change
        }
    }

    private func compose(_ changes: inout [AlignedText.Change]) {
        var kept = 0
        var starter = -1
        var last: UInt8 = 0
        for change in changes {
            let value = combiningClass(change.scalar)
            let isNext = starter >= 0 && starter == kept - 1
            if starter >= 0, isNext || last < value,
                let composite = composite(changes[starter].scalar, change.scalar)
            {
                changes[starter] = (composite, changes[starter].change + change.change - 1)
                continue
            }
            changes[kept] = change
            if value == 0 { starter = kept }
            last = value
            kept += 1
        }
        changes.removeLast(changes.count - kept)
    }
}

/// A text while it is normalized, with the place of each scalar in the text as it was given.
///
/// Places follow Hugging Face's `NormalizedString`, whose rules say which scalar before a change each
/// scalar behind it comes from.
struct AlignedText {
    private(set) var scalars: [UInt32]
    private(set) var places: [TokenOffset]
    /// Where the text begins in the one that was given.
    private let base: Int32

    /// A scalar of a changed text: 0 for one that takes the place of the next old one, 1 for one put
    /// behind the one before, -N where it takes the place of one and the N behind that go.
    typealias Change = (scalar: UInt32, change: Int)

    /// - Parameter base: the place of the first scalar.
    init(_ bytes: ArraySlice<UInt8>, from base: Int32) {
        scalars = String(decoding: bytes, as: UTF8.self).unicodeScalars.map(\.value)
        places = (0..<Int32(scalars.count)).map { TokenOffset(base + $0, base + $0 + 1) }
        self.base = base
    }

    /// Its UTF-8, with the place of each byte's scalar.
    func utf8() -> (bytes: [UInt8], places: [TokenOffset]) {
        var bytes: [UInt8] = []
        var result: [TokenOffset] = []
        for (scalar, place) in zip(scalars, places) {
            bytes.append(scalar: scalar)
            result += repeatElement(place, count: bytes.count - result.count)
        }
        return (bytes, result)
    }

    /// Takes the changed scalars for its own.
    mutating func transform(_ changes: [Change]) {
        var changed: [TokenOffset] = []
        changed.reserveCapacity(changes.count)
        var place = 0
        for (_, change) in changes {
            if change > 0 {
                changed.append(place > 0 ? places[place - 1] : TokenOffset(base, base))
            } else {
                changed.append(places[min(place, places.count - 1)])
                place = min(place + 1 - change, places.count)
            }
        }
        scalars = changes.map(\.scalar)
        places = changed
    }

    /// Leaves only scalars that `isKept`.
    mutating func filter(_ isKept: (UInt32) -> Bool) {
        let kept = scalars.indices.filter { isKept(scalars[$0]) }
        scalars = kept.map { scalars[$0] }
        places = kept.map { places[$0] }
    }

    /// Replaces each scalar by some that have its place.
    mutating func replace(_ replacement: (UInt32) -> [UInt32]) {
        var (changed, changedPlaces): ([UInt32], [TokenOffset]) = ([], [])
        for (scalar, place) in zip(scalars, places) {
            let new = replacement(scalar)
            changed += new
            changedPlaces += repeatElement(place, count: new.count)
        }
        (scalars, places) = (changed, changedPlaces)
    }

    /// Leaves only a range.
    mutating func keep(_ range: Range<Int>) {
        scalars = Array(scalars[range])
        places = Array(places[range])
    }

    /// Puts scalars before a text that is not empty.
    mutating func prepend(_ text: String) {
        guard let first = places.first else { return }
        let new = text.unicodeScalars.map(\.value)
        scalars = new + scalars
        places = repeatElement(first, count: new.count) + places
    }

    /// Replaces ranges, in order, by scalars that have the place of the last one replaced.
    mutating func replace(_ ranges: [Range<Int>], with new: [UInt32]) {
        if ranges.isEmpty { return }
        var (changed, changedPlaces): ([UInt32], [TokenOffset]) = ([], [])
        var done = 0
        for range in ranges where !range.isEmpty {
            changed += scalars[done..<range.lowerBound] + new
            changedPlaces += places[done..<range.lowerBound]
            changedPlaces += repeatElement(places[range.upperBound - 1], count: new.count)
            done = range.upperBound
        }
        (scalars, places) = (changed + scalars[done...], changedPlaces + places[done...])
    }

    /// Where `old` stands, from left to right.
    func ranges(of old: [UInt32]) -> [Range<Int>] {
        guard let first = old.first else { return [] }
        var found: [Range<Int>] = []
        var index = 0
        while index + old.count <= scalars.count {
            if scalars[index] == first, scalars[index...].starts(with: old) {
                found.append(index..<index + old.count)
                index += old.count
            } else {
                index += 1
            }
        }
        return found
    }
}

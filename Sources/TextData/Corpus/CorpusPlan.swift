package import Files
import Foundation

/// How a corpus is read and cut into shards. Ids depend on `textField` and, at the places where
/// long texts are cut, on the sizes; they never depend on ranks or threads.
package struct CorpusSettings: Sendable, Equatable {
    /// The field of a JSON record that holds the text.
    package var textField = "text"
    /// Input bytes that make a work unit and thus a shard; `nil` chooses by the corpus's size.
    package var unitBytes: Int?
    /// Longest run of bytes tokenized in one piece; longer documents are cut between lines.
    package var pieceBytes = 1 << 20
    /// Largest record of a .jsonl or .json file.
    package var recordLimit = RecordLimit.usual
    /// Threads that clean and encode, on each rank.
    package var threads = 1

    package init() {}

    /// - Throws: ``CorpusError/setting(name:found:expected:)``.
    func validate() throws(CorpusError) {
        if textField.isEmpty {
            throw .setting(name: "text_field", found: "nothing", expected: "a field's name")
        }
        for (name, value, least) in [
            ("threads", threads, 1), ("piece_bytes", pieceBytes, 64),
            ("unit_bytes", unitBytes ?? 64, 64),
        ] where value < least {
            throw .setting(
                name: name, found: "\(value)", expected: "a number of at least \(least)")
        }
    }
}

/// A share of the work that fills one shard.
package struct CorpusUnit: Sendable, Equatable {
    /// Its place in the plan, and its shard's number.
    package let index: Int
    /// What it reads, in order.
    package let segments: [CorpusSegment]
    /// Bytes on disk.
    package var bytes: Int { segments.reduce(0) { $0 + $1.end - $1.start } }
    /// Bytes of text expected, by which work is shared out.
    var weight: Int { segments.reduce(0) { $0 + $1.weight } }
    /// Stands for everything that its shard depends on: files, cuts, settings and tokenizer.
    package let fingerprint: UInt64
}

extension CorpusSegment {
    /// Bytes of text expected: text packs to about a third.
    var weight: Int { (end - start) * (file.compression == .none ? 1 : 3) }
}

/// The files of a corpus and how they are divided, the same on every rank.
package struct CorpusPlan: Sendable {
    /// Input files in reading order.
    package let files: [CorpusFile]
    /// Files in input folders that are not text, and are not read.
    package let passedOver: [String]
    package let units: [CorpusUnit]
    /// Stands for all units: equal on all ranks, or they see different files.
    package let fingerprint: UInt64

    /// Bytes on disk of all inputs.
    package var bytes: Int { files.reduce(0) { $0 + $1.size } }

    /// The units of each of `ranks` ranks: the heaviest go first to whoever has least.
    package func shares(ranks: Int) -> [[CorpusUnit]] {
        precondition(ranks > 0, "plan: \(ranks) ranks")
        var shares = [[CorpusUnit]](repeating: [], count: ranks)
        var loads = [Int](repeating: 0, count: ranks)
        let heaviestFirst = units.sorted { ($1.weight, $0.index) < ($0.weight, $1.index) }
        for unit in heaviestFirst {
            var lightest = 0
            for rank in 1..<max(ranks, 1) where loads[rank] < loads[lightest] { lightest = rank }
            shares[lightest].append(unit)
            loads[lightest] += unit.weight
        }
        return shares.map { $0.sorted { $0.index < $1.index } }
    }
}

/// Divides files into units of about equal size: large plain files are cut between lines, small
/// files are put together.
struct CorpusDivision {
    let settings: CorpusSettings
    /// What the units' fingerprints start from.
    let base: Fingerprint

    /// - Throws: ``CorpusError/system(call:code:file:)``, ``CorpusError/changedInput(file:)``.
    func units(of files: [CorpusFile]) throws(CorpusError) -> [CorpusUnit] {
        let whole = files.map { CorpusSegment(file: $0, start: 0, end: $0.size) }
        let total = whole.reduce(0) { $0 + $1.weight }
        // About 64 units, so that several ranks and a restart both have something to divide; yet
        // not so small that files abound, nor so large that a restart loses much.
        let unitBytes = settings.unitBytes ?? min(max(total / 64, 4 << 20), 256 << 20)
        var units: [CorpusUnit] = []
        var open: [CorpusSegment] = []
        var weight = 0
        for segment in whole {
            for part in try parts(of: segment, unitBytes: unitBytes) {
                if !open.isEmpty, weight + part.weight > unitBytes {
                    units.append(unit(units.count, open))
                    open = []
                    weight = 0
                }
                open.append(part)
                weight += part.weight
            }
        }
        if !open.isEmpty { units.append(unit(units.count, open)) }
        return units
    }

    private func parts(
        of whole: CorpusSegment, unitBytes: Int
    ) throws(CorpusError) -> [CorpusSegment] {
        let file = whole.file
        guard file.isSplittable, file.size > unitBytes + unitBytes / 2 else { return [whole] }
        let count = (file.size + unitBytes - 1) / unitBytes
        var parts: [CorpusSegment] = []
        var start = 0
        for index in 1..<count {
            let nominal = Int(Double(file.size) / Double(count) * Double(index))
            guard nominal > start, let cut = try cut(file, after: nominal), cut > start else {
                continue
            }
            parts.append(CorpusSegment(file: file, start: start, end: cut))
            start = cut
        }
        parts.append(CorpusSegment(file: file, start: start, end: file.size))
        return parts
    }

    /// Where to begin a unit near `place`; `nil` when no line begins between there and the end.
    private func cut(_ file: CorpusFile, after place: Int) throws(CorpusError) -> Int? {
        // A group of rows belongs to the part that it begins in.
        guard file.compression == .none else { return place }
        var window = file.format == .text ? min(1 << 16, settings.pieceBytes) : 1 << 18
        var start = place
        while start < file.size {
            let end = min(start + window, file.size)
            let bytes = try read(file, start..<end)
            let found = bytes.withUnsafeBytes { bytes -> Int? in
                if file.format == .jsonLines {
                    return bytes.firstIndex(of: 0x0A).map { $0 + 1 }
                }
                return TextBoundary.first(after: 0, in: bytes)
                    ?? TextBoundary.characterStart(atOrBefore: bytes.count - 1, in: bytes)
            }
            if let found { return start + found < file.size ? start + found : nil }
            start = end
            window = min(window * 2, 1 << 24)
        }
        return nil
    }

    private func read(_ file: CorpusFile, _ range: Range<Int>) throws(CorpusError) -> [UInt8] {
        try CorpusError.ofFile { () throws(FileProblem) -> [UInt8] in
            let source = try FileSource(
                file.path, size: file.size, start: range.lowerBound, end: range.upperBound)
            var bytes = [UInt8](repeating: 0, count: range.count)
            var filled = 0
            while filled < range.count {
                filled += try bytes.withMutableBytes { bytes throws(FileProblem) in
                    try source.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[filled...]))
                }
            }
            return bytes
        }
    }

    private func unit(_ index: Int, _ segments: [CorpusSegment]) -> CorpusUnit {
        var fingerprint = base
        fingerprint.add(index)
        for segment in segments {
            fingerprint.add(segment.file.name)
            fingerprint.add(segment.file.format.rawValue)
            fingerprint.add(segment.file.compression.rawValue)
            for number in [segment.file.size, segment.file.modified, segment.start, segment.end] {
                fingerprint.add(number)
            }
        }
        return CorpusUnit(index: index, segments: segments, fingerprint: fingerprint.value)
    }
}

/// A 64-bit FNV-1a hash of what a shard depends on; tells changed inputs, guards against no attack.
///
/// Source: Fowler, Noll, Vo, RFC 9923, section 2.
struct Fingerprint {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ number: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            add(UInt8(truncatingIfNeeded: number >> shift))
        }
    }

    mutating func add(_ number: Int) { add(UInt64(bitPattern: Int64(number))) }

    mutating func add(_ text: String) {
        add(text.utf8.count)
        for byte in text.utf8 { add(byte) }
    }

    private mutating func add(_ byte: UInt8) {
        value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }
}

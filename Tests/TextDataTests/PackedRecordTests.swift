import Files
import Foundation
import TestSupport
import Testing
import TextData

/// Records of packed corpora: what they unpack to is compared with the limit, not what they take.
@Suite struct PackedRecordTests {
    /// A way of packing a file.
    enum Packing: String, CaseIterable {
        case gz, zst

        func pack(_ text: String) -> [UInt8] {
            self == .gz ? Packed.gzip(Array(text.utf8)) : Packed.zstd(Array(text.utf8))
        }
    }

    private let folder = TestFolder()

    private func problem(_ name: String, _ bytes: [UInt8], limit: Int = 1000) -> CorpusError? {
        corpusError { () throws(CorpusError) in
            try prepare([folder.write(name, bytes)], to: folder("out")) {
                $0.pieceBytes = 64
                $0.recordLimit = RecordLimit(bytes: limit)
            }
        }
    }

    private func record(_ bytes: Int) -> String {
        "{\"text\": \"\(String(repeating: "a", count: bytes - 12))\"}"
    }

    private func place(_ error: CorpusError?) -> String? {
        guard case .badRecord(_, let place, let words)? = error,
            words.hasPrefix("a record of more than 1000 bytes found, at most 1000 expected")
        else { return nil }
        return place
    }

    @Test(arguments: Packing.allCases, ["jsonl", "json"])
    func aRecordLargerThanTheLimitIsNamed(packing: Packing, kind: String) {
        let text = [record(60), record(900), record(4000), record(60)].joined(separator: "\n")
        let name = "in.\(kind).\(packing.rawValue)"
        #expect(
            place(problem(name, packing.pack(text))) == (kind == "json" ? "record 3" : "line 3"))
        #expect(problem(name, packing.pack(text), limit: 4000) == nil)
    }

    @Test(arguments: Packing.allCases)
    func aRecordOfTheLimitIsTaken(packing: Packing) {
        #expect(problem("in.jsonl.\(packing.rawValue)", packing.pack(record(1000))) == nil)
    }

    @Test(arguments: Packing.allCases)
    func aRecordOverSeveralMembersIsOneRecord(packing: Packing) {
        let text = record(60) + "\n" + record(1500)
        let name = "in.jsonl.\(packing.rawValue)"
        let parts = [text.prefix(300), text.dropFirst(300).prefix(600), text.dropFirst(900)]
        let bytes = parts.flatMap { packing.pack(String($0)) }
        #expect(place(problem(name, bytes)) == "line 2")
        #expect(problem(name, bytes, limit: 1500) == nil)
    }

    @Test(arguments: Packing.allCases)
    func aPackedTextFileHasNoLimit(packing: Packing) throws {
        let text = String(repeating: "ab ", count: 5000) + "c"
        #expect(problem("in.txt." + packing.rawValue, packing.pack(text)) == nil)
        #expect(try documents(folder("out")) == [text])
    }

    /// A few bytes that stand for a line of 3 GB, which is refused long before its end.
    @Test func aRecordThatUnpacksWithoutEndIsRefusedAtTheLimit() {
        var bytes = Packed.zstdStart + Packed.zstdBlock(Array("{\"text\": \"".utf8))
        for _ in 0..<24_000 { bytes += Packed.zstdRun(of: UInt8(ascii: "a"), count: 1 << 17) }
        bytes += Packed.zstdBlock(Array("\"}".utf8), isLast: true)
        #expect(bytes.count < 100_000)
        #expect(place(problem("in.jsonl.zst", bytes)) == "line 1")
    }

    @Test func aRecordOfManySmallMembersIsRefusedAtTheLimit() {
        let piece = Packed.gzip(Array(String(repeating: "a", count: 50).utf8))
        var bytes = Packed.gzip(Array("{\"text\": \"".utf8))
        for _ in 0..<40 { bytes += piece }
        bytes += Packed.gzip(Array("\"}".utf8))
        #expect(place(problem("in.jsonl.gz", bytes)) == "line 1")
    }
}

/// Packed bytes, written by hand: stored blocks, and runs.
enum Packed {
    /// A gzip member (RFC 1952) of stored blocks.
    static func gzip(_ bytes: [UInt8]) -> [UInt8] {
        var packed: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
        var rest = bytes[...]
        repeat {
            let part = rest.prefix(65535)
            rest = rest.dropFirst(part.count)
            packed.append(rest.isEmpty ? 1 : 0)
            packed += little(UInt16(part.count)) + little(~UInt16(part.count)) + part
        } while !rest.isEmpty
        return packed + little(checksum(bytes)) + little(UInt32(bytes.count))
    }

    /// CRC-32 as gzip has it.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var sum = ~UInt32(0)
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? (sum >> 1) ^ 0xEDB8_8320 : sum >> 1 }
        }
        return ~sum
    }

    /// Magic number, and a header of a frame without size or checksum and with a window of 1 MiB.
    static let zstdStart: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0, 10 << 3]

    /// A Zstandard frame (RFC 8878) of blocks as they are.
    static func zstd(_ bytes: [UInt8]) -> [UInt8] {
        var packed = zstdStart
        var rest = bytes[...]
        repeat {
            let part = rest.prefix(1 << 16)
            rest = rest.dropFirst(part.count)
            packed += zstdBlock(Array(part), isLast: rest.isEmpty)
        } while !rest.isEmpty
        return packed
    }

    static func zstdBlock(_ bytes: [UInt8], isLast: Bool = false) -> [UInt8] {
        header(size: bytes.count, kind: 0, isLast) + bytes
    }

    /// A block that stands for `count` equal bytes, at most 128 KiB.
    static func zstdRun(of byte: UInt8, count: Int) -> [UInt8] {
        header(size: count, kind: 1, false) + [byte]
    }

    private static func header(size: Int, kind: Int, _ isLast: Bool) -> [UInt8] {
        little(UInt32(size << 3 | kind << 1 | (isLast ? 1 : 0))).dropLast()
    }

    private static func little(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }
}

import Files
import Foundation
import Testing

/// Files that lose their ends while they are mapped.
@Suite struct MappedFileTests {
    private static func newFile(bytes: Int) throws -> String {
        let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        try Data(repeating: 7, count: bytes).write(to: URL(filePath: path))
        return path
    }

    @Test func readingWhatWasCutOffEndsTheProcessWithALine() async throws {
        let result = try await #require(
            processExitsWith: .exitCode(1), observing: [\.standardErrorContent]
        ) {
            let path = try Self.newFile(bytes: 100_000)
            let other = try MappedFile(Self.newFile(bytes: 20_000))
            let file = try MappedFile(path)
            MappedFile.setPlace("rank 2 on host: ")
            truncate(path, 5000)
            exit(file.bytes[90_000] &+ other.bytes[0] == 14 ? 3 : 4)
        }
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("lockstep: ") })
        #expect(line.hasPrefix("lockstep: rank 2 on host: /"))
        #expect(line.contains(": was cut off, or its disk failed, while it was being read; put"))
        #expect(!text.contains("acktrace"))
    }

    @Test func whatIsMissingWithinAPageIsAskedFor() throws {
        let path = try Self.newFile(bytes: 4000)
        let file = try MappedFile(path)
        try file.checkSize()
        truncate(path, 3999)
        #expect(throws: FileProblem.cutOff(file: path, bytes: 4000, found: 3999)) {
            try file.checkSize()
        }
    }

    @Test func anotherFileOfItsNameDoesNotMatter() throws {
        let path = try Self.newFile(bytes: 4000)
        let file = try MappedFile(path)
        try Data([1]).write(to: URL(filePath: path), options: .atomic)
        try file.checkSize()
        #expect(file.bytes.count == 4000 && file.bytes[3999] == 7)
    }

    @Test func aFileThatIsRemovedOrGrowsIsStillWhole() throws {
        let path = try Self.newFile(bytes: 4000)
        let file = try MappedFile(path)
        truncate(path, 8000)
        try file.checkSize()
        unlink(path)
        try file.checkSize()
        #expect(file.bytes[3999] == 7)
    }

    @Test func aMappingThatHasEndedNamesNothing() async {
        // Its addresses may belong to others by then: their faults are not answered for it.
        await #expect(processExitsWith: .signal(SIGBUS)) {
            let path = try Self.newFile(bytes: 100_000)
            do { _ = try MappedFile(Self.newFile(bytes: 100_000)) }
            let descriptor = open(path, O_RDONLY)
            let start = mmap(nil, 100_000, PROT_READ, MAP_SHARED, descriptor, 0)
            truncate(path, 0)
            exit(start?.load(fromByteOffset: 50_000, as: UInt8.self) == 7 ? 3 : 4)
        }
    }
}

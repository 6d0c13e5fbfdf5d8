import Columnar
import Testing

/// Parts of a file by bytes, and progress.
@Suite struct ParquetPartsTests {
    @Test func partsThatMeetGiveEachRowOnce() throws {
        let path = ParquetFiles.path("groups")
        let size = try ParquetFiles.bytes("groups").count
        let whole = try ParquetFiles.expected("groups")
        var sizes: Set<Int> = []
        for cut in stride(from: 0, through: size, by: 11) {
            let first = try ParquetFiles.text(ParquetSource(path, end: cut))
            let second = try ParquetFiles.text(ParquetSource(path, start: cut))
            #expect(first + second == whole, "cut at \(cut)")
            sizes.insert(first.utf8.count)
        }
        #expect(sizes.count == 10)
        let middle = try ParquetSource(path, start: size / 3, end: size / 2)
        let text = try ParquetFiles.text(middle)
        #expect(!text.isEmpty && text.utf8.count < whole.utf8.count && whole.contains(text))
    }

    @Test(arguments: [(0, nil), (500, 2000), (4, 5), (2000, nil), (9, 9)] as [(Int, Int?)])
    func progressGrowsToTheEndOfThePart(start: Int, end: Int?) throws {
        let size = try ParquetFiles.bytes("groups").count
        let source = try ParquetSource(ParquetFiles.path("groups"), start: start, end: end)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 50, alignment: 1)
        defer { buffer.deallocate() }
        var before = source.consumed
        while try source.read(into: buffer) > 0 {
            #expect(source.consumed >= before)
            before = source.consumed
        }
        #expect(source.consumed == (end ?? size) - start)
    }
}

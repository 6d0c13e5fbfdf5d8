import CheckpointSupport
import Foundation
import Testing
import WeightFiles

/// Pickles that nobody writes: each is one error, and costs no more than its size.
@Suite struct PickleTests {
    private func reason(_ bytes: [UInt8]) -> String {
        var reader = PickleReader([0x80, 2] + bytes + [UInt8(ascii: ".")])
        do {
            return "\(try reader.tensors().mapValues(\.shape))"
        } catch {
            return error.reason
        }
    }

    private func number(_ value: Int) -> [UInt8] {
        [0x8A, 7] + (0..<7).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private func text(_ text: String) -> [UInt8] {
        [UInt8(ascii: "X"), UInt8(text.utf8.count), 0, 0, 0] + Array(text.utf8)
    }

    private func global(_ module: String, _ name: String) -> [UInt8] {
        [UInt8(ascii: "c")] + Array("\(module)\n\(name)\n".utf8)
    }

    /// {"w": a tensor of float32}.
    private func tensor(_ shape: [Int], _ strides: [Int], offset: Int = 0) -> [UInt8] {
        func tuple(_ items: [Int]) -> [UInt8] { [0x28] + items.flatMap(number) + [0x74] }
        let storage =
            [0x28] + text("storage") + global("torch", "FloatStorage") + text("0") + text("cpu")
            + number(4) + [0x74, UInt8(ascii: "Q")]
        let hooks = global("collections", "OrderedDict") + [0x29, UInt8(ascii: "R")]
        return [UInt8(ascii: "}"), 0x28] + text("w") + global("torch._utils", "_rebuild_tensor_v2")
            + [0x28] + storage + number(offset) + tuple(shape) + tuple(strides) + [0x89] + hooks
            + [0x74, UInt8(ascii: "R"), UInt8(ascii: "u")]
    }

    @Test func aDictionaryOfTensorsIsRead() {
        #expect(reason(tensor([2, 2], [2, 1])) == #"["w": [2, 2]]"#)
        #expect(reason(tensor([0, 5], [5, 1])) == #"["w": [0, 5]]"#)
    }

    @Test(arguments: [
        [1 << 39, 1 << 39], [1 << 39, 1 << 20, 1 << 20], [1 << 20, 1 << 20],
    ])
    func aShapeBeyondAnyFileIsNamed(shape: [Int]) {
        #expect(reason(tensor(shape, [1, 1])).contains("which no file holds"))
    }

    @Test(arguments: [
        ([1 << 39, 1], "not all there"), ([3, 1], "not all there"), ([0, 5], "not all there"),
        ([0, 0], "not all there"), ([1, 2], nil), ([1, 1], nil),
    ])
    func viewsReachNoFurtherThanTheirNumbers(strides: [Int], named: String?) throws {
        try Sample.withFolder { folder throws in
            let file = folder + "/w.bin"
            // The last two numbers of four: only what begins there is there.
            let shape = strides == [0, 0] ? [2, 4] : [2, 2]
            let pickle = [0x80, 2] + tensor(shape, strides, offset: strides == [1, 2] ? 0 : 1)
            try Data(
                archive([
                    "a/data.pkl": pickle + [0x2E],
                    "a/data/0": [UInt8](repeating: 0, count: strides == [0, 0] ? 12 : 16),
                ])
            ).write(to: URL(fileURLWithPath: file))
            let error = thrown { _ = try TorchArchive(path: file).floats("w") }
            #expect(error?.description.contains(named ?? "\n") == (named == nil ? nil : true))
        }
    }

    @Test func tuplesInTuplesAreBounded() {
        let deep = [0x29] + [UInt8](repeating: 0x85, count: 100_000)
        #expect(reason(deep).contains("more than 32 levels"))
        let marked = [UInt8](repeating: 0x28, count: 200_000)
        #expect(reason(marked).contains("values at once"))
    }

    @Test func dictionariesInDictionariesAreBounded() {
        // Each is put into the one before, and filled only afterwards.
        var chain: [UInt8] = []
        for index in 0..<200 {
            let place = UInt8(index)
            chain += [UInt8(ascii: "}"), UInt8(ascii: "q"), place]
            guard index > 0 else { continue }
            chain += [UInt8(ascii: "h"), place - 1] + text("k") + [UInt8(ascii: "h"), place, 0x73]
        }
        #expect(reason(chain).contains("fills what is no dictionary"))
        let own =
            [UInt8(ascii: "}"), UInt8(ascii: "q"), 0] + text("k") + [UInt8(ascii: "h"), 0, 0x73]
        #expect(reason(own).contains("fills a dictionary without end"))
        let nested = [UInt8](repeating: UInt8(ascii: "}"), count: 40).flatMap { [$0] + text("k") }
        let closing = [UInt8](repeating: 0x73, count: 39)
        #expect(reason(nested + [UInt8(ascii: "N"), 0x73] + closing).contains("32 levels"))
    }

    @Test func memoBombsAreBounded() {
        // A tuple of twice the last one, thirty times: as an expanded tree 2³⁰ values.
        var bomb: [UInt8] = [0x29]
        for _ in 0..<30 { bomb += [UInt8(ascii: "q"), 0, UInt8(ascii: "h"), 0, 0x86] }
        #expect(reason(bomb).contains("no dictionary"))
        let values = [UInt8](repeating: 0x29, count: 140_000)
        #expect(reason(values).contains("values at once"))
    }

    @Test(arguments: [
        ("os", "system"), ("builtins", "eval"), ("torch", "load"),
        ("torch._utils", "_rebuild_parameter"),
    ])
    func nothingElseIsCalled(module: String, name: String) {
        let call = global(module, name) + text("touch evaluated") + [0x85, UInt8(ascii: "R")]
        #expect(reason(call) == "its pickle calls \(module).\(name), which is not run here")
    }

    @Test func anOffsetBeyondTheStorageIsNamed() throws {
        for offset in [1, 4, 1 << 40, (1 << 55) - 1] {
            try expect(
                archive([
                    "a/data.pkl": [0x80, 2] + tensor([2, 2], [2, 1], offset: offset) + [0x2E],
                    "a/byteorder": Array("little".utf8),
                    "a/data/0": [UInt8](repeating: 0, count: 16),
                ]), "the numbers of w are not all there")
        }
    }

    @Test func bigEndianNumbersAndTwoPicklesAreRefused() throws {
        let pickle = [0x80, 2] + tensor([2, 2], [2, 1]) + [0x2E]
        try expect(
            archive(["a/data.pkl": pickle, "a/byteorder": Array("big".utf8)]), "not little-endian")
        try expect(archive(["a/data.pkl": pickle, "b/data.pkl": pickle]), "2 data.pkl")
        try expect(archive(["a/other": pickle]), "0 data.pkl")
    }

    @Test func numbersOf64BitsInTheDirectoryAreRead() throws {
        let pickle = [0x80, 2] + tensor([2, 2], [2, 1]) + [0x2E]
        let numbers = [Float](repeating: 1.5, count: 4).flatMap { number in
            withUnsafeBytes(of: number.bitPattern.littleEndian) { Array($0) }
        }
        let whole = archive(["a/data.pkl": pickle, "a/data/0": numbers], isLong: true)
        try Sample.withFolder { folder throws in
            try Data(whole).write(to: URL(fileURLWithPath: folder + "/w.bin"))
            #expect(
                try TorchArchive(path: folder + "/w.bin").floats("w")
                    == [1.5, 1.5, 1.5, 1.5])
        }
        // Each of its numbers beyond the file is found.
        for place in whole.indices where whole[place...].starts(with: [1, 0, 24, 0]) {
            for field in 0..<3 {
                var damaged = whole
                damaged[place + 4 + 8 * field + 6] = 0x7F
                try expect(damaged, "damaged")
            }
        }
        for end in [whole.count - 1, whole.count - 23, whole.count - 43, whole.count - 80] {
            try expect(Array(whole[..<end]), "zip")
        }
    }

    private func expect(_ file: [UInt8], _ named: String) throws {
        try Sample.withFolder { folder throws in
            try Data(file).write(to: URL(fileURLWithPath: folder + "/w.bin"))
            let error = thrown { _ = try TorchArchive(path: folder + "/w.bin") }
            #expect(error?.description.contains(named) == true, "\(error as Any)")
        }
    }

    /// A zip archive without compression.
    ///
    /// - Parameter isLong: whether sizes and places stand in 64-bit fields.
    private func archive(_ entries: [String: [UInt8]], isLong: Bool = false) -> [UInt8] {
        func bytes(_ value: Int, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        let unsaid = bytes(0xFFFF_FFFF, 4)
        var (file, directory): ([UInt8], [UInt8]) = ([], [])
        for (name, content) in entries {
            let sizes = bytes(content.count, 4) + bytes(content.count, 4)
            let extra =
                isLong
                ? bytes(1, 2) + bytes(24, 2) + bytes(content.count, 8) + bytes(content.count, 8)
                    + bytes(file.count, 8) : []
            directory += bytes(0x0201_4B50, 4) + bytes(0, 16)
            directory += (isLong ? unsaid + unsaid : sizes) + bytes(name.utf8.count, 2)
            directory += bytes(extra.count, 2) + bytes(0, 10)
            directory += (isLong ? unsaid : bytes(file.count, 4)) + Array(name.utf8) + extra
            file += bytes(0x0403_4B50, 4) + bytes(0, 14) + sizes + bytes(name.utf8.count, 2)
            file += bytes(0, 2) + Array(name.utf8) + content
        }
        let (start, end) = (file.count, file.count + directory.count)
        file += directory
        if isLong {
            file += bytes(0x0606_4B50, 4) + bytes(44, 8) + bytes(0, 12) + bytes(entries.count, 8)
            file += bytes(entries.count, 8) + bytes(directory.count, 8) + bytes(start, 8)
            file += bytes(0x0706_4B50, 4) + bytes(0, 4) + bytes(end, 8) + bytes(1, 4)
        }
        return file + bytes(0x0605_4B50, 4) + bytes(0, 4) + bytes(entries.count, 2)
            + bytes(entries.count, 2) + bytes(directory.count, 4)
            + (isLong ? unsaid : bytes(start, 4)) + bytes(0, 2)
    }
}

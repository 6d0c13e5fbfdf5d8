import Foundation
import Testing

/// What a file takes of memory while it is read, in a process of its own.
@Suite struct PeakMemoryTests {
    /// Runs a command, and looks at the most memory that it has held until its end: again where a busy
    /// machine left no time to look.
    private func run(
        _ folder: TrialFolder, _ arguments: [String]
    ) throws -> (run: LockstepRun, megabytes: Int) {
        var found = try attempt(folder, arguments)
        for _ in 0..<5 where found.megabytes == 0 { found = try attempt(folder, arguments) }
        return found
    }

    private func attempt(
        _ folder: TrialFolder, _ arguments: [String]
    ) throws -> (run: LockstepRun, megabytes: Int) {
        let process = try folder.start(arguments)
        var peak = 0
        _ = process.wait {
            if let id = process.ranks.first { peak = max(peak, Self.peakBytes(of: id)) }
            return false
        }
        return (try process.finish(), peak >> 20)
    }

    /// VmHWM of a process; 0 where it has ended.
    private static func peakBytes(of id: pid_t) -> Int {
        let text = (try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        let words = (line ?? "").split(whereSeparator: \.isWhitespace)
        return words.count == 3 ? (Int(words[1]) ?? 0) << 10 : 0
    }

    /// MB that the program itself takes with its libraries, 39 where this was written, with room for
    /// other libraries' versions.
    private static let own = 80

    private func numbers(_ bytes: Int) -> String {
        "[" + String(repeating: "200,", count: bytes / 4) + "7]"
    }

    // 20 MB of bytes; as values of their own they took 850 MB.
    @Test func anArrayOfBytesInAGGUFFileStaysBytes() throws {
        let folder = try TrialFolder.finetuning()
        try folder.write(
            "export.yaml", "model_name_or_path: model\nexport_dir: made\nexport_gguf: f16\n")
        try #require(try folder.run(["export", "export.yaml"]).status == 0)
        var data = try folder.data("made/model-f16.gguf")
        // Ahead of all other keys; as long as a multiple of the alignment of tensors.
        let name = "general.numbers"
        let count = 20_000_025
        func bytes(_ number: some FixedWidthInteger) -> Data {
            withUnsafeBytes(of: number.littleEndian) { Data($0) }
        }
        let key = bytes(UInt64(name.utf8.count)) + Data(name.utf8)
        let array = bytes(UInt32(9)) + bytes(UInt32(0)) + bytes(UInt64(count))
        data[16] += 1
        data.insert(contentsOf: key + array + Data(repeating: 200, count: count), at: 24)
        try folder.write("large.gguf", data)
        let (run, megabytes) = try run(
            folder, ["tokenizer", "encode", "--tokenizer", "large.gguf"])
        #expect(run.status == 0, "\(run.errors)")
        // The file is mapped, and read once.
        let limit = Self.own + 20 + 16
        #expect(megabytes > 0 && megabytes < limit, "\(megabytes) MB")
    }

    // At most 16 times the file's size, as for every parser.
    @Test(arguments: ["config.json", "tokenizer.json", "tokenizer_config.json"])
    func anArrayOfBytesInAModelsJSONTakesLittle(name: String) throws {
        let folder = try TrialFolder()
        try folder.add("finetuning/model", as: "model")
        let text = String(decoding: try folder.data("model/" + name), as: UTF8.self)
        let size = 2 << 20
        let open = try #require(text.firstIndex(of: "{"))
        try folder.write(
            "model/" + name,
            text[...open] + "\"bytes\": \(numbers(size))," + text[text.index(after: open)...])
        let (run, megabytes) = try run(
            folder, ["generate", "--model", "model", "--prompt", "a", "--max-new-tokens", "1"])
        #expect(run.status == 2 || name == "tokenizer_config.json", "\(run.errors)")
        let limit = Self.own + 16 * (size >> 20) + 16
        #expect(megabytes > 0 && megabytes < limit, "\(megabytes) MB")
    }

    @Test func anArrayOfBytesInARowTakesLittle() throws {
        let folder = try TrialFolder.finetuning()
        let size = 2 << 20
        try folder.write(
            "data/rows.json",
            "[{\"instruction\": \"a\", \"output\": \"b\", \"bytes\": \(numbers(size))}]")
        let (run, megabytes) = try run(
            folder, ["train", "run.yaml", "max_steps=1", "save_strategy=no"])
        #expect(run.status == 0, "\(run.errors)")
        let limit = Self.own + 16 * (size >> 20) + 32
        #expect(megabytes > 0 && megabytes < limit, "\(megabytes) MB")
    }

    /// 200 MB of one record, packed into some thousands of bytes: a Zstandard frame of runs.
    @Test func aPackedRecordWithoutEndTakesNoMoreThanTheLimit() throws {
        let folder = try TrialFolder()
        try TokenizerSample.write(to: folder)
        try folder.write("run.yaml", TokenizerSample.settings)
        var bytes = Data([0x28, 0xB5, 0x2F, 0xFD, 0, 10 << 3])
        func append(_ text: String, isLast: UInt32 = 0) {
            let header = UInt32(text.utf8.count) << 3 | isLast
            withUnsafeBytes(of: header.littleEndian) { bytes.append(contentsOf: $0.dropLast()) }
            bytes.append(contentsOf: text.utf8)
        }
        append("{\"text\": \"")
        for _ in 0..<1600 {
            let header = UInt32(1 << 17) << 3 | 1 << 1
            withUnsafeBytes(of: header.littleEndian) { bytes.append(contentsOf: $0.dropLast()) }
            bytes.append(UInt8(ascii: "a"))
        }
        append("\"}\n", isLast: 1)
        try folder.write("bomb.jsonl.zst", bytes)
        let (run, megabytes) = try run(folder, ["prepare", "run.yaml", "dataset=bomb.jsonl.zst"])
        #expect(run.status == 2, "\(run.errors)")
        #expect(
            run.messages.count == 1
                && run.messages[0].contains("bomb.jsonl.zst")
                && run.messages[0].contains("a record of more than 67108864 bytes found"),
            "\(run.errors)")
        #expect(!folder.exists("shards/dataset.json"))
        // The record limit is 64 MiB; a record is held a few times while it is read.
        let limit = Self.own + 4 * 64
        #expect(megabytes > 0 && megabytes < limit, "\(megabytes) MB")
    }
}

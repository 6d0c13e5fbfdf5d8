import Datasets
import Foundation
import Templates
import Testing
import TextData

/// Files of examples that do not fit or are damaged.
@Suite struct TokenizedFileDamageTests {
    private let sample = TokenizedSample()

    @Test func aSettingThatDiffersIsNamedWithBothValues() throws {
        try sample.withFolder { folder in
            var base = sample.settings(folder)
            base.packing = .plain
            base.heldOut = 2
            let file = try #require(try sample.keep(base.keeping, folder))
            #expect(try sample.problem(file, base) == nil)
            typealias Change = (inout InstructionSettings) -> Void
            let changes: [(Change, String)] = [
                ({ $0.encoding.cutoffLength = 48 }, "cutoff_len '64', but the run has '48'"),
                (
                    { $0.encoding.trainsOnPrompt = true },
                    "train_on_prompt 'false', but the run has 't"
                ),
                (
                    { $0.encoding.masksHistory = true },
                    "mask_history 'false', but the run has 'true'"
                ),
                (
                    { $0.encoding.enableThinking = false },
                    "enable_thinking 'true', but the run has 'f"
                ),
                (
                    { $0.encoding.preservesThinking = true },
                    "preserve_thinking 'false', but the run"
                ),
                ({ $0.packing = .none }, "packing 'true', but the run has 'false'"),
                ({ $0.packing = .neat }, "neat_packing 'false', but the run has 'true'"),
                ({ $0.packingBatch = 3 }, "preprocessing_batch_size '1000', but the run has '3'"),
                ({ $0.datasets = ["b.json"] }, "dataset 'a.json', but the run has 'b.json'"),
                (
                    { $0.datasets.append("b.json") },
                    "dataset 'a.json', but the run has 'a.json, b.json'"
                ),
                (
                    { $0.evaluationDatasets = ["c.json"] },
                    "eval_dataset none, but the run has 'c.json'"
                ),
                ({ $0.rowLimit = 4 }, "max_samples none, but the run has '4'"),
                ({ $0.heldOut = 0.25 }, "val_size '2', but the run has '0.25'"),
                ({ $0.seed = 43 }, "seed '42', but the run has '43'"),
                ({ $0.mixing = .interleaveOver }, "mix_strategy 'concat', but the run has 'interl"),
                ({ $0.probabilities = [1] }, "interleave_probs none, but the run has '1.0'"),
            ]
            for (change, message) in changes {
                var settings = base
                change(&settings)
                let problem = try #require(try sample.problem(file, settings), "\(message)")
                #expect(problem.contains("prepared with \(message)"), "\(problem)")
                #expect(problem.contains("; set it back, or run `lockstep prepare` again"))
                #expect(problem.hasPrefix("tokenized_path \(folder)/kept/conversations.tokens: "))
            }
            // What decides nothing may differ.
            var settings = base
            settings.threads = 7
            settings.isStrict = true
            settings.predicts = true
            settings.encoding.date = "03 Jan 2026"
            settings.datasets = []
            #expect(try sample.problem(file, settings) == nil)
        }
    }

    @Test func theTemplateIsNamedAndSoIsWhatIsChangedOfIt() throws {
        try sample.withFolder { folder in
            let settings = sample.settings(folder)
            let file = try #require(try sample.keep(settings, folder))
            func problem(_ template: ChatTemplate) throws -> String {
                try #require(try sample.problem(file, settings, template))
            }
            #expect(
                try problem(.named("qwen")).contains(
                    "prepared with template 'chatml', but the run has 'qwen'"))
            var told = try ChatTemplate.named("chatml")
            told.defaultSystem = "Be brief."
            #expect(
                try problem(told).contains(
                    "prepared with default_system none, but the run has 'Be brief.'"))
            let tools = try ChatTemplate.named("chatml").withToolFormat("qwen")
            #expect(
                try problem(tools).contains(
                    "prepared with tool_format 'default', but the run has 'qwen'"))
        }
    }

    @Test func theSeedCountsWhereItHasDecidedSomething() throws {
        try sample.withFolder { folder in
            var settings = sample.settings(folder)
            let file = try #require(try sample.keep(settings, folder))
            settings.seed = 7
            #expect(try sample.problem(file, settings) == nil)
        }
    }

    @Test func dataThatHaveChangedAreNamedAndThoseThatAreGoneAreNotMissed() throws {
        try sample.withFolder { folder in
            var settings = sample.settings(folder)
            settings.evaluationDatasets = ["b.json"]
            let file = try #require(try sample.keep(settings.keeping, folder))
            let path = folder + "/b.json"
            let before = try Data(contentsOf: URL(fileURLWithPath: path))
            // A changed letter, of the same length.
            var after = before
            after[20] = after[20] == 65 ? 66 : 65
            try after.write(to: URL(fileURLWithPath: path))
            let problem = try #require(try sample.problem(file, settings))
            #expect(
                problem.contains(
                    "dataset b.json has changed: \(path) had \(before.count) bytes of "),
                "\(problem)")
            try before.dropLast(9).write(to: URL(fileURLWithPath: path))
            let broken = try #require(try sample.problem(file, settings))
            #expect(
                broken.contains("dataset b.json has changed and cannot be read any more: \(path)"),
                "\(broken)")
            try FileManager.default.removeItem(atPath: path)
            #expect(try sample.problem(file, settings) == nil)
            try before.write(to: URL(fileURLWithPath: path))
            #expect(try sample.problem(file, settings) == nil)
            // An entry that reads the same file in another way.
            try Data(
                #"{"a.json": {"file_name": "a.json", "columns": {"prompt": "output", "response": "instruction"}}}"#
                    .utf8
            ).write(to: URL(fileURLWithPath: folder + "/dataset_info.json"))
            let other = try #require(try sample.problem(file, settings))
            #expect(
                other.contains("dataset a.json was prepared as alpaca (messages: conversations, ")
                    && other.contains(", but is now listed as alpaca (prompt: output, "), "\(other)"
            )
        }
    }

    /// A small file of packed examples, and its bytes.
    private func keptFile(_ folder: String) throws -> (url: URL, bytes: Data) {
        try sample.write(folder, "few.json", rows: 3, text: "Question")
        var settings = sample.settings(folder)
        settings.datasets = ["few.json"]
        settings.heldOut = 1
        settings.packing = .neat
        _ = try #require(try sample.keep(settings.keeping, folder))
        let url = URL(fileURLWithPath: folder + "/kept/conversations.tokens")
        return (url, try Data(contentsOf: url))
    }

    @Test func everyByteCounts() throws {
        try sample.withFolder { folder in
            let (url, whole) = try keptFile(folder)
            func message(_ data: Data) throws -> String? {
                try data.write(to: url)
                do throws(ConversationError) {
                    _ = try TokenizedFile.open(in: folder + "/kept", idsBelow: 100_000)
                    return nil
                } catch {
                    return error.description
                }
            }
            #expect(try message(whole) == nil)
            for index in whole.indices {
                var changed = whole
                changed[index] ^= 1 << (index % 8)
                let problem = try #require(try message(changed), "byte \(index)")
                #expect(problem.contains("run `lockstep prepare` again with this configuration"))
                #expect(!problem.contains("\n"))
            }
            for count in stride(from: 0, to: whole.count, by: 7) {
                #expect(try message(whole.prefix(count)) != nil, "cut to \(count)")
            }
            #expect(try message(whole + [0, 0, 0, 0])?.contains("cut off or damaged") == true)
            var old = whole
            old[8] = 2
            #expect(try message(old)?.contains("version 2 found, 3 expected") == true)
            #expect(
                try message(Data("LSTKSHRD and more".utf8))?.contains("starts with \"LSTKSHRD\"")
                    == true)
            #expect(try message(Data())?.contains("starts with nothing (an empty file)") == true)
        }
    }

    /// Numbers that no program of ours writes, under a checksum that is right.
    @Test func whateverOpensCanBeReadWhole() throws {
        try sample.withFolder { folder in
            let (url, whole) = try keptFile(folder)
            func sealed(_ data: Data) -> Data {
                var data = data
                let sum = checksum(data.dropFirst(16))
                for byte in 0..<4 { data[12 + byte] = UInt8(truncatingIfNeeded: sum >> (8 * byte)) }
                return data
            }
            try #require(sealed(whole) == whole)
            var opened = 0
            let record = Int(whole[16]) | Int(whole[17]) << 8
            let offsets =
                Array(stride(from: 16, to: 56, by: 4))
                + stride(from: 56 + (record + 7) / 8 * 8, to: whole.count - 8, by: 12)
            for offset in offsets {
                for value in [UInt32.max, 0, 1 << 20] {
                    var changed = whole
                    for byte in 0..<4 {
                        changed[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte))
                    }
                    try sealed(changed).write(to: url)
                    guard
                        let file = try? TokenizedFile.open(in: folder + "/kept", idsBelow: 100_000)
                    else { continue }
                    opened += 1
                    for index in 0..<file.trainingCount + file.evaluationCount {
                        let example = file.example(index)
                        #expect(example.labels.allSatisfy { $0 == -100 || 0..<100_000 ~= $0 })
                        #expect(example.ids.allSatisfy { 0..<100_000 ~= $0 })
                    }
                    for index in 0..<file.promptCount { _ = file.prompt(index) }
                }
            }
            #expect(opened > 10)
        }
    }

    /// CRC-32 as zlib computes it.
    private func checksum(_ data: Data) -> UInt32 {
        let table = (0..<256).map { index in
            (0..<8).reduce(UInt32(index)) { value, _ in
                value >> 1 ^ (value & 1 == 1 ? 0xEDB8_8320 : 0)
            }
        }
        return ~Array(data).reduce(UInt32.max) { $0 >> 8 ^ table[Int(($0 ^ UInt32($1)) & 255)] }
    }

    @Test func idsThatTheModelDoesNotHaveAreNamed() throws {
        try sample.withFolder { folder in
            let settings = sample.settings(folder)
            let file = try #require(try sample.keep(settings, folder))
            let largest = (0..<file.trainingCount).flatMap { file.example($0).ids }.max() ?? 0
            #expect(try sample.open(folder, idsBelow: Int(largest) + 1) != nil)
            let error = #expect(throws: ConversationError.self) {
                try sample.open(folder, idsBelow: Int(largest))
            }
            #expect(
                error?.description.contains(
                    "id \(largest) found, but the model's vocabulary has \(largest)") == true)
        }
    }

    @Test func whatAKilledWriterLeftGoesAwayAndAnotherOnesStays() throws {
        try sample.withFolder { folder in
            let kept = folder + "/kept"
            try FileManager.default.createDirectory(
                atPath: kept, withIntermediateDirectories: true)
            for name in ["conversations.tokens.0.77.tmp", "conversations.tokens.3.77.tmp", "notes"]
            {
                try Data("x".utf8).write(to: URL(fileURLWithPath: kept + "/" + name))
            }
            #expect(try sample.open(folder) == nil)
            _ = try sample.keep(sample.settings(folder), folder)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: kept).sorted()
                    == ["conversations.tokens", "conversations.tokens.3.77.tmp", "notes"])
        }
    }
}

import Foundation
import Testing

@Suite struct TextCommandTests {
    /// One line of `score`.
    private struct Score: Decodable, Equatable {
        let ids: [Int]
        let logprobs: [Double?]
        let tokens: Int
        let nll: Double
        let perplexity: Double?
    }

    private func scores(_ run: LockstepRun) throws -> [Score] {
        try run.output.split(separator: "\n").map {
            try JSONDecoder().decode(Score.self, from: Data($0.utf8))
        }
    }

    private func score(
        _ folder: TrialFolder, _ model: String, _ input: String, _ more: [String] = []
    ) throws -> [Score] {
        let run = try folder.run(
            ["score", "--model", model, "--input", input, "--threads", "1"] + more)
        try #require(run.status == 0, "\(run.errors)")
        return try scores(run)
    }

    /// A folder whose `out` holds a model that knows its text somewhat.
    private func trained() throws -> TrialFolder {
        let folder = try TokenizerSample.prepared()
        let run = try folder.run(["train", "run.yaml", "max_steps=80", "lr_scheduler_type=cosine"])
        try #require(run.status == 0, "\(run.errors)")
        try folder.write("text.txt", "the cat sat on the mat\n\nthe dog ran far away.\n")
        try folder.write("ids.jsonl", "{\"ids\": [1, 2, 3]}\n{\"ids\": [7]}\n{\"ids\": []}\n")
        return folder
    }

    @Test(arguments: ["The cat sat.", "naïve 😀 — 猫\tis  here", "<|endoftext|>", ""])
    func encodingAndDecodingGiveTheTextBack(_ line: String) throws {
        let folder = try TrialFolder()
        try TokenizerSample.write(to: folder)
        let ids = try folder.run(
            ["tokenizer", "encode", "--tokenizer", "tokenizer"], input: line + "\n")
        #expect(
            ids.status == 0
                && ids.output.split(separator: " ").allSatisfy {
                    Int($0.trimmingCharacters(in: .newlines)) ?? -1 < 300
                })
        let text = try folder.run(
            ["tokenizer", "decode", "--tokenizer", "tokenizer/tokenizer.json"], input: ids.output)
        #expect(text.status == 0 && text.output == line + "\n")
    }

    @Test func aCheckpointHasItsTokenizerInside() throws {
        let folder = try TokenizerSample.prepared()
        let run = try folder.run(["train", "run.yaml", "max_steps=1"])
        try #require(run.status == 0, "\(run.errors)")
        try folder.write("under/way.txt", "")
        try folder.copy("out/checkpoint-1.h5", to: "under/checkpoint-1.h5")
        func encoded(_ place: String) throws -> LockstepRun {
            try folder.run(
                ["tokenizer", "encode", "--tokenizer", place], input: "the cat sat far away\n")
        }
        let expected = try encoded("tokenizer").output
        for place in ["out/checkpoint-1.h5", "under", "out"] {
            let found = try encoded(place)
            #expect(found.status == 0 && found.output == expected, "\(place): \(found.errors)")
        }
        // Its data were tokens of no known tokenizer.
        let bare = try TrialFolder()
        try bare.trainToEnd(["max_steps=1"])
        for place in ["out/checkpoint-1.h5", "out"] {
            let refused = try bare.run(["tokenizer", "encode", "--tokenizer", place], input: "a\n")
            #expect(refused.status == 2)
            #expect(
                refused.messages == [
                    "out/checkpoint-1.h5 holds no tokenizer; give the folder of the model's tokenizer"
                ])
        }
    }

    @Test func learningTakesSoManyThreadsAndTheSameTokensComeOut() throws {
        let folder = try TrialFolder()
        try folder.write("text.txt", TokenizerSample.documents().joined(separator: "\n"))
        func learn(_ threads: String) throws -> LockstepRun {
            try folder.run([
                "tokenizer", "train", "--type", "sentencepiece-bpe", "--input", "text.txt",
                "--vocab-size", "300", "--threads", threads, "--output", "by-\(threads)",
            ])
        }
        for threads in ["1", "3"] { #expect(try learn(threads).status == 0) }
        let files = try ["1", "3"].map {
            try String(contentsOfFile: "\(folder.path)/by-\($0)/tokenizer.json", encoding: .utf8)
        }
        #expect(files[0] == files[1])
        let refused = try learn("0")
        #expect(refused.status == 2)
        #expect(refused.errors == "lockstep: --threads: found 0, expected 1 or more\n")
    }

    @Test func encodingTellsItsTimeOnDemand() throws {
        let folder = try TrialFolder()
        try TokenizerSample.write(to: folder)
        let command = ["tokenizer", "encode", "--tokenizer", "tokenizer"]
        let plain = try folder.run(command, input: "the cat\nsat")
        let timed = try folder.run(command + ["--timing"], input: "the cat\nsat")
        #expect(timed.status == 0 && timed.output == plain.output && plain.errors.isEmpty)
        let ids = plain.output.split { $0 == " " || $0 == "\n" }.count
        #expect(timed.errors.hasPrefix("lockstep: 2 lines, \(ids) tokens in "))
        #expect(timed.errors.hasSuffix(" tokens/s\n"))
    }

    /// Printed and written at once, little and more than a buffer holds.
    @Test(arguments: [
        (["tokenizer", "encode", "--tokenizer", "tokenizer"], 1),
        (["tokenizer", "encode", "--tokenizer", "tokenizer"], 9000), (["version"], 1),
        (["doctor"], 1), (["prepare", "run.yaml", "dataset=text.txt"], 1),
    ])
    func anAnswerThatDoesNotArriveEndsWithOne(_ arguments: [String], _ lines: Int) throws {
        let folder = try TrialFolder()
        try TokenizerSample.write(to: folder)
        try folder.write("run.yaml", TokenizerSample.settings)
        try folder.write("text.txt", TokenizerSample.documents().joined(separator: "\n"))
        let input = String(repeating: "the cat sat\n", count: lines)
        let process = try LockstepProcess(
            arguments, in: folder.path, input: input, shell: "exec >/dev/full")
        let run = try process.finish()
        #expect(run.status == 1)
        #expect(
            run.errors.contains(
                "write failed on standard output: No space left on device (errno 28); free space"),
            "\(run.errors)")
    }

    @Test func aReaderThatHasEnoughIsNoFailure() throws {
        let folder = try TrialFolder()
        try TokenizerSample.write(to: folder)
        let process = try LockstepProcess(
            ["tokenizer", "encode", "--tokenizer", "tokenizer"], in: folder.path,
            input: String(repeating: "the cat sat\n", count: 9000),
            shell: "exec > >(exec head -c 10 >/dev/null)")
        let run = try process.finish()
        #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    }

    @Test func idsThatAreNoNumbersAreNamedWithTheirLine() throws {
        let folder = try TrialFolder()
        try TokenizerSample.write(to: folder)
        let run = try folder.run(
            ["tokenizer", "decode", "--tokenizer", "tokenizer"], input: "1 2\n3 x4\n")
        #expect(run.status == 2)
        #expect(run.messages == ["line 2: found 'x4', expected ids separated by spaces"])
    }

    @Test(arguments: ["300", "-1"])
    func idsOutsideTheVocabularyAreNamedWithTheirLine(_ id: String) throws {
        let folder = try TrialFolder()
        try TokenizerSample.write(to: folder)
        let run = try folder.run(
            ["tokenizer", "decode", "--tokenizer", "tokenizer"], input: "1 299\n3 \(id)\n")
        #expect(run.status == 2)
        #expect(run.messages == ["line 2: id \(id) is not in the vocabulary of 300"])
    }

    @Test func aModelThatKnowsNothingScoresEveryTokenAlike() throws {
        let folder = try TrialFolder()
        try folder.write("zero/config.json", TrialFolder.llama(["initializer_range": 0]))
        try folder.trainToEnd(["model_name_or_path=zero", "max_steps=1", "learning_rate=0"])
        try folder.write("ids.jsonl", "{\"ids\": [5, 90, 0, 31]}\n{\"ids\": [7]}\n{\"ids\": []}\n")
        let lines = try score(folder, "out", "ids.jsonl")
        let expected = -log(96.0)
        try #require(lines.count == 3)
        #expect(lines[0].ids == [5, 90, 0, 31] && lines[0].tokens == 3)
        #expect(lines[0].logprobs.count == 4 && lines[0].logprobs[0] == nil)
        for value in lines[0].logprobs.dropFirst() { #expect(abs(value! - expected) < 1e-6) }
        #expect(abs(lines[0].nll + 3 * expected) < 1e-5)
        #expect(abs(lines[0].perplexity! - 96) < 1e-3)
        #expect(lines[1] == Score(ids: [7], logprobs: [nil], tokens: 0, nll: 0, perplexity: nil))
        #expect(lines[2] == Score(ids: [], logprobs: [], tokens: 0, nll: 0, perplexity: nil))
    }

    @Test func scoreTakesFoldersAndCheckpointsAndReadsText() throws {
        let folder = try trained()
        let lines = try score(folder, "out", "text.txt")
        #expect(lines.count == 2, "one document a line, empty lines are none")
        #expect(lines == (try score(folder, "out/checkpoint-80.h5", "text.txt")))
        let nll = -lines[0].logprobs.compactMap { $0 }.reduce(0, +)
        #expect(abs(nll - lines[0].nll) < 1e-4)
        #expect(abs(lines[0].perplexity! - exp(nll / Double(lines[0].tokens))) < 1e-3)
        #expect(lines[0].nll / Double(lines[0].tokens) < 0.8 * log(300), "it has learned something")
    }

    @Test func exportedFoldersScoreAsTheCheckpointDoes() throws {
        let folder = try trained()
        let expected = try score(folder, "out/checkpoint-80.h5", "text.txt")
        let common = [
            "export", "run.yaml", "train_from_scratch=false", "finetuning_type=full",
        ]
        for (type, source) in [
            ("float32", "out/checkpoint-80.h5"), ("bfloat16", "out"), ("float16", "out"),
        ] {
            let run = try folder.run(
                common + [
                    "model_name_or_path=\(source)", "export_dir=\(type)", "infer_dtype=\(type)",
                    "export_size=0.00005",
                ])
            try #require(run.status == 0, "\(run.errors)")
            #expect(run.output == type + "\n")
            #expect(folder.exists("\(type)/tokenizer.json") && folder.exists("\(type)/config.json"))
            #expect(folder.names(type).filter { $0.hasSuffix(".safetensors") }.count > 1)
            let found = try score(folder, type, "text.txt")
            if type == "float32" {
                #expect(found == expected)
            } else {
                for (a, b) in zip(found, expected) { #expect(abs(a.nll - b.nll) < 0.02 * b.nll) }
                #expect(found != expected)
            }
        }
    }

    @Test func greedyGenerationIsWhatScoringEveryTokenChooses() throws {
        let folder = try trained()
        let command = [
            "generate", "--model", "out", "--prompt", "the cat", "--temperature", "0",
            "--max-new-tokens", "6", "--threads", "1",
        ]
        let run = try folder.run(command)
        #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
        #expect(try folder.run(command).output == run.output)
        let encoded = try folder.run(
            ["tokenizer", "encode", "--tokenizer", "tokenizer"], input: "the cat")
        var ids = encoded.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        let prompt = ids.count
        for _ in 0..<6 {
            let lines = (0..<300).map { "{\"ids\": \(ids + [$0])}\n" }
            try folder.write("next.jsonl", lines.joined())
            let next = try score(folder, "out", "next.jsonl")
            ids.append(next.indices.max { next[$0].logprobs.last!! < next[$1].logprobs.last!! }!)
        }
        let text = ids.dropFirst(prompt).map(String.init).joined(separator: " ")
        let decoded = try folder.run(
            ["tokenizer", "decode", "--tokenizer", "tokenizer"], input: text)
        #expect(run.output == decoded.output)
    }

    @Test func sampledGenerationFollowsItsSeed() throws {
        let folder = try trained()
        func text(_ seed: Int) throws -> String {
            try folder.run([
                "generate", "--model", "out", "--prompt", "the", "--temperature", "1.5",
                "--top-p", "1", "--top-k", "0", "--max-new-tokens", "24", "--seed", String(seed),
                "--threads", "1",
            ]).output
        }
        let first = try text(1)
        #expect(!first.isEmpty)
        #expect(try text(1) == first)
        #expect(try text(2) != first)
    }

    @Test(arguments: [
        (
            ["score", "--model", "nowhere", "--input", "ids.jsonl"],
            "model 'nowhere' does not exist; expected a Hugging Face folder, a .gguf file or a "
                + "checkpoint-N.h5; models are read from local files, so download it first"
        ),
        (
            ["score", "--model", "llama", "--input", "none.jsonl"],
            "cannot read 'none.jsonl': open failed: No such file or directory; give a .jsonl or "
                + ".txt file as --input"
        ),
        (
            ["score", "--model", "llama", "--input", "ids.jsonl"],
            "no weights in llama; expected model.safetensors or pytorch_model.bin, or the index of "
                + "several"
        ),
        (
            ["generate", "--model", "llama", "--prompt", "a", "--top-p", "2"],
            "--top-p: found 2.0, expected above 0, at most 1"
        ),
        (
            [
                "generate", "--model", "llama", "--prompt", "a", "--max-new-tokens",
                "9223372036854775807",
            ],
            "--max-new-tokens: found 9223372036854775807, expected at least 1 and at most 2147483647"
        ),
        (
            ["generate", "--model", "llama", "--prompt", "a", "--temperature=-1"],
            "--temperature: found -1.0, expected at least 0"
        ),
        (
            ["generate", "--model", "llama", "--prompt", "a", "--min-p", "nan"],
            "--min-p: found nan, expected 0 to 1"
        ),
        (
            ["tokenizer", "encode", "--tokenizer", "llama"],
            "tokenizer: nothing at llama, expected a folder with tokenizer.json or that file itself; "
                + "check the path or train one with `lockstep tokenizer train`"
        ),
        (
            ["tokenizer", "train", "--input", "none.txt", "--vocab-size", "300", "--output", "t"],
            "input none.txt: no such file or folder, and no file matches it as a pattern; check "
                + "the path"
        ),
        (
            ["inspect", "none.h5"], "'none.h5' does not exist; expected a checkpoint-N.h5"
        ),
    ])
    func mistakesOfTheOtherCommandsAreToldInOneLine(
        _ arguments: [String], _ message: String
    ) throws {
        let folder = try TrialFolder()
        try folder.write("ids.jsonl", "{\"ids\": [1, 2]}\n")
        let run = try folder.run(arguments)
        #expect(run.status == 2)
        expectMessage(run, message, ranks: 1)
    }
}

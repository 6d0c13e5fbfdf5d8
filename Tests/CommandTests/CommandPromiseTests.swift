import Foundation
import TestSupport
import Testing

/// What commands print, where, and with which status.
@Suite struct CommandPromiseTests {
    @Test(arguments: [["version"], ["--version"]])
    func theVersionIsPrinted(_ arguments: [String]) throws {
        let run = try TrialFolder().run(arguments)
        #expect(run.status == 0 && run.errors.isEmpty)
        let parts = run.output.split(separator: " ")
        #expect(parts.count == 2 && parts[0] == "lockstep" && parts[1].contains("."))
    }

    @Test func theDoctorTellsOfTheMachineItsRanksAndTheirLinks() throws {
        let folder = try TrialFolder()
        let run = try folder.run(["doctor"], ranks: 2)
        #expect(run.status == 0, "\(run.errors)")
        let lines = run.output.split(separator: "\n").map(String.init)
        for name in [
            "lockstep ", "host ", "processors ", "memory ", "OpenBLAS ", "oneDNN ", "float32 ",
            "bfloat16 ", "MPI ", "rank 0 ", "rank 1 ", "link 0-1 ",
        ] {
            #expect(lines.count { $0.hasPrefix(name) } == 1, "\(name): \(run.output)")
        }
        #expect(lines.contains { $0.hasPrefix("rank 1 ") && $0.contains(" processors, ") })
        #expect(
            lines.contains {
                $0.hasPrefix("link 0-1 ") && $0.contains(" µs, ") && $0.contains(" GB/s")
            })
        #expect(lines.contains { $0.hasPrefix("sum ") && $0.contains(" ms, ") })
    }

    @Test func stepsAreMeasuredAsATableAndAsJSON() throws {
        let folder = try TrialFolder()
        let run = try folder.run(["bench", "step", "run.yaml", "--steps", "2", "--json"])
        #expect(run.status == 0, "\(run.errors)")
        let figures = try #require(
            try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        let (speed, step) = (
            figures["tokensPerSecond"] as? Double ?? 0,
            figures["medianStepSeconds"] as? Double ?? 0
        )
        #expect(abs(speed * step - 12 * 16) < 1e-3)
        #expect(figures["peak"] as? Double == 50e9 && figures["ranks"] as? Int == 1)
        let table = try folder.run(
            ["bench", "step", "run.yaml", "--steps", "1", "threads_per_rank=2"])
        #expect(table.status == 0, "\(table.errors)")
        for text in [
            "ranks × threads   1 × 2", "tokens/s  ", "MFU  ", "by op, one step of rank 0:",
        ] {
            #expect(table.output.contains(text), "\(table.output)")
        }
        #expect(!folder.exists("out"))
    }

    @Test func theOtherMeasurementsAreTablesWithoutJSON() throws {
        let folder = try TrialFolder()
        for (arguments, text) in [
            (["gemm"], "GFLOP/s"), (["allreduce"], "GB/s"),
            (["data", "run.yaml", "--tokens", "2000"], "tokens/s"),
        ] {
            let run = try folder.run(["bench"] + arguments)
            #expect(run.status == 0 && run.output.contains(text), "\(run.errors)")
            #expect(run.output.split(separator: "\n").count > 2)
            #expect(!run.output.hasPrefix("{"))
        }
    }

    @Test func sumsOfOneRankAreToldToBeNone() throws {
        let folder = try TrialFolder()
        let said = "one rank sums nothing; run it under mpirun -np 2 or more, or srun"
        #expect(try folder.run(["bench", "allreduce"]).messages == [said])
        let two = try folder.run(["bench", "allreduce"], ranks: 2)
        #expect(two.status == 0 && !two.says(said), "\(two.errors)")
    }

    @Test func aTokenizerIsLearnedFromAllInputsThatAreNamed() throws {
        let folder = try TrialFolder()
        try folder.write("a.txt", String(repeating: "lumber slumber\n", count: 20))
        try folder.write("b.jsonl", String(repeating: "{\"text\": \"zigzag\"}\n", count: 30))
        func tokens(_ inputs: [String], _ output: String) throws -> Set<String> {
            let run = try folder.run(
                ["tokenizer", "train", "--input"] + inputs + [
                    "--vocab-size", "280", "--output", output,
                ])
            try #require(run.status == 0, "\(run.errors)")
            #expect(run.output.isEmpty)
            #expect(folder.names(output) == ["tokenizer.json", "tokenizer_config.json"])
            let object = try JSONSerialization.jsonObject(
                with: folder.data(output + "/tokenizer.json"))
            let model = (object as? [String: Any])?["model"] as? [String: Any]
            return Set(try #require(model?["vocab"] as? [String: Int]).keys)
        }
        let both = try tokens(["a.txt", "b.jsonl"], "both")
        let (first, second) = try (tokens(["a.txt"], "first"), tokens(["b.jsonl"], "second"))
        #expect(both.contains("zigzag") && second.contains("zigzag") && !first.contains("zigzag"))
        #expect(!both.intersection(first).subtracting(second).isEmpty)
    }

    @Test func encodingAddsSpecialTokensOnlyWhereAskedTo() throws {
        let folder = try TrialFolder()
        try folder.add("finetuning/model", as: "model")
        let name = "model/tokenizer.json"
        var text = try #require(
            try JSONSerialization.jsonObject(with: folder.data(name)) as? [String: Any])
        let sequence: [String: Any] = ["Sequence": ["id": "A", "type_id": 0]]
        let start: [String: Any] = ["SpecialToken": ["id": "<|im_start|>", "type_id": 0]]
        text["post_processor"] = [
            "type": "TemplateProcessing", "single": [start, sequence],
            "pair": [start, sequence, ["Sequence": ["id": "B", "type_id": 1]]],
            "special_tokens": [
                "<|im_start|>": [
                    "id": "<|im_start|>", "ids": [1], "tokens": ["<|im_start|>"],
                ]
            ],
        ]
        try folder.write(name, JSONSerialization.data(withJSONObject: text))
        func ids(_ more: [String]) throws -> [String] {
            let run = try folder.run(
                ["tokenizer", "encode", "--tokenizer", "model"] + more,
                input: "a b<|im_end|>\n\nc")
            #expect(run.status == 0, "\(run.errors)")
            return run.output.components(separatedBy: "\n")
        }
        let (plain, special) = try (ids([]), ids(["--add-special-tokens"]))
        #expect(plain.count == 4 && plain[1].isEmpty && plain[0].hasSuffix(" 2"))
        #expect(special == ["1 " + plain[0], "1", "1 " + plain[2], ""])
    }

    @Test func onlyTheContinuationGoesToStandardOutput() throws {
        let folder = try TrialFolder()
        try folder.add("finetuning/model", as: "model")
        let command = [
            "generate", "--model", "model", "--prompt", "The capital", "--temperature", "0",
            "--max-new-tokens", "5", "--threads", "1",
        ]
        let (quiet, timed) = try (folder.run(command), folder.run(command + ["--timing"]))
        #expect(quiet.status == 0 && !quiet.output.isEmpty && quiet.errors.isEmpty)
        #expect(timed.output == quiet.output && timed.says("tokens/s"))
    }

    @Test func aTokenThatTheModelDoesNotHaveIsNamed() throws {
        let folder = try TrialFolder()
        try folder.add("finetuning/model", as: "model")
        let name = "model/tokenizer.json"
        let text = String(decoding: try folder.data(name), as: UTF8.self)
        let added = """
            "added_tokens": [{"id": 384, "content": "<far>", "single_word": false, "lstrip": \
            false, "rstrip": false, "normalized": false, "special": true},
            """
        let place = try #require(text.range(of: "\"added_tokens\": ["))
        try folder.write(name, text.replacingCharacters(in: place, with: added))
        let run = try folder.run(["generate", "--model", "model", "--prompt", "a <far>"])
        #expect(run.status == 2 && run.output.isEmpty)
        #expect(
            run.messages == ["--prompt: id 384 (<far>) is outside the model's vocabulary of 384"])
    }
}

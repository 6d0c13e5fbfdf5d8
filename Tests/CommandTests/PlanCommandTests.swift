import Foundation
import Testing

@Suite struct PlanCommandTests {
    private static let mistakes: [(arguments: [String], message: String)] = [
        (
            ["--nodes", "3,0"],
            "--nodes: found '0', expected numbers from 1 to 4096, as in 3,48"
        ),
        (
            ["--bandwidth", "10,fast"],
            "--bandwidth: found 'fast', expected Gb/s above 0, as in 10,25"
        ),
        (["--latency", "0"], "--latency: found 0.0, expected µs above 0"),
        (["--cores", "0"], "--cores: found 0, expected a number from 1 to 65536"),
        (
            ["--ranks-per-node", "3", "--cores", "2"],
            "3 ranks of 1 threads do not fit on 2 cores a node; change --cores, --ranks-per-node "
                + "or threads_per_rank"
        ),
        (
            ["--constants", "nowhere.json"],
            "--constants: 'nowhere.json' cannot be read; write it with --save-constants"
        ),
        (
            ["--constants", "run.yaml"],
            "--constants: 'run.yaml' holds no constants of this version; write it with "
                + "--save-constants"
        ),
        (
            ["model_name_or_path=nowhere"],
            "command line: model_name_or_path: 'nowhere' does not exist; models are read from "
                + "local files, so download it first"
        ),
        (
            ["learning_rat=1"],
            "command line: unknown key 'learning_rat'; did you mean 'learning_rate'?"
        ),
    ]

    @Test(arguments: mistakes)
    func aMistakeIsToldInOneLine(_ mistake: (arguments: [String], message: String)) throws {
        let folder = try TrialFolder()
        let run = try folder.run(["plan", "run.yaml"] + mistake.arguments)
        #expect(run.status == 2 && run.output.isEmpty)
        #expect(run.messages == [mistake.message], "\(run.errors)")
    }

    private func constants(_ folder: TrialFolder, _ settings: [String]) throws -> [String: Any] {
        let run = try folder.run(
            ["plan", "run.yaml", "--nodes", "2", "--steps", "1", "--save-constants", "c.json"]
                + settings)
        try #require(run.status == 0, "\(run.errors)")
        #expect(run.output.split(separator: "\n").allSatisfy { $0.count <= 100 }, "\(run.output)")
        return try #require(
            JSONSerialization.jsonObject(with: folder.data("c.json")) as? [String: Any])
    }

    @Test func aPlanCountsWhatTheModelWrites() throws {
        let folder = try TrialFolder.rewarded()
        let found = try constants(folder, ["grpo_iterations=2"])
        let rollout = try #require(found["rollout"] as? [String: Any])
        #expect(rollout["completions"] as? Int == 8 && rollout["steps"] as? Int == 2)
        #expect(rollout["tokens"] as? Int == 12)
        #expect(try #require(rollout["seconds"] as? Double) > 0)
        // Of 8 completions keys and values of 140 tokens: 2 layers of 2 heads of 8 numbers in float32.
        #expect(rollout["bytes"] as? Int == 8 * 140 * 2 * 2 * 2 * 8 * 4)
        #expect(try constants(TrialFolder(), [])["rollout"] == nil)
    }

    @Test func aPlanSumsOneBlockWhereOneIsTrainedAtATime() throws {
        let folder = try TrialFolder()
        func elements(_ settings: [String]) throws -> (summed: Int, gradients: Int?) {
            let found = try constants(folder, settings)
            let step = try #require(found["step"] as? [String: Any])
            let slots = try #require(step["slots"] as? [[String: Any]])
            let memory = try #require(found["memory"] as? [String: Any])
            return (
                slots.reduce(0) { $0 + ($1["elements"] as? Int ?? 0) }, memory["gradients"] as? Int
            )
        }
        let (all, block) = try (elements([]), elements(["use_badam=true"]))
        #expect(all.gradients == nil && block.gradients == block.summed)
        // One of two layers, without embeddings and head.
        #expect(block.summed > 0 && 2 * block.summed < all.summed)
    }

    @Test func aPlanNeedsNoData() throws {
        let folder = try TrialFolder()
        try folder.remove("tokens.bin")
        let run = try folder.run(["plan", "run.yaml", "--nodes", "48", "--steps", "2"])
        #expect(run.status == 0, "\(run.errors)")
        let lines = run.output.split(separator: "\n")
        #expect(lines.allSatisfy { $0.count <= 100 }, "\(run.output)")
        // 13 powers of two and 48, in the summary and in the parts of a step at 10 Gb/s.
        let first = lines.filter { Int($0.split(separator: " ").first ?? "") != nil }
        #expect(first.count == 28, "\(run.output)")
        #expect(run.output.contains("at 48 nodes and 10 Gb/s the largest cost"))
        #expect(folder.names(".").contains("out") == false)
    }

    @Test func constantsServeASecondPlan() throws {
        let folder = try TrialFolder()
        let arguments = ["plan", "run.yaml", "--json", "--bandwidth", "10"]
        let first = try folder.run(
            arguments + ["--save-constants", "c.json", "--steps", "2", "--cores", "4"])
        let second = try folder.run(arguments + ["--constants", "c.json", "--cores", "4"])
        #expect(first.status == 0 && second.status == 0, "\(first.errors) \(second.errors)")
        #expect(first.output == second.output)
        let plan = try #require(
            try JSONSerialization.jsonObject(with: Data(first.output.utf8)) as? [String: Any])
        let rows = try #require(plan["rows"] as? [[String: Any]])
        #expect(rows.count == 13)
        let times = rows.compactMap { $0["stepSeconds"] as? Double }
        #expect(times.count == 13 && times.allSatisfy { $0 > 0 })
        #expect(rows.first?["efficiency"] as? Double == 1)
        #expect(rows.last?["nodes"] as? Int == 4096 && rows.last?["ranks"] as? Int == 4096)
        let accumulating = try folder.run(
            arguments + [
                "--constants", "c.json", "--cores", "4", "gradient_accumulation_steps=4",
                "bucket_mb=1", "zero_stage=1",
            ])
        #expect(accumulating.status == 0 && accumulating.output != first.output)
        let other = try folder.run(arguments + ["--constants", "c.json", "cutoff_len=32"])
        #expect(other.status == 2)
        #expect(
            other.messages == [
                "--constants: 'c.json' was measured with cutoff_len 16, but the configuration has "
                    + "32; measure it again with --save-constants"
            ])
    }

    @Test func ranksMeasureTogether() throws {
        let folder = try TrialFolder()
        let run = try folder.run(
            ["plan", "run.yaml", "--steps", "2", "--cores", "2", "--bandwidth", "1"], ranks: 2)
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("2 ranks of 1 threads at once"), "\(run.output)")
        #expect(run.output.contains("links in a node: "))
        // Only rank 0 speaks.
        #expect(run.output.components(separatedBy: "tokens/s over all ranks").count == 2)
        let mistake = try folder.run(["plan", "run.yaml", "--nodes", "x"], ranks: 2)
        #expect(mistake.status == 2 && mistake.messages.count == 1)
    }
}

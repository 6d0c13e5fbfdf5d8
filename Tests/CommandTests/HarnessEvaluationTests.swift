import Foundation
import TestSupport
import Testing

extension TrialFolder {
    /// A folder with the model, data and task files of References/evaluation and those of subjects/.
    static func evaluation() throws -> TrialFolder {
        let folder = try TrialFolder()
        try folder.add("evaluation/model", as: "model")
        try folder.add("evaluation/data", as: "data")
        try folder.add("subjects/tasks", as: "evaluation")
        try folder.write(
            "run.yaml",
            """
            model_name_or_path: model
            task: piqa
            task_dir: data
            save_dir: out
            threads_per_rank: 1

            """)
        return folder
    }

    func evaluate(
        _ overrides: [String] = [], ranks: Int = 1, flags: [String] = []
    ) throws -> LockstepRun {
        try start(["eval", "run.yaml"] + overrides + flags, ranks: ranks).finish()
    }

    func json(_ name: String) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: data(name)) as? [String: Any])
    }

    func text(_ name: String) throws -> String { String(decoding: try data(name), as: UTF8.self) }
}

/// Tasks as lm-evaluation-harness 0.4.13 evaluates them with the same model.
@Suite struct HarnessEvaluationTests {
    private static let builtIn = [
        "hellaswag", "arc_easy", "arc_challenge", "piqa", "winogrande", "lambada_openai", "gsm8k",
        "boolq", "openbookqa", "triviaqa",
    ]
    private static let files = ["rolling", "shots", "first"]

    /// Sums of up to 200 float32 logarithms, which the reference adds in float32: an ulp of a sum near 256
    /// is 3e-5, and products differ by their order.
    private static let tolerance = 1e-3

    private static let tasks =
        "task=["
        + (builtIn + files.map { "data/\($0).yaml" }).joined(separator: ", ") + "]"

    private func reference(_ name: String) throws -> [String: [String: Any]] {
        let data = try Data(
            contentsOf: References.folder.appendingPathComponent("evaluation/reference.json"))
        let all = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
        return try #require(all[name] as? [String: [String: Any]])
    }

    private func isClose(_ found: Any?, _ wanted: Any) -> Bool {
        if let wanted = wanted as? Double {
            guard let found = found as? Double else { return false }
            return abs(found - wanted) <= Self.tolerance * max(1, abs(wanted))
        }
        return found as? String == wanted as? String
    }

    private func samples(_ task: String, in folder: TrialFolder) throws -> [[String: Any]] {
        let lines = try folder.text("out/samples_\(task).jsonl").split(separator: "\n")
        let all = try lines.map {
            try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        let filters = Set(all.compactMap { $0["filter"] as? String })
        return all.filter { $0["filter"] as? String == filters.min() }
    }

    @Test(
        arguments: [
            ("own", []), ("two_shots", ["n_shot=2"]),
            (
                "turns",
                ["n_shot=2", "apply_chat_template=true", "system_instruction=Be brief."]
            ),
            ("one_turn", ["n_shot=1", "apply_chat_template=true", "fewshot_as_multiturn=false"]),
        ] as [(String, [String])])
    func everyAnswerAndFigureIsThatOfTheHarness(_ name: String, _ more: [String]) throws {
        let folder = try TrialFolder.evaluation()
        if name.hasSuffix("turn") || name == "turns" {
            try folder.add("evaluation/chat_template.jinja", as: "model/chat_template.jinja")
        }
        let run = try folder.evaluate([Self.tasks] + more)
        #expect(run.status == 0, "\(run.errors)")
        let file = try #require(folder.names("out").first { $0.hasPrefix("results_") })
        let results = try #require(
            try folder.json("out/\(file)")["results"] as? [String: [String: Any]])
        let reference = try reference(name)
        #expect(Set(results.keys) == Set(reference.keys) && reference.count == 13)
        for (task, wanted) in reference {
            for (figure, value) in try #require(wanted["figures"] as? [String: Any]) {
                let found = results[task]?[figure]
                #expect(isClose(found, value), "\(task) \(figure): \(found ?? "none"), \(value)")
            }
            let answers = try #require(wanted["answers"] as? [[Any]])
            let samples = try samples(task, in: folder)
            #expect(samples.count == answers.count)
            for (sample, answer) in zip(samples, answers) {
                let found = try #require(sample["resps"] as? [[Any]]).map { $0[0] }
                #expect(found.count == answer.count)
                for (found, wanted) in zip(found, answer) {
                    guard let pair = wanted as? [Any] else {
                        #expect(isClose(found, wanted), "\(task): \(found), \(wanted)")
                        continue
                    }
                    let own = try #require(found as? [Any])
                    #expect(isClose(own[0], pair[0]) && own[1] as? Bool == pair[1] as? Bool)
                }
            }
        }
        #expect(run.output.contains("|hellaswag"))
    }

    /// Drawn texts are a matter of the seed and the document alone.
    @Test func drawnTextsDoNotDependOnRanks() throws {
        let folder = try TrialFolder.evaluation()
        try folder.write(
            "data/drawn.yaml",
            "include: first.yaml\ntask: drawn\ngeneration_kwargs: {until: [\"\\n\"], "
                + "max_gen_toks: 12, do_sample: true, temperature: 1.5, top_p: 0.9}\n")
        var texts: [Data] = []
        for (name, ranks, more) in [
            ("a", 1, [String]()), ("b", 2, []), ("c", 1, ["batch_size=1"]), ("d", 1, ["seed=5"]),
        ] {
            let run = try folder.evaluate(
                ["task=data/drawn.yaml", "n_shot=0", "save_dir=\(name)"] + more, ranks: ranks)
            #expect(run.status == 0 && run.says("texts are drawn"), "\(run.errors)")
            texts.append(try folder.data("\(name)/samples_drawn.jsonl"))
        }
        #expect(texts[0] == texts[1] && texts[0] == texts[2] && texts[0] != texts[3])
    }

    /// Several texts of each document, of which the filters choose.
    @Test func documentsAreAnsweredSeveralTimes() throws {
        let folder = try TrialFolder.evaluation()
        try folder.write(
            "data/drawn.yaml",
            "include: first.yaml\ntask: drawn\nrepeats: 5\ngeneration_kwargs: {until: [\"\\n\"], "
                + "max_gen_toks: 1, do_sample: true, temperature: 1}\nfilter_list:\n"
                + "- {name: one, filter: [{function: take_first}]}\n- {name: vote, filter: "
                + "[{function: take_first_k, k: 4}, {function: majority_vote}, "
                + "{function: take_first}]}\n")
        var texts: [Data] = []
        for (name, ranks) in [("a", 1), ("b", 2)] {
            let run = try folder.evaluate(
                ["task=data/drawn.yaml", "n_shot=0", "save_dir=\(name)"], ranks: ranks)
            #expect(run.status == 0, "\(run.errors)")
            texts.append(try folder.data("\(name)/samples_drawn.jsonl"))
        }
        #expect(texts[0] == texts[1])
        var differing = 0
        for line in String(decoding: texts[0], as: UTF8.self).split(separator: "\n") {
            let sample = try #require(
                JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let found = try #require((sample["resps"] as? [[String]])?.first)
            let kept = try #require((sample["filtered_resps"] as? [String])?.first)
            #expect(found.count == 5)
            if Set(found).count > 1 { differing += 1 }
            if sample["filter"] as? String == "one" {
                #expect(kept == found[0])
            } else {
                let counts = Dictionary(grouping: found.prefix(4)) { $0 }.mapValues(\.count)
                let most = counts.values.max()
                #expect(kept == found.prefix(4).first { counts[$0] == most })
            }
        }
        #expect(differing > 0)
    }

    /// Settings of a group's member are those of a task file of its own.
    @Test func membersOfAGroupHaveSettingsOfTheirOwn() throws {
        let folder = try TrialFolder.evaluation()
        let own = "description: \"Choose. \"\nnum_fewshot: 1\n"
        try folder.write("data/alone.yaml", "include: shots.yaml\ntask: alone\n" + own)
        let definition =
            "dataset_path: json, dataset_kwargs: {data_files: {test: piqa/validation.jsonl}}, "
            + "test_split: test, output_type: multiple_choice, doc_to_text: goal, "
            + "doc_to_target: label, doc_to_choice: '{{[sol1, sol2]}}'"
        try folder.write(
            "data/mixed.yaml",
            "group: mixed\ntask:\n- {task: shots.yaml, description: 'Choose. ', num_fewshot: 1}\n"
                + "- {task: piqa, num_fewshot: 2}\n- {task: extra, \(definition)}\n"
                + "aggregate_metric_list: [{metric: acc}]\n")
        let run = try folder.evaluate(["task=[data/mixed.yaml, data/alone.yaml]"])
        #expect(run.status == 0, "\(run.errors)")
        let file = try #require(folder.names("out").first { $0.hasPrefix("results_") })
        let all = try folder.json("out/\(file)")
        let results = try #require(all["results"] as? [String: [String: Any]])
        #expect(
            Set(results.keys) == ["mixed", "shots", "piqa", "mixed::extra", "alone"],
            "\(results.keys)")
        let shots = try #require(results["shots"]).filter { $0.key.contains(",") }
        for (figure, value) in shots { #expect(isClose(results["alone"]?[figure], value)) }
        #expect((all["n-shot"] as? [String: Int])?["piqa"] == 2)
        let prompts = try ["shots", "alone"].map { task in
            try samples(task, in: folder).map { sample in
                let arguments = try #require(sample["arguments"] as? [String: [String: Any]])
                let data = try JSONSerialization.data(
                    withJSONObject: arguments, options: .sortedKeys)
                return String(decoding: data, as: UTF8.self)
            }
        }
        #expect(prompts[0] == prompts[1] && prompts[0].allSatisfy { $0.contains("Choose. ") })
    }

    /// A system prompt stands before prompts that are plain text, too.
    @Test func anInstructionStandsBeforePlainPrompts() throws {
        let folder = try TrialFolder.evaluation()
        let run = try folder.evaluate(
            ["task=[piqa, data/shots.yaml]", "system_instruction=Be brief."])
        #expect(run.status == 0, "\(run.errors)")
        for (task, wanted) in try reference("instruction") {
            let prompts = try #require(wanted["prompts"] as? [String])
            let found = try samples(task, in: folder).prefix(prompts.count).map { sample in
                let arguments = sample["arguments"] as? [String: [String: Any]]
                return arguments?["gen_args_0"]?["arg_0"] as? String
            }
            #expect(found == prompts, "\(task)")
        }
    }

    /// Figures and errors of groups are averaged as there, those within groups, too.
    @Test func groupsAreAveraged() throws {
        let folder = try TrialFolder.evaluation()
        let run = try folder.evaluate(["task=[data/grouped.yaml, lambada_openai]"])
        #expect(run.status == 0, "\(run.errors)")
        let file = try #require(folder.names("out").first { $0.hasPrefix("results_") })
        let all = try folder.json("out/\(file)")
        let results = try #require(all["results"] as? [String: [String: Any]])
        let reference = try reference("groups")
        #expect(Set(results.keys) == Set(reference.keys).union(["lambada_openai"]))
        for (task, wanted) in reference {
            for (figure, value) in try #require(wanted["figures"] as? [String: Any]) {
                let found = results[task]?[figure]
                #expect(isClose(found, value), "\(task) \(figure): \(found ?? "none"), \(value)")
            }
        }
        let subtasks = all["group_subtasks"] as? [String: [String]]
        #expect(subtasks?["grouped"] == ["piqa", "boolq", "inner"])
        #expect((all["groups"] as? [String: Any])?.count == 2)
        #expect(run.output.contains("|All ") && run.output.contains("|  - shots"))
    }

    /// An evaluation that is asked to stop keeps its answers, and ends with 75.
    @Test(arguments: [1, 2]) func anEvaluationIsStoppedAndGoneOnWith(ranks: Int) throws {
        let folder = try TrialFolder.evaluation()
        // More rounds than a machine computes before the signal comes; no two windows begin alike.
        let words = (0..<40_000).map { "river \($0) and stone \($0 * 7919 % 10_007)" }
        try folder.write("long.txt", words.joined(separator: " "))
        let process = try folder.start(["eval", "run.yaml", "task=long.txt"], ranks: ranks)
        #expect(process.wait { process.errors.contains("evaluating") })
        process.send(SIGUSR1)
        let stopped = try process.finish()
        #expect(stopped.status == 75 && stopped.says("answers kept"), "\(stopped.errors)")
        #expect(folder.names("out") == ["answers.jsonl"])
        let whole = try folder.evaluate(["task=long.txt"], flags: ["--resume"])
        #expect(whole.status == 0 && folder.exists("out/bits_per_byte_long.json"))
        let kept = try folder.start(
            ["eval", "run.yaml", "task=long.txt", "save_dir=null"], ranks: 1)
        #expect(kept.wait { kept.errors.contains("evaluating") })
        kept.send(SIGUSR1)
        let left = try kept.finish()
        #expect(left.status == 1 && left.says("no answers are kept"))
    }

    /// Answers are equal to the last bit: units are made of the requests alone.
    @Test func answersDoNotDependOnRanks() throws {
        let folder = try TrialFolder.evaluation()
        let tasks = "task=[piqa, triviaqa, data/rolling.yaml, data/shots.yaml]"
        var outputs: [String] = []
        for ranks in [1, 2, 4] {
            let run = try folder.evaluate([tasks, "save_dir=on\(ranks)"], ranks: ranks)
            #expect(run.status == 0, "\(run.errors)")
            outputs.append(run.output)
            for task in ["piqa", "triviaqa", "rolling", "shots"] {
                let name = "samples_\(task).jsonl"
                #expect(
                    try folder.data("on\(ranks)/\(name)") == folder.data("on1/\(name)"),
                    "\(task) on \(ranks) ranks")
            }
        }
        #expect(Set(outputs).count == 1 && outputs[0].contains("rolling"))
    }

    /// A run that was cut off goes on from its answers, on another number of ranks.
    @Test func answersThatAreKeptAreNotComputedAgain() throws {
        let folder = try TrialFolder.evaluation()
        #expect(try folder.evaluate(["save_dir=whole"]).status == 0)
        let whole = try folder.data("whole/samples_piqa.jsonl")
        #expect(!folder.exists("whole/answers.jsonl"))
        // A folder where a file is to be written ends the run behind its last answer.
        try folder.write("cut/samples_piqa.jsonl/x", "")
        let stopped = try folder.evaluate(["save_dir=cut"], flags: ["--resume"])
        #expect(stopped.status == 1 && stopped.says("cannot write 'cut/samples_piqa.jsonl'"))
        try folder.remove("cut/samples_piqa.jsonl")
        let answers = try folder.text("cut/answers.jsonl")
        let head = try #require(answers.split(separator: "\n").first)
        // Of 16 requests 15 are answered, all by a sum that no model gives; the last line is cut off.
        var lines = String(head) + "\n"
        for number in 0..<15 {
            lines += "{\"bits\":\((-1.0 - Double(number)).bitPattern),\"isGreedy\":false,"
            lines += "\"number\":\(number)}\n"
        }
        try folder.write("cut/answers.jsonl", lines + "{\"bits\":12")
        let run = try folder.evaluate(["save_dir=cut"], ranks: 2, flags: ["--resume"])
        #expect(run.status == 0 && run.says("16 of 16 requests"), "\(run.errors)")
        let found = try folder.data("cut/samples_piqa.jsonl")
        #expect(found != whole && String(decoding: found, as: UTF8.self).contains("-14.0"))
        // Of other tasks they are refused.
        try folder.write("cut/answers.jsonl", lines)
        let other = try folder.evaluate(["save_dir=cut", "task=boolq"], flags: ["--resume"])
        #expect(other.status == 2 && other.says("the answers are of another model, other tasks"))
        // Of other weights at the same path, too.
        var weights = try folder.data("model/model.safetensors")
        weights[weights.count - 1] ^= 1
        try folder.write("model/model.safetensors", weights)
        let changed = try folder.evaluate(["save_dir=cut"], flags: ["--resume"])
        #expect(
            changed.status == 2 && changed.says("the answers are of another model, other tasks"))
    }
}

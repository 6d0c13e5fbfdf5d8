import Configuration
import Foundation
import Testing
import lockstep

/// Recipes of the README, of the pages and of the examples: one file serves every command.
@Suite struct RecipeTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The blocks of YAML in README.md and docs, and the files of examples.
    private static let recipes: [(name: String, text: String)] = {
        var recipes: [(name: String, text: String)] = []
        let pages =
            (try? FileManager.default.contentsOfDirectory(
                atPath: root.appendingPathComponent("docs").path)) ?? []
        for page in ["README.md"] + pages.sorted().map({ "docs/" + $0 }) {
            let url = root.appendingPathComponent(page)
            let text = (try? String(contentsOf: url, encoding: .utf8)) ?? ""
            for (number, part) in text.components(separatedBy: "```yaml\n").dropFirst().enumerated()
            {
                recipes.append(("\(page) \(number + 1)", part.components(separatedBy: "```")[0]))
            }
        }
        for folder in [
            "examples/pretrain", "examples/finetune", "examples/preference", "examples/bench",
        ] {
            let names =
                (try? FileManager.default.contentsOfDirectory(
                    atPath: root.appendingPathComponent(folder).path)) ?? []
            for name in names.sorted() where name.hasSuffix(".yaml") {
                let url = root.appendingPathComponent("\(folder)/\(name)")
                let text = try? String(contentsOf: url, encoding: .utf8)
                recipes.append(("\(folder)/\(name)", text ?? ""))
            }
        }
        return recipes
    }()

    @Test func thereAreRecipes() {
        #expect(Self.recipes.count { $0.name.contains(".md ") } >= 2)
        #expect(Self.recipes.count > 9)
    }

    @Test func everyRecipeIsTakenByEveryCommandThatReadsIt() throws {
        for (name, text) in Self.recipes {
            let isPretraining = text.contains("stage: pt")
            for command in RunConfiguration.Command.allCases {
                // Commands that need a key of their own get it beside the file, as users give it.
                var overrides: [String] = []
                if command == .export { overrides = ["export_dir=merged"] }
                if command == .eval, !text.contains("\ntask:") { overrides = ["task=mmlu_test"] }
                // A file for tasks alone.
                if text.contains("\ntask:"), command != .eval { continue }
                // What is only measured needs no data and leaves nothing.
                if command == .train, name.hasPrefix("examples/bench") { continue }
                let hasText = isPretraining && text.contains("\ndataset:")
                if command == .prepare {
                    // Rows that are encoded as the run starts.
                    let unprepared = [
                        "stage: cls", "stage: dpo", "stage: kto", "stage: rm", "stage: grpo",
                        "objective: contrastive",
                    ]
                    if text.contains("stage: ppo") { continue }
                    if unprepared.contains(where: text.contains) { continue }
                    if isPretraining ? !hasText : name.hasPrefix("examples/bench") { continue }
                    if !isPretraining { overrides = ["tokenized_path=kept"] }
                }
                let values = try YAMLDocument(text: text, file: name, overrides: overrides).values
                do {
                    let run = try RunConfiguration(values: values, command: command)
                    let dead = run.notices.filter { !$0.contains(": not used, since the shards") }
                    #expect(dead.isEmpty, "\(name), \(command): \(dead)")
                } catch {
                    Issue.record("\(name), \(command): \(error)")
                }
            }
        }
    }
}

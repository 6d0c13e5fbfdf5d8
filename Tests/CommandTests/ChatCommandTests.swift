import Foundation
import Testing

@Suite struct ChatCommandTests {
    /// A folder whose `out` holds a model that knows its text somewhat.
    private func trained() throws -> TrialFolder {
        let folder = try TokenizerSample.trained()
        try folder.write(
            "chat.yaml",
            """
            model_name_or_path: out
            template: empty
            temperature: 0
            max_new_tokens: 6
            threads_per_rank: 1

            """)
        return folder
    }

    private func lines(_ text: String) -> [Substring] {
        text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    }

    @Test func everyLineOfAPipeIsATurnOfOneConversation() throws {
        let folder = try trained()
        let run = try folder.run(
            ["chat", "chat.yaml"], input: "the cat\n\nand the\nclear\nthe cat\nexit\nnever read\n")
        #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
        let answers = lines(run.output)
        try #require(answers.count == 3, "\(run.output)")
        #expect(answers.allSatisfy { !$0.isEmpty })
        #expect(answers[2] == answers[0], "clear forgets")
        // With the empty template a turn goes on from what was said: as generate does.
        let generated = try folder.run([
            "generate", "--model", "out", "--prompt", "the cat\(answers[0])and the",
            "--temperature",
            "0", "--max-new-tokens", "6", "--threads", "1",
        ])
        #expect(generated.output == answers[1] + "\n")
    }

    @Test func aModelMayBeNamedInPlaceOfAFile() throws {
        let folder = try trained()
        let settings = ["template=empty", "temperature=0", "max_new_tokens=6"]
        let named = try folder.run(
            ["chat", "--model", "out"] + settings, input: "the dog\n")
        let file = try folder.run(["chat", "chat.yaml"], input: "the dog\n")
        #expect(named.status == 0 && named.output == file.output, "\(named.errors)")
        #expect(lines(named.output).count == 1)
    }

    @Test func pathsMayHoldAnyCharacters() throws {
        let folder = try TrialFolder()
        try folder.add("finetuning/model", as: "a model: #1, 'x'")
        try folder.add("predictions/adapter", as: "an adapter, #2")
        let run = try folder.run(
            [
                "chat", "--model", "a model: #1, 'x'", "--adapter", "an adapter, #2",
                "template=chatml", "temperature=0", "max_new_tokens=2",
            ], input: "hi\n")
        #expect(run.status == 0 && lines(run.output).count == 1, "\(run.errors)")
    }

    @Test func mistakesAreSaidInOneLine() throws {
        let folder = try trained()
        let long = String(repeating: "the cat sat on ", count: 40)
        for (arguments, input, message) in [
            (["chat.yaml"], long, "positions; enter clear to begin a new one"),
            (["chat.yaml", "template=nonsuch"], "a", "template: found nonsuch"),
            (["--model", "out"], "a", "template is not set"),
            (["--model", "nowhere", "template=empty"], "a", "'nowhere' does not exist"),
            (["chat.yaml", "temprature=1"], "a", "temperature"),
            ([], "a", "give a YAML file"),
        ] {
            let run = try folder.run(["chat"] + arguments, input: input + "\n")
            #expect(run.status == 2 && run.output.isEmpty, "\(arguments): \(run.errors)")
            #expect(run.messages.count == 1 && run.says(message), "\(arguments): \(run.errors)")
        }
    }
}

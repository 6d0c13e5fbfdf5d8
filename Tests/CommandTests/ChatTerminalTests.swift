import Foundation
import Testing

/// Conversations at a terminal.
@Suite struct ChatTerminalTests {
    private static let settings = ["template=empty", "temperature=0", "threads_per_rank=1"]

    /// A model with positions for answers of minutes. The likeliest word is never a text's end.
    private func talkative() throws -> TrialFolder {
        let folder = try TokenizerSample.trained()
        try folder.write(
            "out/config.json",
            TrialFolder.llama(["vocab_size": 300, "max_position_embeddings": 100_000]))
        return folder
    }

    /// Whether so many answers have begun, the last with more than a word.
    private func isAnswering(_ process: LockstepProcess, turn: Int) -> Bool {
        let answers = process.output.components(separatedBy: "Assistant: ").dropFirst()
        return answers.count == turn && (answers.last?.count ?? 0) > 9
    }

    @Test func aLineThatATerminalMayHaveCutIsNotSent() throws {
        let folder = try TokenizerSample.trained()
        let command = ["chat", "--model", "out", "max_new_tokens=6"] + Self.settings
        let terminal = try PseudoTerminal()
        let process = try folder.start(command, terminal: terminal)
        // The second line is cut, and then shortened by backspaces; the third is whole.
        let long = String(repeating: "x", count: 5000)
        let erased = String(repeating: "\u{7F}", count: 9)
        try terminal.type("\(long)\n\(long)\(erased)\n\(long.prefix(3583))\nthe cat\nexit\n")
        let run = try process.finish()
        #expect(run.status == 0)
        let refusals = run.messages.filter {
            $0.hasPrefix("the line is not sent") && $0.hasSuffix("pipe: lockstep chat … < FILE")
        }
        try #require(refusals.count == 2, "\(run.errors)")
        #expect(refusals[0].contains("has 4095 bytes") && refusals[1].contains("has 4086 bytes"))
        #expect(run.messages.last?.contains("enter clear to begin a new one") == true)
        let answer = try folder.run(command, input: "the cat\n").output
        #expect(
            run.output == "User: User: User: Assistant: \nUser: Assistant: \(answer)User: ",
            "\(run.output)")
    }

    @Test func aLongLineOfAPipeIsSent() throws {
        let folder = try talkative()
        let run = try folder.run(
            ["chat", "--model", "out", "max_new_tokens=1"] + Self.settings,
            input: String(repeating: "x", count: 5000) + "\n")
        #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    }

    @Test func anInterruptEndsTheAnswerAndNotTheConversation() throws {
        let folder = try talkative()
        let terminal = try PseudoTerminal()
        let process = try folder.start(
            ["chat", "--model", "out", "max_new_tokens=90000"] + Self.settings, terminal: terminal)
        let notice = "the answer was stopped; what it said stays in the conversation"
        for turn in 1...2 {
            try terminal.type("the cat\n")
            try #require(
                process.wait { isAnswering(process, turn: turn) }, "\(process.errors)")
            process.send(SIGINT)
            try #require(
                process.wait {
                    process.errors.components(separatedBy: notice).count == turn + 1
                }, "\(process.errors)")
        }
        try terminal.type("exit\n")
        let run = try process.finish()
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.hasSuffix("\nUser: "))
    }

    @Test func anInterruptAtThePromptEndsTheProgram() throws {
        let folder = try TokenizerSample.trained()
        let terminal = try PseudoTerminal()
        let process = try folder.start(
            ["chat", "--model", "out", "max_new_tokens=6"] + Self.settings, terminal: terminal)
        try terminal.type("the cat\n")
        // The prompt after an answer is as the first.
        try #require(
            process.wait { process.output.components(separatedBy: "User: ").count == 3 },
            "\(process.errors)")
        process.send(SIGINT)
        let run = try process.finish()
        #expect(run.status == SIGINT && run.messages.count == 1, "\(run.errors)")
        #expect(process.wasKilled)
    }
}

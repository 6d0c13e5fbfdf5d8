import ArgumentParser
import Configuration
import Files
import Foundation
import Generation
import Training

/// `lockstep chat FILE.yaml | --model PATH [--adapter PATH] [key=value …]`
struct ChatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat",
        abstract: "A conversation in the terminal, or one turn for each line of stdin.",
        discussion: """
            Reads model_name_or_path, template, default_system, enable_thinking, temperature, \
            top_p, top_k, max_new_tokens, repetition_penalty and infer_dtype. Enter clear to \
            begin a new conversation, exit to leave; Ctrl-C stops an answer, and ends the program \
            at the prompt. From a pipe, only answers are printed.
            """)

    @Argument(help: "The YAML file, unless --model is given; then settings as key=value.")
    var arguments: [String] = []

    @Option(help: "A model folder, .gguf file or checkpoint, in place of a YAML file.")
    var model: String?

    @Option(
        name: .customLong("adapter"),
        help: "An adapter's folder; give it again for one that lies over it.")
    var adapters: [String] = []

    func run() throws {
        do throws(TrainingError) {
            let configuration = try configuration()
            let chat = try ofGeneration { () throws(GenerationError) in
                try ChatSession(
                    configuration, threads: ProcessInfo.processInfo.activeProcessorCount)
            }
            for note in chat.notes { Failure.say(note) }
            try converse(chat, isInteractive: isatty(STDIN_FILENO) != 0)
        } catch {
            Failure.end(error)
        }
    }

    private func configuration() throws(TrainingError) -> RunConfiguration {
        var overrides = arguments
        var file: String?
        if model == nil {
            guard let first = overrides.first else {
                throw .user("chat: give a YAML file, or a model by --model")
            }
            file = first
            overrides.removeFirst()
        }
        // Paths are no YAML: whatever characters they have stand in quotes.
        if let model {
            overrides.insert("model_name_or_path=" + JSONValue.string(model).text(), at: 0)
        }
        if !adapters.isEmpty {
            let list = JSONValue.array(adapters.map { .string($0) })
            overrides.append("adapter_name_or_path=" + list.text())
        }
        do {
            return try WrittenConfiguration(
                file: file == SettingArguments.noFile ? nil : file, overrides: overrides
            ).configuration(for: .chat)
        } catch {
            throw .configuration(error)
        }
    }

    /// Takes turns until `exit` or the end of the input.
    private func converse(
        _ chat: ChatSession, isInteractive: Bool
    ) throws(TrainingError) {
        let output = TextOutput()
        if isInteractive {
            // A script's later lines would not mean what they do after half an answer.
            AnswerInterruption.listen()
            Failure.say("clear begins a new conversation, exit leaves")
        }
        while output.isOpen {
            if isInteractive { output.write("User: ") }
            guard let line = readLine() else {
                if isInteractive { output.write("\n") }
                return
            }
            if isInteractive, let problem = Self.problem(ofTerminalLine: line) {
                Failure.say(problem)
                continue
            }
            switch line.trimmingCharacters(in: .whitespaces) {
            case "": continue
            case "exit": return
            case "clear":
                chat.clear()
                if isInteractive { Failure.say("a new conversation begins") }
                continue
            default: break
            }
            if isInteractive { output.write("Assistant: ") }
            AnswerInterruption.begin()
            do {
                let end = try ofGeneration { () throws(GenerationError) in
                    try chat.answer(line) { output.write($0) && !AnswerInterruption.isStopped }
                }
                output.write("\n")
                if AnswerInterruption.end() {
                    Failure.say("the answer was stopped; what it said stays in the conversation")
                } else if end == .contextFull {
                    Failure.say("the model's positions are used up; the answer is cut short")
                }
            } catch {
                // Someone at a terminal can clear; a script's later lines would not mean what they do.
                guard isInteractive else { throw error }
                _ = AnswerInterruption.end()
                output.write("\n")
                Failure.say(error.description)
            }
        }
    }

    /// Bytes of a line that Linux hands on from a terminal at most (`N_TTY_BUF_SIZE` of
    /// drivers/tty/n_tty.c, less the line's end); it drops the rest without a word.
    private static let terminalLineBytes = 4095
    /// Bytes that someone may take back after a cut, which makes a line shorter than the limit.
    private static let erasableBytes = 512

    /// What is wrong with a line of a terminal; `nil` where it is whole.
    private static func problem(ofTerminalLine line: String) -> String? {
        let most = terminalLineBytes - erasableBytes
        guard line.utf8.count > most else { return nil }
        return "the line is not sent: it has \(line.utf8.count) bytes and may have lost its end, "
            + "as a terminal drops what goes beyond \(terminalLineBytes); send lines of more than "
            + "\(most) bytes by a pipe: lockstep chat … < FILE"
    }
}

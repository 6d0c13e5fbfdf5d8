import Files
import Foundation
import Testing

/// `doctor --model`, and runs of a model with a template of its own.
@Suite struct TemplateCheckTests {
    private let references = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("References/jinja")

    /// A folder `model` with a tokenizer and one of the templates.
    private func folder(_ template: String) throws -> TrialFolder {
        let folder = try TrialFolder()
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            try folder.write(
                "model/\(name)",
                Data(contentsOf: references.appendingPathComponent("tokenizer/\(name)")))
        }
        try folder.write(
            "model/chat_template.jinja",
            Data(contentsOf: references.appendingPathComponent("templates/\(template).jinja")))
        return folder
    }

    @Test func equalTemplateIsNamed() throws {
        let run = try folder("qwen_tools").run(["doctor", "--model", "model"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("qwen, which writes the same as the model's own"))
        #expect(run.output.contains("with system: equal"))
    }

    @Test func templateOfItsOwnIsShown() throws {
        let run = try folder("role_markers").run(["doctor", "--model", "model"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("the model's own, rendered"))
    }

    @Test func differenceIsShownAndEndsWithStatus2() throws {
        let run = try folder("role_markers").run([
            "doctor", "--model", "model", "--template", "zephyr",
        ])
        #expect(run.status == 2)
        #expect(run.output.contains("without system: different"))
        #expect(run.output.contains("You are Zephyr, a helpful assistant."))
    }

    @Test func conversationsOfAFileAreWrittenAsTransformersWritesThem() throws {
        let folder = try folder("hermes_macros")
        let conversations = try Data(
            contentsOf: references.appendingPathComponent("conversations.jsonl"))
        try folder.write("c.jsonl", conversations)
        let run = try folder.run(["doctor", "--model", "model", "--input", "c.jsonl"])
        #expect(run.status == 0, "\(run.errors)")
        let texts = try JSONValueReader.read(
            String(
                contentsOf: references.appendingPathComponent("texts.json"), encoding: .utf8))
        let lines = run.output.split(separator: "\n")
        #expect(lines.count == 12)
        for (number, line) in lines.enumerated() {
            let found = try JSONValueReader.read(String(line))
            #expect(found["text"] == texts["hermes_macros \(number)"], "\(number)")
        }
    }

    @Test func modelsOwnTemplateIsUsedByTrainingChatAndExport() throws {
        let folder = try TrialFolder.finetuning()
        let jinja = try Data(
            contentsOf: references.appendingPathComponent("templates/chatml_default.jinja"))
        try folder.write("model/chat_template.jinja", jinja)
        let named = try folder.tuneToEnd(output: "named", ["max_steps=1"])
        #expect(
            named.says("template chatml writes other text than the model's own chat template"))
        let run = try folder.tuneToEnd(["template=", "max_steps=1"])
        #expect(run.says("template the model's own"))
        #expect(run.says("You are a careful helper."), "the first example")
        #expect(!run.says("writes other text"))
        let chat = try folder.run(
            [
                "chat", "--model", "model", "--adapter", "out", "temperature=0",
                "max_new_tokens=2",
            ], input: "Hi\n")
        #expect(chat.status == 0, "\(chat.errors)")
        try folder.write(
            "export.yaml",
            "model_name_or_path: model\nadapter_name_or_path: out\nexport_dir: whole\n")
        let export = try folder.run(["export", "export.yaml"])
        #expect(export.status == 0, "\(export.errors)")
        #expect(try folder.data("whole/chat_template.jinja") == jinja)
    }

    @Test func anInputThatCannotBeReadIsNamed() throws {
        let folder = try folder("chatml")
        // A pipe that nobody writes to is not waited for.
        #expect(mkfifo(folder.full("pipe"), 0o600) == 0)
        for input in ["pipe", "absent.jsonl"] {
            let run = try folder.run(["doctor", "--model", "model", "--input", input])
            #expect(run.status == 2 && run.output.isEmpty)
            #expect(run.messages == ["--input: \(input) is not there or cannot be read"])
        }
    }

    @Test func missingTemplateIsAMistake() throws {
        let folder = try folder("chatml")
        try folder.remove("model/chat_template.jinja")
        let run = try folder.run(["doctor", "--model", "model"])
        #expect(run.status == 2 && run.says("has no chat template of its own"), "\(run.errors)")
        let lonely = try folder.run(["doctor", "--template", "qwen"])
        #expect(lonely.status == 2 && lonely.says("go with --model"), "\(lonely.errors)")
    }
}

import Foundation
import Templates
import TestSupport
import Testing
import Tokenizers

/// What an encoder makes of messages, and what it refuses.
@Suite struct ConversationEncoderTests {
    private func tokenizer() throws -> any Tokenizer {
        try TokenizerFolder.load(
            References.folder.appendingPathComponent("conversations/llama").path)
    }

    @Test func promptForGenerationEndsWhereTheAnswerBegins() throws {
        let tokenizer = try tokenizer()
        let encoder = try ConversationEncoder(.named("smollm2"), tokenizer)
        let ids = try encoder.promptIDs([ConversationMessage(.user, "Hi")])
        #expect(
            tokenizer.decode(ids) == """
                <|im_start|>system
                You are a helpful AI assistant named SmolLM, trained by Hugging Face.<|im_end|>
                <|im_start|>user
                Hi<|im_end|>
                <|im_start|>assistant

                """)
        #expect(encoder.stopTokens == [tokenizer.id(of: "</s>")!, tokenizer.id(of: "<|im_end|>")!])
    }

    @Test func promptOfWrongMessagesOrToolsIsRefused() throws {
        let tokenizer = try tokenizer()
        let encoder = try ConversationEncoder(.named("qwen"), tokenizer)
        let question = ConversationMessage(.user, "Hi")
        let answer = ConversationMessage(.assistant, "Hello")
        #expect(
            throws: TemplateError.conversation(
                found: "2 messages", expected: "an odd number, the user's last")
        ) { try encoder.promptIDs([question, answer]) }
        #expect(
            throws: TemplateError.conversation(
                found: "tools: an object of 0 keys", expected: "a list of tools")
        ) { try encoder.promptIDs([question], tools: "{}") }
    }

    @Test func templateThatReplacesTheEndStopsAtItsOwn() throws {
        let tokenizer = try tokenizer()
        let encoder = try ConversationEncoder(.named("qwen"), tokenizer)
        #expect(encoder.endOfText == tokenizer.id(of: "<|im_end|>"))
        #expect(encoder.stopTokens == [encoder.endOfText])
    }

    @Test func templateOfAnotherModelIsRefused() throws {
        let tokenizer = try tokenizer()
        let text = tokenizer.fileText.replacingOccurrences(of: "<|im_end|>", with: "<|other|>")
        let other = try TokenizerFolder.parse(text: text, configuration: #"{"eos_token": "</s>"}"#)
        #expect(
            throws: TemplateError.templateToken(template: "qwen", token: "<|im_end|>")
        ) { try ConversationEncoder(.named("qwen"), other) }
        // A stop word that cannot be generated does no harm.
        #expect(
            try ConversationEncoder(.named("smollm"), other).missingStopWords == ["<|im_end|>"])
    }
}

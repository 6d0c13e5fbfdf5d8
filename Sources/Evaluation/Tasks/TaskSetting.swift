package import Configuration
import Files
package import Models
package import Templates
package import Tokenizers

/// What tasks are made with: whose tokens their requests are in, and what the user wants of them.
package struct TaskSetting {
    package let tokenizer: any Tokenizer
    package let description: ModelDescription
    /// Writes turns of questions and answers; `nil` where the model has no way to and none is named.
    package let encoder: (any ConversationEncoding)?
    /// Where data are.
    package let folder: String
    /// Reads task files.
    package let readYAML: HarnessFile.Reading
    package var language = TaskSection.Language.en
    /// Solved examples in a prompt; as the task says unless given.
    package var shots: Int?
    /// What shots are drawn by; as the task's own program unless given.
    package var shotSeed: Int?
    /// How prompts of lm-evaluation-harness's tasks are conversations; `nil` where they are plain text.
    package var chat: HarnessChat?
    /// What stands before their descriptions; empty for nothing.
    package var systemInstruction = ""
    /// Documents of each task at most; the first ones.
    package var most: Int?

    package init(
        _ tokenizer: any Tokenizer, _ description: ModelDescription,
        encoder: (any ConversationEncoding)?, folder: String,
        readYAML: @escaping HarnessFile.Reading
    ) {
        self.readYAML = readYAML
        self.tokenizer = tokenizer
        self.description = description
        self.encoder = encoder
        self.folder = folder
    }

    /// For commands that have no reader of task files.
    package static let noReading: HarnessFile.Reading = { path throws(EvaluationError) in
        throw .user("'\(path)' cannot be read here; try it with lockstep eval")
    }

    /// Tokens that a text can have: what the model is made for.
    package var length: Int { description.maximumPositions }

    /// The token before a text that has none before it.
    ///
    /// - Throws: ``EvaluationError/user(_:)`` where the tokenizer names neither.
    func prefix(of task: String) throws(EvaluationError) -> Int32 {
        guard let id = tokenizer.beginOfText ?? tokenizer.endOfText else {
            throw .user(
                "task \(task): the tokenizer names neither bos_token nor eos_token, and a text "
                    + "without anything before it begins after one of them")
        }
        return id
    }

    /// Refuses ids that the model's embedding does not have.
    func check(_ ids: [Int32], of place: String) throws(EvaluationError) {
        let size = description.vocabularySize
        guard let id = ids.first(where: { $0 < 0 || $0 >= size }) else { return }
        throw .user(
            "\(place): id \(id) of the tokenizer is outside the model's vocabulary of \(size)")
    }
}

package import Configuration
import Foundation
package import Generation
import ModelFiles

/// A text to make a vector of.
enum VectorInput: Sendable {
    case text(String)
    case ids([Int32])
}

/// A model that makes vectors of texts.
protocol VectorMaking: ServedEntry {
    /// Does something with the model when its turn has come.
    func withSentences<Value: Sendable>(
        _ body: @escaping @Sendable (SentenceModel) throws(ModelFileError) -> Value
    ) async throws(ServerProblem) -> Result<Value, ModelFileError>
}

extension VectorMaking {
    /// The vectors of texts, and the tokens that they had.
    ///
    /// - Parameter cuts: whether a text that is too long is cut; else it is refused.
    func vectors(
        of inputs: [VectorInput], cuts: Bool
    ) async throws(ServerProblem) -> (vectors: [[Float]], tokens: Int) {
        var (vectors, tokens): ([[Float]], Int) = ([], 0)
        // Few at a time: between them others have their turn, and a client can hang up.
        for start in stride(from: 0, to: inputs.count, by: 8) {
            if Task.isCancelled { throw ServerProblem(499, "the client hung up") }
            let some = Array(inputs[start..<min(start + 8, inputs.count)])
            let result = try await withSentences { sentences throws(ModelFileError) in
                var texts: [(marked: MarkedIDs, document: String)] = []
                for (index, input) in some.enumerated() {
                    let document = "input[\(start + index)]"
                    let marked =
                        switch input {
                        case .text(let text): try sentences.marked(text, document, cuts: cuts)
                        case .ids(let ids): MarkedIDs(ids: ids)
                        }
                    texts.append((marked, document))
                }
                let count = texts.reduce(0) { $0 + $1.marked.ids.count }
                return (try sentences.embeddings(of: texts), count)
            }
            do {
                let (more, count) = try result.get()
                vectors += more
                tokens += count
            } catch {
                throw .invalid(error.description, param: "input")
            }
        }
        return (vectors, tokens)
    }
}

/// A model for vectors alone: an encoder, or what sentence-transformers' files describe.
package struct ServedVectors: VectorMaking {
    package let name: String
    package let created = Int(Date().timeIntervalSince1970)
    private let model: QueuedModel<SentenceModel>

    /// Reads a model as a configuration describes it.
    ///
    /// - Parameter name: in place of its folder's.
    /// - Throws: ``GenerationError``.
    package init(
        _ configuration: RunConfiguration, path: String, name: String?, threads: Int
    ) throws(GenerationError) {
        let sentences: SentenceModel
        do {
            sentences = try SentenceModel(
                path: path, adapters: configuration.adapter.adapterNameOrPath,
                computeType: ChatModel.computeTypeOfNumbers(configuration),
                threads: configuration.compute.threadsPerRank ?? threads)
        } catch {
            throw .modelFile(error)
        }
        model = QueuedModel(sentences)
        self.name = name ?? URL(fileURLWithPath: path).standardizedFileURL.lastPathComponent
    }

    func withSentences<Value: Sendable>(
        _ body: @escaping @Sendable (SentenceModel) throws(ModelFileError) -> Value
    ) async throws(ServerProblem) -> Result<Value, ModelFileError> {
        try await model.perform { sentences in
            Result { () throws(ModelFileError) in try body(sentences) }
        }
    }
}

extension ServedModel: VectorMaking {
    func withSentences<Value: Sendable>(
        _ body: @escaping @Sendable (SentenceModel) throws(ModelFileError) -> Value
    ) async throws(ServerProblem) -> Result<Value, ModelFileError> {
        let (path, adapters, adapter) = (path, adapters, adapter)
        do {
            return try await engine.perform { inference in
                Result { () throws(ModelFileError) in
                    inference.use(adapter)
                    return try body(try SentenceModel(inference, path: path, adapters: adapters))
                }
            }
        } catch {
            throw error.problem
        }
    }
}

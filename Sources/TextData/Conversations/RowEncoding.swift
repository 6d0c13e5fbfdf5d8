import Datasets
import Files
import Templates

/// Parses, converts and encodes rows on several threads, which end with the call.
struct RowEncoding: Sendable {
    /// What became of a row.
    struct Result<Value: Sendable>: Sendable {
        var value: Value?
        var failure: RowFailure?
    }

    /// An example and whether it was cut.
    struct Example: Sendable {
        var example: TokenizedExample
        var isTruncated: Bool
        /// Whether a question was cut, not only its answer.
        var isPromptTruncated: Bool
        var callNotices: Set<CallNotice>
    }

    private let rows: DatasetRows
    let encoder: any ConversationEncoding
    /// Rows a thread takes at a time.
    private static let portion = 64

    init(_ rows: DatasetRows, _ encoder: any ConversationEncoding) {
        self.rows = rows
        self.encoder = encoder
    }

    /// One row as an example.
    func example(_ reference: DatasetRows.Reference) -> Result<Example> {
        result(reference) { conversation throws(RowProblem) in
            let encoded = try encoder.example(conversation)
            return Example(
                example: encoded.example, isTruncated: encoded.isTruncated,
                isPromptTruncated: encoded.isPromptTruncated,
                callNotices: encoder.format.callNotices(conversation))
        }
    }

    /// Rows as examples, in order.
    func examples(
        _ order: [DatasetRows.Reference], threads: Int
    ) -> [Result<Example>] {
        parallel(order, threads) { example($0) }
    }

    /// Rows as prompts and references, in order.
    func prompts(
        _ order: [DatasetRows.Reference], threads: Int
    ) -> [Result<PromptExample>] {
        parallel(order, threads) { reference in
            result(reference) { conversation throws(RowProblem) in
                try encoder.promptExample(conversation)
            }
        }
    }

    private func result<Value>(
        _ reference: DatasetRows.Reference,
        _ encode: (Conversation) throws(RowProblem) -> Value
    ) -> Result<Value> {
        do throws(RowFailure) {
            let conversation = try rows.conversation(reference)
            do throws(RowProblem) {
                return Result(value: try encode(conversation))
            } catch {
                throw .wrong(error)
            }
        } catch {
            return Result(failure: error)
        }
    }

    private func parallel<Value: Sendable>(
        _ order: [DatasetRows.Reference], _ threads: Int,
        _ encode: @Sendable (DatasetRows.Reference) -> Result<Value>
    ) -> [Result<Value>] {
        order.mapped(threads: threads, portion: Self.portion, encode)
    }
}

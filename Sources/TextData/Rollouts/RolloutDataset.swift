package import Datasets
import Files
import Templates

/// The prompts of datasets, which a model continues while it is trained.
package struct RolloutDataset: Sendable {
    /// Prompts that belong together.
    package struct Part: Sendable {
        package let prompts: [RolloutPrompt]
        /// Whether completions of them are learned from; else they are evaluated.
        package let isLearned: Bool
        /// The dataset, where each is evaluated by itself.
        package let name: String?
    }

    package private(set) var parts: [Part] = []
    package private(set) var report = InstructionReport()

    /// Rows with prompts that are too long, which are named.
    private static var shownRows: Int { 5 }

    /// - Parameters:
    ///   - rows: with settings whose own `cutoff_len` cuts nothing.
    ///   - answerColumn: the column of the right answers; `nil` for the rows' own answers.
    ///   - longest: tokens of a prompt at most; rows with a longer one are left out.
    /// - Throws: ``ConversationError`` for what is wrong with the data.
    package init(
        _ rows: InstructionRows, answerColumn: String?, longest: Int
    ) throws(ConversationError) {
        report.notices = rows.notices
        var tooLong: [String] = []
        var tooLongCount = 0
        for part in rows.parts {
            let source = part.rows
            let results = part.order.mapped(threads: rows.settings.threads, portion: 64) {
                Self.read(source, $0, rows.encoder, answerColumn)
            }
            try report.account(
                results.map(\.failure), of: source, part.order, isStrict: rows.settings.isStrict)
            var prompts: [RolloutPrompt] = []
            for (result, reference) in zip(results, part.order) {
                guard var prompt = result.value else { continue }
                let (file, position) = source.place(of: reference)
                prompt.place = "\(file) \(position)"
                guard prompt.ids.count <= longest else {
                    tooLongCount += 1
                    if tooLong.count < Self.shownRows { tooLong.append(prompt.place) }
                    continue
                }
                prompt.row = prompts.count
                prompts.append(prompt)
            }
            guard !prompts.isEmpty else {
                throw .noPrompt(rows: part.order.count, cutoffLength: longest)
            }
            parts.append(Part(prompts: prompts, isLearned: part.isLearned, name: part.name))
        }
        if tooLongCount > 0 {
            report.notices.append(
                "\(tooLongCount) of \(report.rows) prompts are longer than cutoff_len \(longest) and "
                    + "were left out: \(tooLong.joined(separator: ", "))"
                    + (tooLongCount > tooLong.count ? ", …" : "") + "; raise cutoff_len")
        }
    }

    private static func read(
        _ rows: DatasetRows, _ reference: DatasetRows.Reference,
        _ encoder: any ConversationEncoding, _ answerColumn: String?
    ) -> RowEncoding.Result<RolloutPrompt> {
        do throws(RowFailure) {
            let conversation = try rows.prompt(reference)
            do throws(RowProblem) {
                var answer = conversation.response?.content
                if let answerColumn {
                    answer = Self.text(try rows.row(reference)[answerColumn])
                }
                let ids = try encoder.promptExample(conversation).ids
                guard !ids.isEmpty else {
                    throw RowProblem(found: "an empty prompt", expected: "at least one token")
                }
                return RowEncoding.Result(
                    value: RolloutPrompt(row: 0, ids: ids, answer: answer, place: ""))
            } catch {
                throw .wrong(error)
            }
        } catch {
            return RowEncoding.Result(failure: error)
        }
    }

    /// A column's text; a number or an object as JSON writes it.
    private static func text(_ value: JSONValue?) -> String? {
        switch value {
        case nil, .null: nil
        case .string(let text): text
        case let value?: value.text()
        }
    }
}

import Files
import Foundation
import Jinja
import Templates

/// What a task file says of a document: a column, a template, a value, or a built-in task's own rule.
enum HarnessField: Sendable {
    /// A column's name or a template, whichever the documents make it.
    case text(String)
    case value(JSONValue)
    case rule(@Sendable (JSONValue) throws(RowProblem) -> JSONValue)
}

/// A field with its template read.
struct HarnessReader: Sendable {
    /// The task file's key, for messages.
    let key: String
    private let field: HarnessField
    private let template: JinjaTemplate?
    /// Whether the field is a column's name, which it is for all documents or for none.
    private let isColumn: Bool

    /// - Parameter columns: of the task's documents.
    /// - Throws: ``EvaluationError/user(_:)`` for what is no template.
    init(
        _ key: String, _ field: HarnessField, of task: String, columns: Set<String>
    ) throws(EvaluationError) {
        (self.key, self.field) = (key, field)
        guard case .text(let text) = field, !columns.contains(text) else {
            isColumn = if case .text = field { true } else { false }
            template = nil
            return
        }
        isColumn = false
        do throws(JinjaError) {
            template = try JinjaTemplate(text, .prompts)
        } catch {
            throw .user("task \(task): \(key): \(error)")
        }
    }

    /// A column's value, or what the template writes.
    ///
    /// - Returns: the value, and whether it is a template's text.
    func value(
        _ document: JSONValue
    ) throws(RowProblem) -> (value: JSONValue, isRendered: Bool) {
        switch field {
        case .value(let value): return (value, false)
        case .rule(let rule): return (try rule(document), false)
        case .text(let name):
            if isColumn {
                guard let value = document.member(name) else {
                    throw RowProblem(
                        found: "\(key): a row without the column \(name)",
                        expected: "the columns of the other rows")
                }
                return (value, false)
            }
            do throws(JinjaError) {
                let text = try template?.render(document.members ?? []).text ?? ""
                return (.string(text), true)
            } catch {
                throw RowProblem(found: "\(key): \(error)", expected: "a row with what it names")
            }
        }
    }

    /// The text of a description or a prefix.
    func text(_ document: JSONValue) throws(RowProblem) -> String {
        try value(document).value.pythonText
    }

    /// What lm-evaluation-harness makes of `doc_to_text` and `doc_to_target`: a template's digits are a
    /// number where there are choices, and its brackets a list.
    func target(_ document: JSONValue, hasChoices: Bool, readsLists: Bool) throws(RowProblem)
        -> JSONValue
    {
        let (value, isRendered) = try value(document)
        guard isRendered, let text = value.string else { return value }
        if hasChoices, !text.isEmpty, text.allSatisfy({ $0.isASCII && $0.isNumber }),
            let number = PythonLiteral.value(text)
        {
            return number
        }
        if readsLists, text.count >= 2, text.hasPrefix("["), text.hasSuffix("]") {
            return PythonLiteral.value(text) ?? value
        }
        return value
    }

    /// The texts of `doc_to_choice`.
    func choices(_ document: JSONValue) throws(RowProblem) -> [String] {
        let (value, isRendered) = try value(document)
        let list =
            isRendered
            ? value.string.flatMap(PythonLiteral.value)?.array
            : value.array ?? value.members?.map(\.value)
        guard let list, !list.isEmpty else {
            throw RowProblem(found: "\(key): \(value.kind)", expected: "a list of choices")
        }
        return list.map(\.pythonText)
    }
}

import Files
import Templates

/// A row's answers to its question: their texts, and where the first one stands in the context.
struct RowAnswers: Sendable, Equatable {
    let texts: [String]
    /// In code points; `nil` where there is no answer.
    let start: Int?

    /// Reads a column of answers: `{"text": […], "answer_start": […]}`, a list of objects with one of each,
    /// the same as text in a table's cell, or one answer's text alone.
    ///
    /// - Throws: ``RowProblem`` for anything else, and for a first answer that does not stand where it should.
    init(_ value: JSONValue, context: String) throws(RowProblem) {
        var value = value
        if let text = value.string {
            let first = text.utf8.first { !(0x09...0x20).contains($0) }
            if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
                do throws(JSONProblem) {
                    value = try JSONValueReader.read(text)
                } catch {
                    throw RowProblem(
                        found: "answers: \(JSONValue.shortened(text))",
                        expected: "{\"text\": […], \"answer_start\": […]}")
                }
            }
        }
        let (texts, starts) = try Self.lists(value)
        self.texts = texts
        guard let first = texts.first else {
            self.start = nil
            return
        }
        let context = Array(context.unicodeScalars)
        let answer = Array(first.unicodeScalars)
        guard !answer.isEmpty else {
            throw RowProblem(found: "an empty answer", expected: "a text")
        }
        guard let start = starts.first else {
            self.start = try Self.place(of: answer, in: context)
            return
        }
        guard start >= 0, start <= context.count - answer.count,
            context[start..<start + answer.count].elementsEqual(answer)
        else {
            let there = String(
                String.UnicodeScalarView(context.dropFirst(max(0, start)).prefix(answer.count)))
            throw RowProblem(
                found: "answer_start: \(start), where the context has "
                    + "\"\(JSONValue.shortened(there))\"",
                expected: "the code point where \"\(JSONValue.shortened(first))\" begins")
        }
        self.start = start
    }

    private static func lists(
        _ value: JSONValue
    ) throws(RowProblem) -> (texts: [String], starts: [Int]) {
        let wrong = RowProblem(
            found: "answers: \(value.kind)",
            expected: "{\"text\": […], \"answer_start\": […]}, or the text of one answer")
        if let text = value.string { return ([text], []) }
        if let list = value.array {
            var (texts, starts): ([String], [Int]) = ([], [])
            for entry in list {
                guard let text = entry["text"]?.string, let start = entry["answer_start"]?.integer
                else { throw wrong }
                texts.append(text)
                starts.append(start)
            }
            return (texts, starts)
        }
        guard let text = value["text"] else { throw wrong }
        let texts = (text.array ?? [text]).compactMap(\.string)
        let starts = value["answer_start"].map { ($0.array ?? [$0]).compactMap(\.integer) } ?? []
        guard texts.count == text.array?.count ?? 1, starts.isEmpty || starts.count == texts.count
        else { throw wrong }
        return (texts, starts)
    }

    private static func place(
        of answer: [Unicode.Scalar], in context: [Unicode.Scalar]
    ) throws(RowProblem) -> Int {
        var start = 0
        while start + answer.count <= context.count {
            if context[start] == answer[0], context[start...].starts(with: answer) { return start }
            start += 1
        }
        let text = String(String.UnicodeScalarView(answer))
        throw RowProblem(
            found: "the answer \"\(JSONValue.shortened(text))\"", expected: "a part of the context")
    }
}

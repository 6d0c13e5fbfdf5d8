import Datasets
import Templates

/// What became of consecutive rows: examples and prompts, or why there are none.
package struct EncodedRows: Sendable {
    /// One of each row.
    var examples: [RowEncoding.Result<RowEncoding.Example>] = []
    /// With prompts to continue, one of each row to evaluate on.
    var prompts: [RowEncoding.Result<PromptExample>] = []

    package init() {}

    /// Adds what became of the rows that follow.
    package static func += (rows: inout EncodedRows, next: EncodedRows) {
        rows.examples += next.examples
        rows.prompts += next.prompts
    }
}

// What one rank tells the others: numbers only, each text as the number of its bytes and the bytes.
extension EncodedRows {
    /// The rows as numbers.
    package var numbers: [Int32] {
        var writer = NumberWriter()
        writer.append(examples.count)
        for row in examples {
            writer.append(row.failure)
            guard let value = row.value else { continue }
            writer.append(value.example)
            writer.append(value.isTruncated ? 1 : 0)
            writer.append(value.isPromptTruncated ? 1 : 0)
            let notices = CallNotice.allCases.filter(value.callNotices.contains)
            writer.append(notices.map { Int32($0.rawValue) })
        }
        writer.append(prompts.count)
        for row in prompts {
            writer.append(row.failure)
            guard let value = row.value else { continue }
            writer.append(value.ids)
            writer.append(value.labels)
        }
        return writer.numbers
    }

    /// The rows that `numbers` stand for; `nil` for numbers that no rank has sent.
    package init?(numbers: [Int32]) {
        var reader = NumberReader(numbers: numbers[...])
        do throws(NumberReader.CutShort) {
            let rows = try reader.count()
            for _ in 0..<rows {
                if let failure = try reader.failure() {
                    examples.append(.init(failure: failure))
                    continue
                }
                let example = try reader.example()
                let isTruncated = try reader.next() == 1
                let isPromptTruncated = try reader.next() == 1
                let notices = try reader.list().compactMap { CallNotice(rawValue: Int($0)) }
                examples.append(
                    .init(
                        value: RowEncoding.Example(
                            example: example, isTruncated: isTruncated,
                            isPromptTruncated: isPromptTruncated, callNotices: Set(notices))))
            }
            let prompted = try reader.count()
            for _ in 0..<prompted {
                if let failure = try reader.failure() {
                    prompts.append(.init(failure: failure))
                } else {
                    let ids = try reader.list()
                    let labels = try reader.list()
                    prompts.append(.init(value: PromptExample(ids: ids, labels: labels)))
                }
            }
        } catch {
            return nil
        }
        guard reader.numbers.isEmpty else { return nil }
    }
}

private struct NumberWriter {
    var numbers: [Int32] = []

    mutating func append(_ value: Int) { numbers.append(Int32(value)) }

    mutating func append(_ values: [Int32]) {
        append(values.count)
        numbers += values
    }

    mutating func append(_ text: String) { append(text.utf8.map(Int32.init)) }

    mutating func append(_ example: TokenizedExample) {
        append(example.ids)
        append(example.labels)
    }

    mutating func append(_ failure: RowFailure?) {
        switch failure {
        case nil: append(0)
        case .wrong(let problem):
            append(1)
            append(problem.found)
            append(problem.expected)
        case .media(let column):
            append(2)
            append(column)
        }
    }
}

private struct NumberReader {
    var numbers: ArraySlice<Int32>

    /// The numbers end too soon, or one is none that is written.
    struct CutShort: Error {}

    mutating func next() throws(CutShort) -> Int32 {
        guard let value = numbers.popFirst() else { throw CutShort() }
        return value
    }

    /// Each of what is counted takes a number at least.
    mutating func count() throws(CutShort) -> Int {
        let count = Int(try next())
        guard (0...numbers.count).contains(count) else { throw CutShort() }
        return count
    }

    mutating func list() throws(CutShort) -> [Int32] {
        let count = try count()
        defer { numbers = numbers.dropFirst(count) }
        return Array(numbers.prefix(count))
    }

    mutating func text() throws(CutShort) -> String {
        String(decoding: try list().map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    }

    mutating func example() throws(CutShort) -> TokenizedExample {
        let ids = try list()
        return TokenizedExample(ids: ids, labels: try list())
    }

    mutating func failure() throws(CutShort) -> RowFailure? {
        switch try next() {
        case 0: return nil
        case 1:
            let found = try text()
            return .wrong(RowProblem(found: found, expected: try text()))
        case 2: return .media(column: try text())
        default: throw CutShort()
        }
    }
}

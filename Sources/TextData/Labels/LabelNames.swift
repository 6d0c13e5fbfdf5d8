import Files
import Templates

/// The labels of a task by name, in the order of its scores.
package struct LabelNames: Sendable, Equatable {
    /// What rows have of them.
    package enum Form: Sendable {
        /// One.
        case one
        /// Any number, in a list.
        case several
        /// A number, or as many in a list as the model has scores.
        case number
        /// One for each word.
        case each
    }

    package let form: Form
    package let names: [String]
    private let places: [String: Int32]

    package init(_ form: Form, _ names: [String]) {
        self.form = form
        self.names = names
        places = Dictionary(
            names.enumerated().map { ($1, Int32($0)) }, uniquingKeysWith: { first, _ in first })
    }

    /// The labels that rows have, sorted: numbers by size, names as Python sorts texts.
    ///
    /// - Parameters:
    ///   - labels: of all rows that have one.
    ///   - regression: whether they are numbers to come near to; told by fractions unless given.
    /// - Throws: ``RowProblem`` where they are of different kinds.
    init(
        found labels: some Collection<JSONValue>, regression: Bool?
    ) throws(RowProblem) {
        let lists = labels.count { $0.array != nil }
        guard lists == 0 || lists == labels.count else {
            throw RowProblem(
                found: "lists of labels in \(lists) of \(labels.count) rows",
                expected: "a list in each row, or in none")
        }
        let isNumeric = labels.allSatisfy { Self.number($0) != nil } && !labels.isEmpty
        let hasFractions = isNumeric && labels.contains { Self.hasFraction($0) }
        guard regression != true || isNumeric else {
            let other = labels.first { Self.number($0) == nil }
            throw RowProblem(
                found: other?.kind ?? "no label", expected: "a number, with do_regression: true")
        }
        if regression ?? hasFractions {
            self.init(.number, ["LABEL_0"])
            return
        }
        let names = Set(labels.flatMap { $0.array ?? [$0] }.compactMap(Self.name))
        self.init(lists > 0 ? .several : .one, Self.sorted(names))
    }

    /// The tags of words, sorted.
    init(tags: some Sequence<[JSONValue]>) {
        self.init(.each, Self.sorted(Set(tags.joined().compactMap(Self.name))))
    }

    private static func sorted(_ names: Set<String>) -> [String] {
        let numbers = names.compactMap { Int($0) }
        if numbers.count == names.count {
            return names.sorted { (Int($0) ?? 0) < (Int($1) ?? 0) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// A label's name; `nil` for what is no label.
    static func name(_ value: JSONValue) -> String? {
        switch value {
        case .string(let text): text.isEmpty ? nil : text
        case .number(let text): text
        case .bool(let flag): flag ? "True" : "False"
        default: nil
        }
    }

    private static func number(_ value: JSONValue) -> Double? {
        let number = value.double ?? value.string.flatMap(Double.init)
        return number?.isFinite == true ? number : nil
    }

    private static func hasFraction(_ value: JSONValue) -> Bool {
        value.integer == nil && value.string.flatMap { Int($0) } == nil
    }

    /// A row's label.
    ///
    /// - Parameter words: how many the row has, where each has a label.
    /// - Returns: for words, one label each.
    func label(_ value: JSONValue?, words: Int = 0) throws(RowProblem) -> ExampleLabel {
        guard let value, value != .null else { return .none }
        switch form {
        case .number:
            let values = names.count == 1 ? [value] : value.array ?? []
            let numbers = values.compactMap(Self.number)
            guard numbers.count == values.count, numbers.count == names.count else {
                throw RowProblem(
                    found: value.array.map { "a label of \($0.count) entries" }
                        ?? "label \(value.kind)",
                    expected: names.count == 1 ? "a number" : "a list of \(names.count) numbers")
            }
            return .numbers(numbers.map { Float($0) })
        case .one: return .one(try place(of: value))
        case .several:
            guard let list = value.array else {
                throw RowProblem(found: "label \(value.kind)", expected: "a list of labels")
            }
            var numbers = [Float](repeating: 0, count: names.count)
            for label in list { numbers[Int(try place(of: label))] = 1 }
            return .numbers(numbers)
        case .each:
            guard let list = value.array, list.count == words else {
                throw RowProblem(
                    found: "\(value.array?.count ?? 0) tags",
                    expected: "one for each of \(words) words"
                )
            }
            var labels: [Int32] = []
            for tag in list { labels.append(try place(of: tag)) }
            return .each(labels)
        }
    }

    private func place(of value: JSONValue) throws(RowProblem) -> Int32 {
        guard let name = Self.name(value) else {
            throw RowProblem(found: "label \(value.kind)", expected: "a label's name or number")
        }
        if let place = places[name] { return place }
        // Of a model that has only numbers for its labels.
        if let place = places["LABEL_" + name] { return place }
        throw RowProblem(
            found: "label \"\(JSONValue.shortened(name))\"",
            expected: "one of " + names.prefix(8).joined(separator: ", ")
                + (names.count > 8 ? ", …" : ""))
    }
}

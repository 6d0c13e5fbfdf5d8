/// Values for the modules whose path ends in a match of a pattern (`rank_pattern`,
/// `alpha_pattern`), in the file's order: the first match counts.
package struct ModulePatterns<Value: Equatable & Sendable>: Equatable, Sendable,
    ExpressibleByDictionaryLiteral
{
    package struct Entry: Equatable, Sendable {
        package let pattern: String
        package let value: Value
    }

    package private(set) var entries: [Entry]

    package init(_ entries: [Entry] = []) { self.entries = entries }

    package init(dictionaryLiteral elements: (String, Value)...) {
        entries = elements.map { Entry(pattern: $0, value: $1) }
    }

    package mutating func append(_ pattern: String, _ value: Value) {
        entries.append(Entry(pattern: pattern, value: value))
    }

    var values: [Value] { entries.map(\.value) }

    func mapValues<Other>(_ change: (Value) -> Other) -> ModulePatterns<Other> {
        ModulePatterns<Other>(
            entries.map {
                ModulePatterns<Other>.Entry(pattern: $0.pattern, value: change($0.value))
            }
        )
    }
}

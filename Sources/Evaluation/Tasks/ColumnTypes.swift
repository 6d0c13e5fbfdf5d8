package import Files

/// What the columns of a task's data hold in all rows together, which decides how `datasets` reads each value.
///
/// Source: datasets 5.2 (packaged_modules/json) over Apache Arrow's JSON reader. A column that a row lacks is
/// null there. A column with a fraction or a number beyond 64 bits in one row is of floats in all; one of
/// dates alone is of timestamps. Objects whose keys differ, and columns of several kinds, stay as written.
package struct ColumnTypes {
    private var columns: [(name: String, type: ColumnType)] = []
    private var places: [String: Int] = [:]

    package init() {}

    /// Takes another row into account.
    ///
    /// - Parameter isSeparated: whether it is of CSV or TSV: dates are texts, integers of any size integers.
    package mutating func add(_ row: JSONValue, isSeparated: Bool) {
        for (name, value) in row.members ?? [] {
            let type = ColumnType(of: value, isSeparated: isSeparated)
            if let place = places[name] {
                columns[place].type = columns[place].type.joined(type)
            } else {
                places[name] = columns.count
                columns.append((name, type))
            }
        }
    }

    /// A row with every column, each value as its column's type has it.
    package func row(_ row: JSONValue) -> JSONValue {
        let own = Dictionary((row.members ?? []).map { ($0.key, $0.value) }) { $1 }
        return .object(
            columns.map { (key: $0.name, value: own[$0.name].map($0.type.value) ?? .null) })
    }
}

/// What a column's values, or a list's, have in common.
indirect enum ColumnType {
    /// Nulls alone.
    case nothing
    case flags
    case integers
    case reals
    case texts
    case timestamps
    case list(ColumnType)
    /// Objects of the same keys.
    case object([(key: String, type: ColumnType)])
    /// Several kinds of values, none of which is changed.
    case asWritten

    init(of value: JSONValue, isSeparated: Bool) {
        switch value {
        case .null: self = .nothing
        case .bool: self = .flags
        case .number(let text):
            let isInteger = text.utf8.allSatisfy {
                (48...57).contains($0) || $0 == UInt8(ascii: "-")
            }
            self = isInteger && (isSeparated || Int64(text) != nil) ? .integers : .reals
        case .string(let text):
            self = isSeparated || Timestamp(text) == nil ? .texts : .timestamps
        case .array(let values):
            self = .list(
                values.reduce(.nothing) {
                    $0.joined(ColumnType(of: $1, isSeparated: isSeparated))
                })
        case .object(let members):
            self =
                members.isEmpty
                ? .asWritten
                : .object(
                    members.map { ($0.key, ColumnType(of: $0.value, isSeparated: isSeparated)) })
        }
    }

    /// What holds for the values of both.
    func joined(_ other: ColumnType) -> ColumnType {
        switch (self, other) {
        case (.nothing, let type), (let type, .nothing): return type
        case (.flags, .flags): return .flags
        case (.integers, .integers): return .integers
        case (.integers, .reals), (.reals, .integers), (.reals, .reals): return .reals
        case (.timestamps, .timestamps): return .timestamps
        case (.texts, .texts), (.texts, .timestamps), (.timestamps, .texts): return .texts
        case (.list(let own), .list(let others)): return .list(own.joined(others))
        case (.object(let own), .object(let others)):
            let types = Dictionary(others.map { ($0.key, $0.type) }) { $1 }
            guard Set(own.map(\.key)) == Set(types.keys) else { return .asWritten }
            return .object(
                own.map { ($0.key, types[$0.key].map($0.type.joined) ?? $0.type) })
        default: return .asWritten
        }
    }

    /// A value as one of the column.
    func value(_ value: JSONValue) -> JSONValue {
        switch (self, value) {
        case (.reals, .number):
            return value.double.map { .number(PythonNumber.text($0)) } ?? value
        case (.timestamps, .string(let text)):
            return Timestamp(text).map { .string($0.text) } ?? value
        case (.list(let type), .array(let values)): return .array(values.map(type.value))
        case (.object(let types), .object(let members)):
            let own = Dictionary(members.map { ($0.key, $0.value) }) { $1 }
            return .object(
                types.map { (key: $0.key, value: own[$0.key].map($0.type.value) ?? .null) })
        default: return value
        }
    }
}

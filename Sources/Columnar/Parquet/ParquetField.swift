/// A column with values, as the rows need it.
struct ParquetColumn {
    let path: [String]
    /// Which of the columns of a row group it is.
    let index: Int
    let physical: SchemaElement.Physical
    /// Bytes of a value of type fixed.
    let length: Int
    let form: LeafForm
    /// The definition level of a value that is there, and the repetition level of one in the innermost list.
    let definition: Int
    let repetition: Int

    var name: String { path.joined(separator: ".") }
}

/// A field of the rows: a value, an object, an array or a map, with the levels that tell whether it is there
/// (Dremel, section 4.1; parquet.apache.org: Nested Encoding).
final class ParquetField {
    /// From which definition level on a list has elements, and the repetition level of all but the first.
    struct Repeated {
        let definition: Int
        let repetition: Int
    }

    enum Shape {
        case value(LeafForm)
        case object([ParquetField])
        case array(ParquetField, Repeated)
        case map(key: ParquetField, value: ParquetField, Repeated)
    }

    /// Its name in quotation marks.
    let key: [UInt8]
    let isNullable: Bool
    /// From which definition level on it is not null.
    let definition: Int
    let shape: Shape
    /// The columns below it, of those that are read.
    let columns: Range<Int>

    init(
        _ name: String, isNullable: Bool, definition: Int, _ shape: Shape, _ columns: Range<Int>
    ) {
        key = JSONLine.quoted(name)
        self.isNullable = isNullable
        self.definition = definition
        self.shape = shape
        self.columns = columns
    }

    /// Whether it is a text, which a map's key has to be for the map to become an object.
    var isText: Bool { if case .value(.text) = shape { true } else { false } }
}

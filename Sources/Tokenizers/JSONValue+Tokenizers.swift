package import Files

extension JSONValue {
    /// Reads a tokenizer's file as one value: every member as it is written, for tokenizer.json may
    /// list tokens that Unicode calls equivalent, and one that is listed twice is refused.
    ///
    /// - Parameter file: the name that messages give.
    /// - Throws: ``TokenizerError/malformed(file:byte:found:expected:)``.
    package static func read(_ text: String, file: String) throws(TokenizerError) -> JSONValue {
        let bytes = Array(text.utf8)
        do throws(JSONScanner.Mistake) {
            return try JSONValueReader.value(of: bytes[...], .asWritten)
        } catch {
            throw .malformed(
                file: file, byte: error.offset,
                found: error.found ?? character(at: error.offset, of: bytes),
                expected: error.expected == JSONValueReader.end
                    ? "the end of the text" : error.expected)
        }
    }

    private static func character(at offset: Int, of bytes: [UInt8]) -> String {
        guard offset < bytes.count else { return "the end of the text" }
        let part = bytes[offset...].prefix(ScalarClasses.length(startingWith: bytes[offset]))
        return "'\(String(decoding: part, as: UTF8.self))'"
    }

    /// What kind of value this is, in words for a message about a tokenizer's file.
    var shown: String {
        switch self {
        case .null, .bool, .number, .object: kind
        case .string(let value): "\"\(value.count > 80 ? value.prefix(80) + "…" : value[...])\""
        case .array(let values): "an array of \(values.count)"
        }
    }

    /// A score; one without a fraction is written as a whole number.
    static func score(_ value: Double) -> JSONValue {
        Int(exactly: value).map { .int($0) } ?? .double(value)
    }

    /// An object whose first key, `type`, names what it is.
    static func typed(_ type: String, _ members: [Member]) -> JSONValue {
        let first: Member = ("type", .string(type))
        return .object([first] + members)
    }

    /// An object of one key that holds an object.
    static func wrapped(_ key: String, _ members: [Member]) -> JSONValue {
        .object([(key, .object(members))])
    }

    /// The text of a tokenizer's file, as Hugging Face writes it.
    package var fileText: String { text(indent: 2) }
}

import Files

/// The ids that a tokenizer puts before and after a text on demand.
package struct PostProcessor: Sendable, Equatable {
    package let before: [Int32]
    package let after: [Int32]
    /// What tokenizer.json says for it.
    let json: JSONValue

    /// Adds nothing.
    package static let none = PostProcessor(
        before: [], after: [],
        json: .typed(
            "ByteLevel",
            [
                ("add_prefix_space", .bool(true)), ("trim_offsets", .bool(false)),
                ("use_regex", .bool(true)),
            ]))

    package static func == (left: PostProcessor, right: PostProcessor) -> Bool {
        left.before == right.before && left.after == right.after
    }
}

extension PostProcessor {
    /// Reads the `post_processor` of tokenizer.json.
    ///
    /// - Throws: ``TokenizerError`` where it is none of the supported ones.
    init(_ json: JSONValue?, file: String) throws(TokenizerError) {
        var before: [Int32] = []
        var after: [Int32] = []
        for part in json?["processors"]?.array ?? (json.map { [$0] } ?? []) {
            switch part["type"]?.string {
            case "ByteLevel": continue
            case "TemplateProcessing":
                let ids = try Self.template(part, file: file)
                before = ids.before + before
                after += ids.after
            case "RobertaProcessing", "BertProcessing":
                before = try [Self.id(part["cls"], file: file)] + before
                after += try [Self.id(part["sep"], file: file)]
            case let other:
                throw .unsupported(
                    file: file, key: "post_processor", found: other ?? part.shown,
                    supported: "ByteLevel, TemplateProcessing, RobertaProcessing, BertProcessing")
            }
        }
        self.before = before
        self.after = after
        self.json = json ?? .null
    }

    private static func template(
        _ json: JSONValue, file: String
    ) throws(TokenizerError) -> (before: [Int32], after: [Int32]) {
        var before: [Int32] = []
        var after: [Int32] = []
        var texts = 0
        for part in json["single"]?.array ?? [] {
            if part["Sequence"] != nil {
                texts += 1
                continue
            }
            guard let name = part["SpecialToken"]?["id"]?.string,
                let ids = json["special_tokens"]?[name]?["ids"]?.array
            else {
                throw .invalid(
                    file: file, key: "post_processor.single", found: part.shown,
                    expected: "a Sequence or a SpecialToken listed under special_tokens")
            }
            for value in ids {
                guard let id = value.integer.flatMap({ Int32(exactly: $0) }) else {
                    throw .invalid(
                        file: file, key: "post_processor.special_tokens", found: value.shown,
                        expected: "a token id")
                }
                if texts == 0 { before.append(id) } else { after.append(id) }
            }
        }
        guard texts == 1 else {
            throw .unsupported(
                file: file, key: "post_processor.single", found: "a text \(texts) times",
                supported: "templates that hold it once")
        }
        return (before, after)
    }

    private static func id(
        _ json: JSONValue?, file: String
    ) throws(TokenizerError) -> Int32 {
        guard let pair = json?.array, pair.count == 2,
            let id = pair[1].integer.flatMap({ Int32(exactly: $0) })
        else {
            throw .invalid(
                file: file, key: "post_processor", found: json?.shown ?? "nothing",
                expected: "a token and its id")
        }
        return id
    }
}

import Files
import Foundation
package import ModelFiles
package import Models

/// A line of `score`'s and `embed`'s input: the text of a document, or its ids.
package struct ScoreDocument: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
        case text(String)
        case ids([Int32])
        /// With what is said of each of them.
        case marked(MarkedIDs)
        /// What an encoder reads, and what the decoder behind it writes.
        case pair(MarkedIDs, target: [Int32])
        case texts(String, target: String)
    }

    /// What the documents are read for.
    package enum Use: Sendable {
        /// Each id given those before it.
        case decoder
        /// Targets in their places.
        case encoder
        /// A text's target.
        case encoderDecoder
        /// Vectors of texts.
        case embedding

        /// What a model of a kind scores.
        package init(_ kind: ModelKind) {
            switch kind {
            case .decoder: self = .decoder
            case .encoder: self = .encoder
            case .encoderDecoder: self = .encoderDecoder
            }
        }

        /// Whether lines of a .txt file are documents.
        var takesTexts: Bool { self == .decoder || self == .embedding }
    }

    /// Counted from 1.
    package let line: Int
    package let content: Content

    /// The documents of a file: JSON lines, or of a .txt file one a line; empty lines are none.
    ///
    /// - Throws: ``EvaluationError/user(_:)`` for a file that cannot be read, and for the first line
    ///   that is no document or asks for what a decoder's score does not know.
    package static func read(
        _ path: String, for use: Use = .decoder
    ) throws(EvaluationError) -> [ScoreDocument] {
        try documents(bytes(path), of: path, for: use)
    }

    /// What a file of documents holds.
    ///
    /// - Throws: ``EvaluationError/user(_:)`` for one that cannot be read.
    package static func bytes(_ path: String) throws(EvaluationError) -> [UInt8] {
        do throws(FileProblem) {
            guard let packing = MappedFile.Packing(ending: (path as NSString).pathExtension) else {
                return try RegularFile.bytes(path)
            }
            let file = try MappedFile(unpacking: path, packing)
            return withExtendedLifetime(file) { Array(file.bytes) }
        } catch {
            throw .user(
                "cannot read '\(path)': \(error.problem); give a .jsonl or .txt file as --input")
        }
    }

    /// - Parameter path: named in messages; its ending tells the kind.
    package static func documents(
        _ bytes: [UInt8], of path: String, for use: Use = .decoder
    ) throws(EvaluationError) -> [ScoreDocument] {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let start = bytes.starts(with: mark) ? mark.count : 0
        let lines = bytes[start...].split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        var documents: [ScoreDocument] = []
        let isText = [".txt", ".txt.gz", ".txt.zst"].contains(where: path.hasSuffix)
        for (index, line) in lines.enumerated() {
            // Lines may end as Windows ends them.
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            guard !line.isEmpty else { continue }
            let content: Content
            if isText, use.takesTexts {
                content = .text(String(decoding: line, as: UTF8.self))
            } else {
                do {
                    switch use {
                    case .decoder: content = try object(line)
                    case .encoder, .embedding: content = try marked(line, for: use)
                    case .encoderDecoder: content = try pair(line)
                    }
                } catch {
                    throw .user("\(path) line \(index + 1): \(error.text)")
                }
            }
            documents.append(ScoreDocument(line: index + 1, content: content))
        }
        guard !documents.isEmpty else { throw .user("'\(path)' holds no documents") }
        return documents
    }

    struct Mistake: Error { let text: String }

    /// A line as a JSON object; where it is no JSON, the mistake says from where on.
    static func object(
        _ line: ArraySlice<UInt8>, with wanted: String
    ) throws(Mistake) -> JSONValue {
        let wanted = "expected a JSON object with \(wanted)"
        let value: JSONValue
        do throws(JSONProblem) {
            value = try JSONValueReader.read(line)
        } catch {
            throw Mistake(
                text: "\(wanted); it is no JSON: found \(error.found), expected "
                    + error.expected)
        }
        guard value.members != nil else { throw Mistake(text: wanted) }
        return value
    }

    private static func object(_ line: ArraySlice<UInt8>) throws(Mistake) -> Content {
        let wanted = "\"text\" or \"ids\""
        let neither = Mistake(text: "expected a JSON object with \(wanted)")
        let value = try object(line, with: wanted)
        let content: Content
        var count: Int?
        switch (value["text"], value["ids"]) {
        case (.some, .some):
            throw Mistake(text: "both \"text\" and \"ids\" are given; leave one of them out")
        case (.some(let text), nil):
            guard let text = text.string else {
                throw Mistake(text: "text: found \(text.kind), expected a text")
            }
            content = .text(text)
        case (nil, .some(let list)):
            let ids = try ids(list)
            content = .ids(ids)
            count = ids.count
        case (nil, nil): throw neither
        }
        try refuseUnused(value, count: count)
        return content
    }

    static func ids(_ value: JSONValue, _ key: String = "ids") throws(Mistake) -> [Int32] {
        guard let values = value.array else {
            throw Mistake(text: "\(key): found \(value.kind), expected a list of token ids")
        }
        var ids: [Int32] = []
        ids.reserveCapacity(values.count)
        for value in values {
            guard let id = value.integer.flatMap(Int32.init(exactly:)) else {
                throw Mistake(
                    text: "\(key): found \(value.kind) in the list, expected token ids")
            }
            ids.append(id)
        }
        return ids
    }

    /// Keys with which encoders and encoder-decoders give other numbers, unless they say what holds
    /// without them. Other columns that a line may have change nothing.
    private static func refuseUnused(_ line: JSONValue, count: Int?) throws(Mistake) {
        for (key, advice) in [
            ("targets", "an encoder scores targets in their places; leave it out"),
            ("labels", "every id after the first is scored; leave it out"),
            ("target", "an encoder-decoder scores targets; put both texts into \"text\""),
            ("target_ids", "an encoder-decoder scores targets; put all ids into \"ids\""),
        ] where line[key] != nil {
            throw Mistake(text: "\(key) is not used with a decoder; \(advice)")
        }
        let constants: [(key: String, value: Int, advice: String)] = [
            ("mask", 1, "give the ids without padding"),
            ("attention_mask", 1, "give the ids without padding"),
            ("token_types", 0, "leave it out"), ("token_type_ids", 0, "leave it out"),
        ]
        for (key, harmless, advice) in constants {
            guard let given = line[key] else { continue }
            guard let values = given.array, values.allSatisfy({ $0.integer == harmless }),
                count == nil || values.count == count
            else {
                throw Mistake(
                    text: "\(key) is not used with a decoder unless it holds a \(harmless) for "
                        + "each id; \(advice)")
            }
        }
    }
}

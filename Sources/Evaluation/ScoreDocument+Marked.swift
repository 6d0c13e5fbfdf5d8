import Files
import ModelFiles

extension ScoreDocument {
    /// A line for a model that reads all tokens at once: ids with what is said of each, or a text.
    static func marked(
        _ line: ArraySlice<UInt8>, for use: Use
    ) throws(Mistake) -> Content {
        let wanted = use == .encoder ? "\"ids\" and \"targets\"" : "\"text\" or \"ids\""
        let value = try object(line, with: wanted)
        let (text, list) = (given("text", value), given("ids", value))
        if let text, list == nil, use == .embedding {
            guard let text = text.string else {
                throw Mistake(text: "text: found \(text.kind), expected a text")
            }
            return .text(text)
        }
        guard let list, text == nil else {
            throw Mistake(
                text: text == nil
                    ? "expected a JSON object with \(wanted)"
                    : use == .encoder
                        ? "an encoder scores targets in their places; give \(wanted), no text"
                        : "both \"text\" and \"ids\" are given; leave one of them out")
        }
        var marked = MarkedIDs(ids: try ids(list))
        guard !marked.ids.isEmpty else {
            throw Mistake(text: "ids: found none, expected at least one token id")
        }
        let count = marked.ids.count
        marked.types = try numbers(["token_types", "token_type_ids"], value, count: count)
        marked.mask = try numbers(["mask", "attention_mask"], value, count: count)
        try check(marked.mask)
        guard use == .encoder else { return .marked(marked) }
        for key in ["labels", "target", "target_ids"] where given(key, value) != nil {
            throw Mistake(text: "\(key) is not used with an encoder; give \"targets\"")
        }
        guard let targets = try numbers(["targets"], value, count: count) else {
            throw Mistake(text: "expected a JSON object with \(wanted)")
        }
        if let target = targets.first(where: { $0 < 0 && $0 != -100 }) {
            throw Mistake(
                text: "targets: found \(target), expected token ids, or -100 to pass over")
        }
        marked.targets = targets
        return .marked(marked)
    }

    /// A line for an encoder-decoder: a text, or its ids, with its target.
    static func pair(_ line: ArraySlice<UInt8>) throws(Mistake) -> Content {
        let wanted = "\"ids\" and \"target_ids\", or \"text\" and \"target\""
        let value = try object(line, with: wanted)
        for key in ["targets", "labels"] where given(key, value) != nil {
            throw Mistake(text: "\(key) is not used with an encoder-decoder; give \(wanted)")
        }
        switch (given("text", value), given("target", value)) {
        case (let text?, let target?):
            guard let text = text.string, let target = target.string,
                given("ids", value) == nil, given("target_ids", value) == nil
            else { throw Mistake(text: "text and target are texts, without ids beside them") }
            return .texts(text, target: target)
        case (nil, nil): break
        default: throw Mistake(text: "expected a JSON object with \(wanted)")
        }
        guard let list = given("ids", value), let targets = given("target_ids", value) else {
            throw Mistake(text: "expected a JSON object with \(wanted)")
        }
        var marked = MarkedIDs(ids: try ids(list))
        let target = try ids(targets, "target_ids")
        guard !marked.ids.isEmpty, !target.isEmpty else {
            throw Mistake(text: "ids and target_ids: expected at least one token id each")
        }
        marked.mask = try numbers(
            ["mask", "attention_mask"], value, count: marked.ids.count)
        try check(marked.mask)
        marked.types = try numbers(
            ["token_types", "token_type_ids"], value, count: marked.ids.count)
        return .pair(marked, target: target)
    }

    private static func check(_ mask: [Int32]?) throws(Mistake) {
        guard let mask, !mask.allSatisfy({ $0 == 0 || $0 == 1 }) || !mask.contains(1) else {
            return
        }
        throw Mistake(
            text: "mask: expected a 1 for each token and a 0 for each that only fills up")
    }

    private static func given(_ key: String, _ value: JSONValue) -> JSONValue? {
        guard let found = value[key], found != .null else { return nil }
        return found
    }

    /// Numbers under one of the keys, one for each id; `nil` where none is given.
    private static func numbers(
        _ keys: [String], _ value: JSONValue, count: Int
    ) throws(Mistake) -> [Int32]? {
        var result: [Int32]?
        for key in keys {
            guard let list = given(key, value) else { continue }
            let numbers = try ids(list, key)
            guard numbers.count == count else {
                throw Mistake(
                    text: "\(key): found \(numbers.count) numbers, expected one for each of the "
                        + "\(count) ids")
            }
            guard result == nil || result == numbers else {
                throw Mistake(text: "\(keys.joined(separator: " and ")) say different things")
            }
            result = numbers
        }
        return result
    }
}

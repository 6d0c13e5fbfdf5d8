/// Turns tokens that come one by one into text, up to the first of some stop strings.
///
/// A character is handed out when its last byte is there, and text that may be the beginning of a
/// stop string when it is known not to be one.
package struct TokenTextStream: Sendable {
    private var decoding: DecodingStream
    private let stops: [[UInt8]]
    private var held: [UInt8] = []
    /// Whether a stop string has come; nothing is handed out from it on.
    package private(set) var isStopped = false

    /// - Parameter stops: strings that end the text.
    package init(
        _ tokenizer: any Tokenizer, skipsSpecialTokens: Bool, stops: [String] = []
    ) {
        decoding = DecodingStream(tokenizer, skipsSpecialTokens: skipsSpecialTokens)
        self.stops = stops.filter { !$0.isEmpty }.map { Array($0.utf8) }
    }

    /// Adds a token. → the text that became certain with it.
    package mutating func append(_ token: Int32) -> String {
        guard !isStopped else { return "" }
        held += decoding.append(token).utf8
        return release(all: false)
    }

    /// Ends the text. → what was held back.
    package mutating func finish() -> String {
        guard !isStopped else { return "" }
        held += decoding.finish().utf8
        return release(all: true)
    }

    private mutating func release(all: Bool) -> String {
        var end = held.count
        for stop in stops {
            if let found = held.firstRange(of: stop)?.lowerBound, found < end || !isStopped {
                end = min(end, found)
                isStopped = true
            }
        }
        if !isStopped, !all { end -= stops.map { Self.overlap(of: held, with: $0) }.max() ?? 0 }
        defer { held.removeSubrange(..<end) }
        return String(decoding: held[..<end], as: UTF8.self)
    }

    /// The length of the longest end of `text` that `stop` begins with.
    private static func overlap(of text: [UInt8], with stop: [UInt8]) -> Int {
        let most = min(text.count, stop.count - 1)
        return (0...max(most, 0)).last { text.suffix($0).elementsEqual(stop.prefix($0)) } ?? 0
    }
}

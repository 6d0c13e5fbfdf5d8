/// Turns tokens that come one by one into text as it becomes certain.
///
/// A character is handed out when its last byte is there, and text that may be the beginning of a
/// stop string when it is known not to be one.
package struct TokenTextStream {
    private let decode: ([Int32]) -> String
    private let stops: [[UInt8]]
    /// Tokens not yet handed out, after those that came before them: a decoder may write a token
    /// differently where a text begins.
    private var window: [Int32] = []
    private var context = 0
    private var held: [UInt8] = []
    /// Whether a stop string has come; nothing is handed out from it on.
    package private(set) var isStopped = false

    /// Tokens without a whole character, after which what is there is handed out as U+FFFD.
    private static let patience = 16

    /// - Parameters:
    ///   - stops: strings that end the text.
    ///   - decode: the text of ids, U+FFFD for bytes that are no character.
    package init(stops: [String] = [], decode: @escaping ([Int32]) -> String) {
        self.decode = decode
        self.stops = stops.filter { !$0.isEmpty }.map { Array($0.utf8) }
    }

    /// Adds a token. → the text that became certain with it.
    package mutating func append(_ token: Int32) -> String {
        guard !isStopped else { return "" }
        window.append(token)
        let text = Array(decode(window).utf8)
        let incomplete = text.suffix(3).elementsEqual([0xEF, 0xBF, 0xBD])
        if incomplete, window.count - context < Self.patience { return "" }
        take(text)
        return release(all: false)
    }

    /// Ends the text. → what was held back.
    package mutating func finish() -> String {
        guard !isStopped else { return "" }
        take(Array(decode(window).utf8))
        return release(all: true)
    }

    /// Moves the text behind the context into what is held, and makes its tokens the context.
    private mutating func take(_ text: [UInt8]) {
        let before = context == 0 ? 0 : decode(Array(window[..<context])).utf8.count
        held += text.dropFirst(before)
        window.removeSubrange(..<context)
        context = window.count
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

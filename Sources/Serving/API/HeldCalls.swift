import Files
import Synchronization
import Templates

/// Text of a stream that may be the beginning of a call, held back until that is known.
final class HeldCalls: Sendable {
    /// What a piece makes known.
    struct Shown {
        var text = ""
        var calls: [ToolCall] = []
    }

    private struct State {
        var held = ""
        var hasShown = false
    }

    private let tools: ChatTools
    private let marks: [String]
    private let state = Mutex(State())

    init(_ tools: ChatTools) {
        self.tools = tools
        marks = tools.form?.marks ?? []
    }

    func take(_ piece: AnswerPiece) -> Shown {
        guard let form = tools.form else { return Shown(text: piece.text) }
        return state.withLock { state in
            state.held += piece.text
            if piece.finish != nil {
                defer { state.held = "" }
                guard let (text, calls) = tools.calls(in: state.held) else {
                    return Shown(text: state.held)
                }
                return Shown(text: text, calls: calls)
            }
            let end = end(of: state, form)
            let text = String(state.held[..<end])
            state.held.removeSubrange(..<end)
            if !text.isEmpty { state.hasShown = true }
            return Shown(text: text)
        }
    }

    /// Up to where the held text is certain to be none of a call.
    private func end(of state: State, _ form: ToolCallForm) -> String.Index {
        let held = state.held
        var end = held.endIndex
        for mark in marks {
            if mark.isEmpty { return held.startIndex }
            if form.countsAtTheBeginning(mark) {
                // White space before it is no answer yet.
                guard !state.hasShown else { continue }
                let text = held.drop(while: \.isWhitespace)
                if text.isEmpty || text.hasPrefix(mark) || mark.hasPrefix(text) {
                    return held.startIndex
                }
                continue
            }
            if let found = held.firstRange(of: mark) { end = min(end, found.lowerBound) }
            for length in stride(from: min(mark.count - 1, held.count), to: 0, by: -1)
            where held.hasSuffix(mark.prefix(length)) {
                end = min(end, held.index(held.endIndex, offsetBy: -length))
                break
            }
        }
        return end
    }
}

import Files
import Foundation

/// Standard output for text that appears piece by piece. A pipe gets its bytes; a terminal is shown
/// control characters instead of obeying them.
package final class TextOutput {
    /// Whether standard output is a terminal.
    package static var isTerminal: Bool { isatty(STDOUT_FILENO) != 0 }

    private let isTerminal: Bool
    /// Whether a reader is still there; `head` closes its end of a pipe, for example.
    private(set) var isOpen = true

    /// With a closed pipe a write fails instead of ending the process.
    package init(isTerminal: Bool = TextOutput.isTerminal) {
        self.isTerminal = isTerminal
        signal(SIGPIPE, SIG_IGN)
    }

    /// Writes at once. → whether a reader is still there.
    @discardableResult
    func write(_ text: String) -> Bool { write(Array(text.utf8)) }

    /// The same of UTF-8.
    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        guard isOpen, !bytes.isEmpty else { return isOpen }
        do throws(FinishedFile.Failure) {
            isOpen =
                isTerminal
                ? try StandardOutput.write(form(String(decoding: bytes, as: UTF8.self)))
                : try StandardOutput.write(bytes)
        } catch {
            Failure.end(output: error)
        }
        return isOpen
    }

    /// The text as it is written.
    package func form(_ text: String) -> String {
        isTerminal ? TerminalText.shown(text, keepingLines: true) : text
    }
}

/// How fast tokens came.
struct GenerationRate {
    private let start = ContinuousClock.now
    private var first: ContinuousClock.Instant?
    private var last: ContinuousClock.Instant?
    private var tokens = 0

    /// Notes a token.
    mutating func count() {
        last = .now
        if first == nil { first = last }
        tokens += 1
    }

    /// The figures, the prompt's time up to the first token, and the rate of those after it.
    func text(prompt: Int) -> String {
        guard let first, let last, tokens > 1 else {
            return "\(prompt) prompt tokens, \(tokens) new"
        }
        let rate = Double(tokens - 1) / seconds(from: first, to: last)
        return String(
            format: "%d prompt tokens in %.2f s, %d new at %.1f tokens/s", prompt,
            seconds(from: start, to: first), tokens, rate)
    }

    private func seconds(
        from start: ContinuousClock.Instant, to end: ContinuousClock.Instant
    ) -> Double { max((end - start) / .seconds(1), 1e-9) }
}

import Foundation

/// What decides the ids and labels of a conversation besides template and tokenizer.
package struct EncodingSettings: Sendable, Equatable {
    /// Tokens of an example at most (`cutoff_len`).
    package var cutoffLength = 2048
    /// Prompts are learned, too (`train_on_prompt`).
    package var trainsOnPrompt = false
    /// Only the last answer is learned (`mask_history`).
    package var masksHistory = false
    /// For templates that reason: empty thoughts are learned (true), part of the prompt (`nil`),
    /// or that and thoughts of the data are left out (false).
    package var enableThinking: Bool? = true
    /// Thoughts of earlier turns stay (`preserve_thinking`).
    package var preservesThinking = false
    /// What Llama 3's tool prompt says today is, as `23 Nov 2026`.
    package var date = EncodingSettings.today()

    package init() {}

    /// Today in UTC, as Llama 3's tool prompt writes it. A run that resumes later should keep the
    /// date it began with.
    package static func today() -> String {
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let day = calendar.dateComponents([.year, .month, .day], from: Date())
        let (date, month, year) = (day.day ?? 1, day.month ?? 1, day.year ?? 1970)
        return (date < 10 ? "0" : "") + "\(date) \(months[month - 1]) \(year)"
    }

    /// - Throws: ``TemplateError/setting(name:found:expected:)`` for settings that contradict each
    ///   other or lie outside their range.
    func validate() throws(TemplateError) {
        guard cutoffLength > 1 else {
            throw .setting(
                name: "cutoff_len", found: "\(cutoffLength)", expected: "at least 2")
        }
        guard !(masksHistory && trainsOnPrompt) else {
            throw .setting(
                name: "mask_history", found: "true with train_on_prompt: true",
                expected: "one of the two")
        }
    }
}

/// Prompts as samples, for what counts them or looks at their order.
package struct PromptSamples: SampleSource {
    private let prompts: [RolloutPrompt]

    package init(_ prompts: [RolloutPrompt]) { self.prompts = prompts }

    package var count: Int { prompts.count }
    package var hasSegments: Bool { false }
    package func columns(forLongest length: Int) -> Int { max(1, length) }
    package func length(of sample: Int) -> Int { max(1, prompts[sample].ids.count) }

    /// The ids, without targets.
    package func fill(row: Int, of batch: inout TokenBatch, with sample: Int) {
        for (column, id) in prompts[sample].ids.enumerated() {
            batch.ids[row * batch.columns + column] = id
        }
    }
}

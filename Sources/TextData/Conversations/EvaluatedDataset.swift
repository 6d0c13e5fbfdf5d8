/// What of the held-out examples and prompts is one dataset's (`eval_on_each_dataset`).
package struct EvaluatedDataset: Sendable, Equatable {
    package let name: String
    /// Places among the examples to evaluate on.
    package let examples: Range<Int>
    /// Places among the prompts.
    package let prompts: Range<Int>

    package init(name: String, examples: Range<Int>, prompts: Range<Int>) {
        self.name = name
        self.examples = examples
        self.prompts = prompts
    }

    /// The part that follows another, so many examples and prompts long.
    init(
        name: String, after other: EvaluatedDataset?, counts: (examples: Int, prompts: Int)
    ) {
        let start = (other?.examples.upperBound ?? 0, other?.prompts.upperBound ?? 0)
        self.init(
            name: name, examples: start.0..<start.0 + counts.examples,
            prompts: start.1..<start.1 + counts.prompts)
    }
}

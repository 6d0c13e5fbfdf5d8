import Evaluation
import Testing

/// lm-evaluation-harness 0.4.13's filters/selection.py: `Counter.most_common` takes the first of several that
/// come as often.
@Suite struct HarnessFilterTests {
    private func answer(_ steps: [HarnessFilter.Step], _ texts: [String]) -> String {
        HarnessFilter(name: "f", steps: steps).answer(texts)
    }

    @Test func stepsWorkOnEveryAnswer() {
        let texts = [" b", "A ", "a", "B", "b"]
        #expect(answer([.first], texts) == " b")
        #expect(answer([.trimmed, .lowercase, .vote, .first], texts) == "b")
        #expect(answer([.trimmed, .lowercase, .firstFew(3), .vote, .first], texts) == "a")
        #expect(answer([.trimmed, .vote, .first], texts) == "b")
        #expect(answer([.vote], ["y", "x", "x", "y"]) == "y")
        #expect(answer([.uppercase], ["one"]) == "ONE")
    }
}

import Evaluation
import Files
import ModelFiles
import TestSupport
import Testing

/// Requests that go on from one another's beginnings, against passes over the whole of each.
@Suite struct RequestScorerTests {
    /// A Llama whose texts of more than 40 tokens have other rotary angles.
    private func model() throws -> InferenceModel {
        let folder = try ModelFolder("model", in: "evaluation")
        func numbers(_ numbers: [Double]) -> JSONValue { .array(numbers.map { .double($0) }) }
        let rope: [JSONValue.Member] = [
            ("rope_type", .string("longrope")), ("rope_theta", .int(100)), ("factor", .int(5)),
            ("original_max_position_embeddings", .int(40)),
            ("short_factor", numbers([1, 1.25, 1.5, 1.75])),
            ("long_factor", numbers([1.5, 3, 4.5, 6])),
        ]
        try folder.change([("rope_parameters", .object(rope))])
        return try withExtendedLifetime(folder) {
            try InferenceModel(path: folder.path, threads: 1)
        }
    }

    // Of 38, 42, 60 and 610 tokens, the last in two pieces; the first has the angles of short texts. Sums of
    // float32 in another order: some roundings of logits of order 10, five times.
    @Test func anglesAreThoseOfEachWholeText() throws {
        let inference = try model()
        let text = (0..<620).map { (place: Int) -> Int32 in Int32((place * 37 + 11) % 380) }
        let requests = [33, 37, 55, 605].map { (length: Int) -> TaskRequest in
            .likelihood(
                context: Array(text[..<length]), continuation: Array(text[length..<length + 5]))
        }
        let scorer = RequestScorer(
            inference.model, try #require(inference.tokenizer), ends: [],
            computeType: inference.computeType, in: inference.workspace)
        for unit in RequestPlan(requests, batch: 4).rounds.flatMap({ $0 }) {
            for (number, answer) in zip(unit.requests, scorer.answers(unit, of: requests)) {
                guard case .likelihood(let context, let continuation, _) = requests[number] else {
                    continue
                }
                let scores = try inference.logProbabilities(context + continuation, of: "text")
                let expected = scores.suffix(5).reduce(0.0) { $0 + Double($1) }
                #expect(abs(answer.logProbability - expected) < 1e-3, "\(context.count)")
            }
        }
    }
}

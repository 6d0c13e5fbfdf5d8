import Autograd
import Kernels
import Models
import Objectives
import TestSupport
import Testing
import TextData
import Training

/// Heads for labels of texts and of words, and for answers, against transformers' values
/// (scripts/references/task_heads.py); rows are filled up behind their texts.
@Suite struct TaskHeadReferenceTests {
    static let folders = [
        "bert", "bert_several", "bert_number", "bert_words", "roberta", "electra", "modernbert",
        "modernbert_mean", "modernbert_words", "llama", "llama_words", "gpt2", "gpt2_words",
        "bert_answers", "electra_answers", "modernbert_answers", "llama_answers",
        "roberta_answers", "xlm_roberta_answers", "gpt2_answers", "t5", "t5_number", "mt5",
        "t5_words", "mt5_words", "t5_answers", "distilbert", "distilbert_words",
        "distilbert_answers", "mpnet", "mpnet_words", "mpnet_answers", "albert", "albert_words",
        "albert_answers",
    ]

    /// A case's model, what it read, and what came of it.
    private struct Case {
        let run: TinyRun
        let objective: LabelObjective
        let reference: ReferenceFile

        init(_ folder: String) throws {
            let configuration = try References.text("task_heads/\(folder)/config.json")
            let kind =
                folder.hasSuffix("_words")
                ? TaskPlan.Kind.tokens : folder.hasSuffix("_answers") ? .span : .sequence
            let plan = try #require(try TaskPlan(kind, configuration: configuration))
            run = try TinyRun(
                configuration: configuration, weights: "task_heads/\(folder)/model.safetensors",
                purpose: .task(plan))
            objective = LabelObjective(run.objective.model)
            reference = try ReferenceFile("task_heads/\(folder)/reference.safetensors")
        }

        /// The batch, or that of a step of the run.
        func batch(step: Int? = nil) throws -> LabeledBatch {
            let prefix = step == nil ? "" : "steps."
            func part<Number>(_ all: [Number]) -> [Number] {
                guard let step else { return all }
                let count = all.count / 30
                return Array(all[step * count..<(step + 1) * count])
            }
            let mask = part(try reference.integers(prefix + "mask"))
            let ids = part(try reference.integers(prefix + "input_ids"))
            let types = part(try reference.integers(prefix + "token_types"))
            let plan = objective.head.plan
            let isOne = plan.kind != .sequence || plan.problem == .singleLabel
            let ofInts = isOne ? part(try reference.integers(prefix + "labels")) : []
            let ofFloats = isOne ? [] : part(try reference.floats(prefix + "labels"))
            let (rows, columns) = (4, mask.count / 4)
            let examples = (0..<rows).map { row in
                let length = mask[row * columns..<(row + 1) * columns].count { $0 == 1 }
                let places = row * columns..<row * columns + length
                let label: ExampleLabel =
                    plan.kind == .span
                    ? .span(start: ofInts[2 * row], end: ofInts[2 * row + 1])
                    : plan.kind == .tokens
                        ? .each(Array(ofInts[places]))
                        : isOne
                            ? .one(ofInts[row])
                            : .numbers(
                                Array(ofFloats[row * plan.outputs..<(row + 1) * plan.outputs]))
                return LabeledExample(
                    ids: Array(ids[places]), types: Array(types[places]), label: label)
            }
            return LabeledBatch(examples, sampleIDs: [0, 1, 2, 3])
        }

        /// The mean that transformers gives.
        func mean(_ loss: ObjectiveLoss) -> Double { loss.loss.sum / loss.divisor }
    }

    // Scores are of order 1; 2e-4 is some hundred float32 roundings of a few layers.
    @Test(arguments: folders)
    func scoresAndLossEqualTransformers(folder: String) throws {
        let one = try Case(folder)
        let pass = ForwardPass(workspace: one.run.workspace, computeType: .float32)
        let batch = try one.batch()
        let outcome = one.objective.evaluate(batch, in: pass)
        let wanted = try one.reference.floats("loss")[0]
        #expect(abs(one.mean(outcome) - Double(wanted)) < 1e-5)
        let logits = try one.reference.floats("logits")
        let width = one.objective.head.plan.outputs
        for (row, output) in outcome.outputs.enumerated() {
            if case .span = batch.labels[row] {
                let expected = [0, 1].flatMap { place in
                    (0..<batch.lengths[row]).map {
                        logits[(row * batch.columns + $0) * width + place]
                    }
                }
                #expect(Difference.absolute(output.values, expected) < 2e-4)
                continue
            }
            guard case .each(let targets) = batch.labels[row] else {
                let expected = Array(logits[row * width..<(row + 1) * width])
                #expect(Difference.absolute(output.values, expected) < 2e-4)
                continue
            }
            let places = targets.indices.filter { targets[$0] >= 0 }
            let expected = places.map { place in
                let first = (row * batch.columns + place) * width
                return Float(LabelObjective.likeliest(logits[first..<first + width]))
            }
            #expect(output.values == expected)
        }
    }

    @Test(arguments: folders, [false, true])
    func everyGradientEqualsTransformers(folder: String, recomputes: Bool) throws {
        let one = try Case(folder)
        let workspace = one.run.workspace
        let pass = ForwardPass(
            workspace: workspace, computeType: .float32, tape: Tape(),
            recomputing: recomputes ? .blocks : .nothing)
        let outcome = one.objective.loss(try one.batch(), given: Measures([]), in: pass)
        var ready: [String] = []
        pass.backward(from: outcome.loss) { ready.append($0.name) }
        for parameter in one.objective.model.parameters {
            let gradient = try #require(parameter.gradient)
            let found = workspace.numbers(gradient, count: parameter.count)
                .map { $0 / Float(outcome.divisor) }
            let wanted = try one.reference.floats("grad." + parameter.name)
            // Of sums of some ten numbers: rounding of 6e-8 each, and of a key's bias, which adds the
            // same to all of a query's scores, rounding alone; so too of biases that add the same to all
            // scores of an answer's places.
            let isNothing = wanted.allSatisfy { abs($0) < 1e-6 }
            if parameter.name.hasSuffix("key.bias") || isNothing {
                #expect(Difference.absolute(found, wanted) < 1e-6, "\(parameter.name)")
            } else {
                #expect(Difference.relative(found, wanted) < 1e-4, "\(parameter.name)")
            }
        }
        #expect(ready.sorted() == one.objective.model.parameters.map(\.name).sorted())
    }

    // Rounding of 6e-8 a step, larger where Adam divides by a small √v: thirty steps stay below 1e-3.
    @Test(arguments: folders)
    func thirtyAdamWStepsFollowPyTorch(folder: String) throws {
        let one = try Case(folder)
        let losses = try one.reference.floats("steps.losses").map(Double.init)
        for step in 0..<30 {
            let outcome = try one.run.loop.step(
                ObjectiveStep(one.objective, [try one.batch(step: step)]), number: step + 1,
                learningRate: 1e-3)
            #expect(
                abs(outcome.loss - losses[step]) < 1e-3 * losses[step],
                "step \(step): \(outcome.loss) but PyTorch \(losses[step])")
        }
    }

    @Test(arguments: folders)
    func aTextIsScoredAloneAsInCompany(folder: String) throws {
        let one = try Case(folder)
        let pass = ForwardPass(workspace: one.run.workspace, computeType: .float32)
        let batch = try one.batch()
        let together = one.objective.evaluate(batch, in: pass)
        var sum = 0.0
        for row in 0..<batch.rows {
            let alone = one.objective.evaluate(batch.row(row), in: pass)
            sum += alone.loss.sum
            #expect(
                Difference.absolute(alone.outputs[0].values, together.outputs[row].values) < 1e-5)
        }
        #expect(abs(sum - together.loss.sum) < 1e-5 * max(1, abs(sum)))
    }

    @Test func configurationsSayWhatTheHeadIs() throws {
        let text = try References.text("encoders/bert/config.json")
        #expect(try TaskPlan(.sequence, configuration: text) == nil)
        let plan = TaskPlan(.sequence, .multiLabel, labels: ["a", "b", "c"])
        let model = try ModelCatalog.model(configuration: text, for: .task(plan))
        let written = model.description.configuration
        #expect(try TaskPlan(.sequence, configuration: written) == plan)
        #expect(written.contains("BertForSequenceClassification"))
        #expect(written.contains("multi_label_classification"))
        #expect(try TaskPlan(.tokens, configuration: written) == nil)
        // As transformers takes a file that says nothing: two labels, or a number.
        let bare = #"{"architectures": ["BertForSequenceClassification"], "model_type": "bert""#
        #expect(
            try TaskPlan(.sequence, configuration: bare + "}")
                == TaskPlan(.sequence, labels: ["LABEL_0", "LABEL_1"]))
        #expect(
            try TaskPlan(.sequence, configuration: bare + #", "num_labels": 1}"#)?.problem
                == .regression)
        for wrong in [
            #", "id2label": {"1": "a"}}"#, #", "id2label": {"0": 3}}"#, #", "num_labels": 0}"#,
            #", "problem_type": "ranking"}"#,
        ] {
            #expect(throws: ModelError.self) {
                try TaskPlan(.sequence, configuration: bare + wrong)
            }
        }
        for type in ["gemma", "phi3"] {
            #expect(throws: ModelError.self) {
                try TaskPlan(.span).configuration(of: #"{"model_type": "\#(type)"}"#)
            }
        }
        #expect(throws: ModelError.self) {
            try TaskPlan(.tokens, labels: ["a", "b"]).configuration(of: #"{"model_type": "olmo2"}"#)
        }
        for type in ["chatglm", "Yi"] {
            #expect(throws: ModelError.self) {
                try plan.configuration(of: #"{"model_type": "\#(type)"}"#)
            }
        }
    }
}

import Autograd
import Kernels
import Models
import Objectives
import TestSupport
import Testing
import TextData
import Training

/// Models that learn vectors of texts against sentence-transformers' loss and PyTorch
/// (scripts/references/contrastive.py); rows are filled up behind their texts.
@Suite struct ContrastiveTests {
    static let folders = [
        "bert", "roberta", "modernbert", "llama", "distilbert", "mpnet", "albert",
    ]

    private struct Case {
        let run: TinyRun
        let objective: ContrastiveLearning
        let reference: ReferenceFile
        private let texts: Int

        init(_ folder: String, configuration changed: (String) -> String = { $0 }) throws {
            let configuration = try References.text("contrastive/\(folder)/config.json")
            run = try TinyRun(
                // Files of a body alone hold no head.
                configuration: changed(configuration).replacingOccurrences(
                    of: "\"tie_word_embeddings\": false", with: "\"tie_word_embeddings\": true"),
                weights: "contrastive/\(folder)/model.safetensors", purpose: .states)
            let (pooling, form): (TextPooling, ContrastForm) =
                switch folder {
                case "roberta": (.first, ContrastForm(scale: 10, isSymmetric: true))
                case "llama": (.last, ContrastForm(scale: 15, ownNegativeBias: 0.7))
                default: (.mean, ContrastForm(scale: 20))
                }
            objective = ContrastiveLearning(run.objective.model, pooling: pooling, form: form)
            reference = try ReferenceFile("contrastive/\(folder)/reference.safetensors")
            texts = ["roberta", "llama"].contains(folder) ? 3 : 2
        }

        /// The samples of the batch, or of a step of the run from 1.
        func examples(step: Int = 0) throws -> [ContrastiveExample] {
            let columns = try (0..<texts).map { text in
                let ids = try reference.integers("\(step).\(text).ids")
                let mask = try reference.integers("\(step).\(text).mask")
                let width = ids.count / 5
                return (0..<5).map { row in
                    let length = mask[row * width..<(row + 1) * width].count { $0 == 1 }
                    return LabeledExample(
                        ids: Array(ids[row * width..<row * width + length]), label: .none)
                }
            }
            return (0..<5).map { row in ContrastiveExample(columns.map { $0[row] }) }
        }

        /// The samples in micro-batches of so many, the last one filled up.
        func task(step: Int = 0, chunk: Int = 5) throws -> any StepTask {
            let examples = try examples(step: step)
            let batches = stride(from: 0, to: 5, by: chunk).map { first in
                let numbers = first..<first + chunk
                return ContrastiveBatch(
                    numbers.map { $0 < 5 ? examples[$0] : nil }, texts: texts,
                    sampleIDs: numbers.map { UInt64($0) })
            }
            return ObjectiveStep(objective, batches)
        }

        /// The mean loss and all gradients of the step, with what a seed drops.
        func gradients(
            chunk: Int, rowByRow: Bool = false, seed: UInt64 = 0,
            recomputing: Recomputing = .nothing
        ) throws -> (loss: Double, gradients: [String: [Float]], ready: [String]) {
            let task = try task(chunk: chunk)
            func pass(_ tape: Tape?, _ sampleIDs: [UInt64]) -> ForwardPass {
                ForwardPass(
                    workspace: run.workspace, computeType: .float32, tape: tape,
                    dropout: DropoutSource(seed: seed, sampleIDs: sampleIDs),
                    recomputing: tape == nil ? .nothing : recomputing)
            }
            run.store.clearGradients()
            let measures = task.measure(rowByRow: rowByRow) { pass(nil, $0) }
            var (sum, divisor, ready) = (0.0, 0.0, [String]())
            for number in 0..<task.microBatches {
                let rows = rowByRow ? (0..<task.rows(of: number)).map { Optional($0) } : [nil]
                for row in rows {
                    let part = StepPart(microBatch: number, row: row)
                    let pass = pass(Tape(), task.sampleIDs(of: part))
                    let outcome = task.loss(of: part, given: measures, in: pass)
                    sum += outcome.loss.sum
                    divisor += outcome.divisor
                    pass.backward(from: outcome.loss) { ready.append($0.name) }
                }
            }
            #expect(divisor == 5)
            let found = run.objective.model.parameters.map { parameter in
                let numbers = parameter.gradient.map {
                    run.workspace.numbers($0, count: parameter.count)
                }
                return (parameter.name, (numbers ?? []).map { $0 / Float(divisor) })
            }
            return (sum / divisor, Dictionary(uniqueKeysWithValues: found), ready)
        }
    }

    // Losses and gradients of vectors of a layer or two: some hundred float32 roundings, times a scale of 20.
    @Test(arguments: folders, [1, 2, 5])
    func lossAndEveryGradientEqualThePeers(folder: String, chunk: Int) throws {
        let one = try Case(folder)
        let recomputing: Recomputing = chunk == 2 ? .blocks : .nothing
        let (loss, gradients, ready) = try one.gradients(chunk: chunk, recomputing: recomputing)
        let wanted = Double(try one.reference.floats("loss")[0])
        #expect(abs(loss - wanted) < 1e-5 * wanted)
        for (name, gradient) in gradients {
            // The file is of a body alone.
            let inFile = [name, String(name.drop { $0 != "." }.dropFirst())].first {
                one.reference.has("grad." + $0)
            }
            let expected = try one.reference.floats("grad." + #require(inFile, "\(name)"))
            // A key's bias adds the same to all scores of a query: rounding alone.
            if expected.allSatisfy({ abs($0) < 1e-5 }) {
                #expect(Difference.absolute(gradient, expected) < 2e-5, "\(name)")
            } else {
                #expect(Difference.relative(gradient, expected) < 1e-4, "\(name)")
            }
            #expect(ready.contains(name))
        }
        let names = one.reference.names.filter { $0.hasPrefix("grad.") }
        #expect(gradients.count == names.count)
    }

    // Rounding of 6e-8 a step, larger where Adam divides by a small √v: thirty steps stay below 1e-3.
    @Test(arguments: folders, [5, 3])
    func thirtyAdamWStepsFollowPyTorch(folder: String, chunk: Int) throws {
        let one = try Case(folder)
        let losses = try one.reference.floats("steps.losses").map(Double.init)
        for step in 0..<30 {
            let outcome = try one.run.loop.step(
                try one.task(step: step + 1, chunk: chunk), number: step + 1, learningRate: 1e-3)
            #expect(outcome.targets == 5)
            #expect(
                abs(outcome.loss - losses[step]) < 1e-3 * losses[step],
                "step \(step): \(outcome.loss) but PyTorch \(losses[step])")
        }
    }

    /// Dropout on, as in BERT's own configuration.
    private func dropping(_ text: String) -> String {
        text.replacingOccurrences(of: "dropout_prob\": 0.0", with: "dropout_prob\": 0.2")
    }

    // The gradient is that of the loss which all micro-batches share, whatever is dropped: sums in another
    // order alone differ.
    @Test(arguments: [1, 2, 3])
    func chunksChangeNothingWithDropout(chunk: Int) throws {
        let one = try Case("bert", configuration: dropping)
        let whole = try one.gradients(chunk: 5, seed: 7)
        let other = try one.gradients(chunk: 5, seed: 8)
        #expect(abs(whole.loss - other.loss) > 1e-3)
        for rowByRow in [false, true] {
            let parts = try one.gradients(chunk: chunk, rowByRow: rowByRow, seed: 7)
            #expect(abs(parts.loss - whole.loss) < 2e-6 * whole.loss)
            for (name, gradient) in whole.gradients where !name.hasSuffix("key.bias") {
                let found = try #require(parts.gradients[name])
                #expect(Difference.relative(found, gradient) < 2e-5, "\(name)")
            }
        }
    }

    // SimCSE: a text and itself differ by what is dropped.
    @Test func twoViewsOfATextDifferByDropoutAlone() throws {
        let one = try Case("bert", configuration: dropping)
        let examples = try one.examples().map {
            ContrastiveExample([$0.texts[0], $0.texts[0]])
        }
        let batch = ContrastiveBatch(examples, texts: 2, sampleIDs: [3, 4, 5, 6, 7])
        func views(seed: UInt64?) throws -> [[Float]] {
            let measures = one.objective.measure([batch]) { ids in
                ForwardPass(
                    workspace: one.run.workspace, computeType: .float32,
                    dropout: seed.map { DropoutSource(seed: $0, sampleIDs: ids) })
            }
            let table = try #require(measures.table)
            #expect(table.samples == [3, 4, 5, 6, 7])
            return (0..<5).flatMap { row in
                [0, 12].map { Array(table.row(row).dropFirst($0).prefix(12)) }
            }
        }
        let dropped = try views(seed: 1)
        #expect(Set(dropped).count == 10)
        let kept = try views(seed: nil)
        #expect(kept[0] == kept[1] && kept[8] == kept[9])
    }

    // A rank that has only rows which fill up has no samples, and adds nothing.
    @Test func fillersAreNoCandidates() throws {
        let one = try Case("bert")
        let filled = ContrastiveBatch(
            try one.examples().map { $0 } + [nil, nil], texts: 2,
            sampleIDs: (0..<7).map { UInt64($0) })
        let pass = ForwardPass(workspace: one.run.workspace, computeType: .float32)
        let outcome = one.objective.evaluate(filled, in: pass)
        let wanted = Double(try one.reference.floats("loss")[0])
        #expect(abs(outcome.loss.sum / 5 - wanted) < 1e-5 * wanted)
        #expect(outcome.divisor == 5)
        #expect(outcome.outputs.map(\.number) == [0, 1, 2, 3, 4])
        let none = ContrastiveBatch([nil, nil], texts: 2, sampleIDs: [8, 9])
        let measures = one.objective.measure([none]) { _ in pass }
        #expect(measures.table?.samples == [])
    }

    // Of equal samples each finds the other's positive as its own, so their losses are those of one.
    @Test func equalTextsAreNoNegatives() throws {
        let one = try Case("bert")
        let examples = try one.examples()
        let pass = ForwardPass(workspace: one.run.workspace, computeType: .float32)
        func losses(_ examples: [ContrastiveExample], masks: Bool) -> Double {
            let objective = ContrastiveLearning(
                one.run.objective.model, pooling: .mean, form: one.objective.form,
                masksDuplicates: masks)
            let batch = ContrastiveBatch(
                examples, texts: 2, sampleIDs: examples.indices.map { UInt64($0) })
            return objective.evaluate(batch, in: pass).loss.sum
        }
        let whole = losses(examples, masks: false)
        #expect(losses(examples, masks: true) == whole)
        let double = examples + [examples[1]]
        let alone = losses([examples[1]] + examples.dropFirst(2) + [examples[0]], masks: true)
        #expect(abs(alone - whole) < 1e-5 * whole)
        #expect(losses(double, masks: false) > losses(double, masks: true) + 0.1)
    }

    @Test func aTableIsInTheOrderOfItsSamples() {
        let table = SampleTable(width: 2, [(7, [1, 2]), (3, [3, 4]), (1 << 30, [5, 6])]) {
            $0 > 0
        }
        #expect(table.samples == [3, 7, 1 << 30])
        #expect(table.numbers == [3, 4, 1, 2, 5, 6])
        #expect(table.own == [0, 2])
    }
}

import Autograd
import Foundation
import Kernels
import Masking
import Models
import Objectives
import TestSupport
import Testing
import TextData
import Training

/// BERT's and ELECTRA's pretraining against transformers' losses, gradients and steps
/// (scripts/references/pretraining_heads.py), where ids from 15 on are hidden by id 4.
@Suite struct PretrainingHeadTests {
    private static let folders = ["pairs", "electra"]

    private struct Case {
        let run: TinyRun
        let reference: ReferenceFile
        private let pairs: MaskedTextPairs?
        private let replaced: ReplacedTokenDetection?

        init(_ folder: String) throws {
            run = try TinyRun(
                configuration: try References.text("pretraining_heads/\(folder)/config.json"),
                weights: "pretraining_heads/\(folder)/model.safetensors",
                purpose: folder == "pairs"
                    ? .followingTexts : .replacedTokens(GeneratorSize(share: 0.5)))
            reference = try ReferenceFile("pretraining_heads/\(folder)/reference.safetensors")
            var masking = TokenMasking(
                mask: 4, special: Set(0..<15), vocabulary: 23, seed: 20_261_129)
            (masking.probability, masking.masked, masking.random) = (1, 1, 0)
            let model = run.objective.model
            let masked = MaskedLanguageModeling(model, masking: masking)
            if folder == "pairs" {
                (pairs, replaced) = (MaskedTextPairs(model, masked: masked), nil)
            } else {
                pairs = nil
                replaced = ReplacedTokenDetection(
                    model, masked: masked, weight: 50, seed: 20_261_129)
            }
        }

        /// The first batch, or that of a step of the run.
        func task(step: Int? = nil) throws -> any StepTask {
            func part(_ name: String) throws -> [Int32] {
                guard let step else { return try reference.integers(name) }
                let all = try reference.integers("steps." + name)
                let count = all.count / 30
                return Array(all[step * count..<(step + 1) * count])
            }
            let ids = try part("input_ids")
            let columns = ids.count / 4
            if let replaced {
                return ObjectiveStep(
                    replaced, [TokenBatch(rows: 4, columns: columns, ids: ids, targets: ids)])
            }
            let (mask, types, labels) = try (part("mask"), part("token_types"), part("labels"))
            let examples = (0..<4).map { row in
                let length = mask[row * columns..<(row + 1) * columns].count { $0 == 1 }
                let places = row * columns..<row * columns + length
                return LabeledExample(
                    ids: Array(ids[places]), types: Array(types[places]), label: .one(labels[row]))
            }
            guard let pairs else { preconditionFailure("no objective") }
            return ObjectiveStep(
                pairs, [LabeledBatch(examples, sampleIDs: [0, 1, 2, 3])])
        }
    }

    @Test(arguments: folders, [false, true])
    func lossAndEveryGradientEqualTransformers(folder: String, recomputes: Bool) throws {
        let one = try Case(folder)
        let workspace = one.run.workspace
        let pass = ForwardPass(
            workspace: workspace, computeType: .float32, tape: Tape(),
            recomputing: recomputes ? .blocks : .nothing)
        let task = try one.task()
        let outcome = task.loss(
            of: StepPart(microBatch: 0), given: task.measure(rowByRow: false, in: { _ in pass }),
            in: pass)
        let wanted = Double(try one.reference.floats("loss")[0])
        #expect(abs(outcome.loss.sum / outcome.divisor - wanted) < 1e-5 * wanted)
        // The figures are the parts of the loss.
        let means = outcome.figures.means.map(\.value)
        #expect(abs(means[0] + (folder == "pairs" ? 1 : 50) * means[1] - wanted) < 1e-5 * wanted)
        var ready: [String] = []
        pass.backward(from: outcome.loss) { ready.append($0.name) }
        let parameters = one.run.objective.model.parameters
        for parameter in parameters {
            let gradient = try #require(parameter.gradient)
            let found = workspace.numbers(gradient, count: parameter.count)
                .map { $0 / Float(outcome.divisor) }
            let wanted = try one.reference.floats("grad." + parameter.name)
            // As in TaskHeadReferenceTests; ELECTRA's second loss counts fifty times.
            if parameter.name.hasSuffix("key.bias") {
                #expect(Difference.absolute(found, wanted) < 2e-5, "\(parameter.name)")
            } else {
                #expect(Difference.relative(found, wanted) < 1e-4, "\(parameter.name)")
            }
        }
        #expect(ready.sorted() == parameters.map(\.name).sorted())
    }

    // Rounding of 6e-8 a step, larger where Adam divides by a small √v: thirty steps stay below 1e-3, unless
    // a rounding makes the generator draw another token.
    @Test(arguments: folders)
    func thirtyAdamWStepsFollowPyTorch(folder: String) throws {
        let one = try Case(folder)
        let losses = try one.reference.floats("steps.losses").map(Double.init)
        for step in 0..<30 {
            let outcome = try one.run.loop.step(
                try one.task(step: step), number: step + 1, learningRate: 1e-3)
            #expect(
                abs(outcome.loss - losses[step]) < 1e-3 * losses[step],
                "step \(step): \(outcome.loss) but PyTorch \(losses[step])")
        }
    }

    @Test func bothOfElectrasModelsAreWrittenWithTheSharedEmbeddings() throws {
        let model = try Case("electra").run.objective.model
        let parts = model.parts
        #expect(parts.map(\.folder) == ["", "generator"])
        #expect(parts[0].configuration.contains("ElectraForPreTraining"))
        #expect(parts[1].configuration.contains("ElectraForMaskedLM"))
        let words = "electra.embeddings.word_embeddings.weight"
        let tables = parts.map { part in part.arrays.first { $0.name == words }?.parameter }
        #expect(tables[0] != nil && tables[0] === tables[1])
        // A generator by itself has just these parameters.
        let alone = try ModelCatalog.model(configuration: parts[1].configuration)
        #expect(
            parts[1].arrays.map(\.name).sorted() == alone.parameters.map(\.name).sorted())
        for (name, parameter) in parts[1].arrays {
            #expect(
                alone.parameters.first { $0.name == name }?.shape.extents
                    == parameter.shape.extents, "\(name)")
        }
        #expect(!parts[0].arrays.contains { $0.name.contains("generator") })
    }

    @Test func otherModelsHaveNotTheseHeads() throws {
        for (type, purpose) in [
            ("roberta", ModelPurpose.followingTexts), ("electra", .followingTexts),
            ("bert", .replacedTokens(GeneratorSize(share: 0.25))),
        ] {
            let text = try References.text("pretraining_heads/pairs/config.json")
                .replacingOccurrences(of: "\"bert\"", with: "\"\(type)\"")
            #expect(throws: ModelError.self) {
                try ModelCatalog.model(configuration: text, for: purpose)
            }
        }
    }

    @Test func theGeneratorDrawsAsOftenAsItsLogitsSay() throws {
        let run = try Case("electra").run
        let model = try #require(run.objective.model as? ReplacedTokenModel)
        let pass = ForwardPass(workspace: run.workspace, computeType: .float32)
        let input = TokenInput(ids: [5, 4, 7, 8], batch: 1)
        let hidden = model.generator.hiddenStates(input, in: pass)
        let rows = [Int32](repeating: 1, count: 6000)
        var draws = Draws(seed: 1, sample: 2)
        let drawn = model.generator.languageHead.drawn(hidden, rows: rows, in: pass) {
            draws.uniform()
        }
        let targets: [Int32] = (0..<23).map { $0 }
        for token in targets {
            let p = exp(
                Double(
                    model.generator.languageHead.logProbabilities(
                        hidden, targets: [-1, token, -1, -1], in: pass)[1]))
            let count = Double(drawn.count { $0 == token })
            // A binomial's deviation, four of them for 23 counts.
            #expect(abs(count - 6000 * p) < 4 * (6000 * p * (1 - p)).squareRoot() + 1)
        }
    }
}

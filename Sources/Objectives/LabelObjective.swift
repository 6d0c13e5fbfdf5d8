package import Autograd
package import Models
package import TextData

/// Labels of texts or of their tokens: `stage: cls`.
package final class LabelObjective: Objective {
    package let model: any LanguageModel
    package let head: TaskHead

    /// - Parameter model: with a task's head.
    package init(_ model: any LanguageModel) {
        guard let head = model.taskHead else {
            preconditionFailure("labels: a \(model.description.type) model without a task's head")
        }
        self.model = model
        self.head = head
    }

    package var keepsRows: Bool { true }

    package func loss(
        _ batch: LabeledBatch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        ObjectiveLoss(loss(batch, of: features(batch, pass), pass))
    }

    package func evaluate(_ batch: LabeledBatch, in pass: ForwardPass) -> ObjectiveLoss {
        let features = features(batch, pass)
        let scores = head.scores(features, in: pass)
        var loss = ObjectiveLoss(loss(batch, of: features, pass))
        let width = head.plan.outputs
        for row in 0..<batch.rows where batch.sampleIDs[row] != TokenBatch.fillerID {
            let values: [Float]
            if head.plan.kind == .span {
                values = [0, 1].flatMap { place in
                    (0..<batch.lengths[row]).map {
                        scores[(row * batch.columns + $0) * width + place]
                    }
                }
            } else if case .each(let targets) = batch.labels[row] {
                values = targets.indices.filter { targets[$0] != TokenBatch.ignoredTarget }
                    .map { token in
                        let first = (row * batch.columns + token) * width
                        return Float(Self.likeliest(scores[first..<first + width]))
                    }
            } else {
                values = Array(scores[row * width..<(row + 1) * width])
            }
            loss.outputs.append(HeldOutRow(number: Int(batch.sampleIDs[row]), values: values))
        }
        return loss
    }

    /// The number of the greatest score, the first of equals.
    package static func likeliest(_ scores: some Collection<Float>) -> Int {
        var (best, place) = (-Float.infinity, 0)
        for (number, score) in scores.enumerated() where score > best {
            (best, place) = (score, number)
        }
        return place
    }

    private func features(_ batch: LabeledBatch, _ pass: ForwardPass) -> Tensor {
        return head.features(
            model.hiddenStates(batch.input(for: model.description), in: pass), ids: batch.ids,
            lengths: batch.lengths, in: pass)
    }

    private func loss(
        _ batch: LabeledBatch, of features: Tensor, _ pass: ForwardPass
    ) -> Loss {
        func numbers(_ label: ExampleLabel) -> [Float]? {
            if case .numbers(let numbers) = label { numbers } else { nil }
        }
        switch (head.plan.kind, head.plan.problem) {
        case (.sequence, .singleLabel):
            let targets = batch.labels.map { label in
                if case .one(let label) = label { label } else { TokenBatch.ignoredTarget }
            }
            return head.loss(features, LabelLoss(targets: targets), in: pass)
        case (.sequence, .multiLabel):
            return head.loss(
                features, LabelsLoss(targets: batch.labels.map(numbers)), in: pass)
        case (.sequence, .regression):
            return head.loss(
                features, SquaredLoss(targets: batch.labels.map(numbers)), in: pass)
        case (.span, _):
            let spans = batch.labels.map { label -> (start: Int32, end: Int32)? in
                if case .span(let start, let end) = label { (start, end) } else { nil }
            }
            return head.loss(
                features,
                SpanLoss(spans: spans, lengths: batch.lengths, columns: batch.columns), in: pass)
        case (.tokens, _):
            let targets = batch.labels.flatMap { label in
                var row = [Int32](repeating: TokenBatch.ignoredTarget, count: batch.columns)
                if case .each(let labels) = label {
                    row.replaceSubrange(0..<labels.count, with: labels)
                }
                return row
            }
            return head.loss(features, LabelLoss(targets: targets), in: pass)
        }
    }

    package func operationsPerToken(length: Int) -> Double {
        model.operationsPerToken(length: length, headShare: 0)
    }

    package func randomBatch(rows: Int, columns: Int, seed: UInt64) -> LabeledBatch {
        let tokens = TokenBatch(
            rows: rows, columns: columns, randomBelow: model.description.vocabularySize,
            seed: seed)
        return LabeledBatch(
            (0..<rows).map { row in
                LabeledExample(
                    ids: Array(tokens.ids[row * columns..<(row + 1) * columns]),
                    label: head.plan.kind == .span
                        ? .span(start: 0, end: Int32(columns - 1))
                        : head.plan.kind == .sequence
                            ? head.plan.problem == .singleLabel
                                ? .one(Int32(row % head.plan.outputs))
                                : .numbers(Array(repeating: 1, count: head.plan.outputs))
                            : .each(
                                (0..<columns).map { Int32(($0 + row) % head.plan.outputs) }))
            }, sampleIDs: tokens.sampleIDs)
    }
}

extension LabeledBatch: StepBatch {}

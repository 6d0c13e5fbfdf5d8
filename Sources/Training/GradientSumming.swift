import Autograd
import Configuration
import Distributed
import Foundation
import Kernels
import Models
import Optimizers

/// How a run's gradients are summed over ranks, as its configuration and its machines have it.
struct GradientSumming {
    let settings: GradientReducer.Settings
    /// Embeddings whose lookups are summed row by row.
    let tables: [LookupTable]
    /// A line for the user; `nil` on one rank.
    let note: String?

    /// Decides, by a measurement where the configuration leaves it open. Collective.
    init(
        _ configuration: RunConfiguration, _ model: any LanguageModel,
        for rule: any OptimizerRule, over communicator: any Communicator, in workspace: Workspace
    ) throws(TrainingError) {
        let compute = configuration.compute
        var settings = GradientReducer.Settings(
            bucketBytes: Int(compute.bucketMB * 1_048_576), overlaps: false,
            divides: (compute.zeroStage ?? 0) > 0,
            order: compute.deterministic ? .tree : .fastest,
            wire: compute.wirePrecision == .bf16 ? .bfloat16 : .float32)
        settings.ownsWholeParameters = rule.needsWholeParameters
        guard communicator.size > 1, configuration.method.doTrain else {
            (self.settings, tables, note) = (settings, [], nil)
            return
        }
        var reason = ""
        if compute.deterministic {
            reason = " (deterministic adds up whole samples)"
        } else if compute.measuresOverlap {
            let probe = try Self.probe(configuration, settings, over: communicator, in: workspace)
            settings.overlaps = probe.pays
            reason = String(
                format: ": products and a sum took %.1f ms at once, %.1f ms one after the other",
                probe.secondsTogether * 1e3, probe.secondsApart * 1e3)
        } else {
            settings.overlaps = compute.overlapCommunication
            reason = " (overlap_communication)"
        }
        if compute.zeroStage == nil {
            // Nothing that is measured may decide this: it changes the order of sums.
            settings.divides =
                rule.multipliesMatrices
                || communicator.localSize == communicator.size && !compute.deterministic
                    && settings.wire == .float32
        } else if !settings.divides, rule.multipliesMatrices,
            communicator.localSize < communicator.size
        {
            throw .user(
                "zero_stage is 0 on several hosts, but optim: \(rule.name) multiplies matrices, which "
                    + "unlike processors round differently; leave zero_stage out or set it to 1")
        }
        self.settings = settings
        tables = compute.deterministic ? [] : Self.tables(configuration, model, communicator.size)
        note =
            "gradients are summed "
            + (settings.overlaps ? "while backward goes on" : "after backward")
            + reason + (settings.wire == .bfloat16 ? "; they travel as bfloat16" : "")
            + (settings.divides ? "; each rank updates its share (zero_stage 1)" : "")
    }

    private static func probe(
        _ configuration: RunConfiguration, _ settings: GradientReducer.Settings,
        over communicator: any Communicator, in workspace: Workspace
    ) throws(TrainingError) -> OverlapProbe {
        let type = configuration.computeType == .float16 ? .float32 : configuration.computeType
        let (rows, columns) = (256 * workspace.threads.threads, 512)
        let a = workspace.zeros(rows * columns, type)
        let b = workspace.zeros(columns * columns, type)
        let c = workspace.zeros(rows * columns, type)
        let product = MatrixProduct(
            rows: rows, columns: columns, inner: columns, transposeB: true)
        do {
            return try OverlapProbe.run(
                on: communicator, mostBytes: min(settings.bucketBytes, 1 << 24),
                wire: settings.wire
            ) { workspace.matrices.multiply(product, a, b, into: c) }
        } catch {
            throw .communication(error)
        }
    }

    /// Trainable tables of which all ranks' samples of a step name few rows.
    ///
    /// The gradient of lookups is complete last of all; row by row it is short, so that nothing
    /// long is left to sum when backward ends. Tied logits' part is complete first.
    private static func tables(
        _ configuration: RunConfiguration, _ model: any LanguageModel, _ ranks: Int
    ) -> [LookupTable] {
        let train = configuration.train
        let tokens =
            train.perDeviceTrainBatchSize * train.gradientAccumulationSteps
            * configuration.data.cutoffLen
        return model.registry.embeddings.map(\.embedding.weight).filter { table in
            table.isTrainable && tokens * ranks <= table.shape.extents[0] / Self.leastSaving
        }.map {
            LookupTable(
                $0, hasDensePart: $0 === model.head,
                mostRows: min(tokens, $0.shape.extents[0]))
        }
    }

    /// How many times fewer rows than the table has must be named, so that passing them on and
    /// adding them, every rank's on every rank, is a small part of summing the table.
    private static let leastSaving = 4
}

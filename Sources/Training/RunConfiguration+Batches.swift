package import Configuration
package import TextData

/// How samples become steps, as the configuration has it.
extension RunConfiguration {
    /// How the global batch is divided among ranks and micro-batches.
    ///
    /// - Parameter shares: of ranks, where they are not equal.
    package func partition(
        rank: Int, ranks: Int, shares: StepShares? = nil
    ) -> BatchPartition {
        BatchPartition(
            rank: rank, ranks: ranks, samplesPerMicroBatch: train.perDeviceTrainBatchSize,
            microBatches: train.gradientAccumulationSteps, shares: shares)
    }

    /// The plan of a run over so many training samples; none where it only evaluates.
    ///
    /// - Throws: where `dataloader_drop_last` leaves no sample: fewer than all ranks have in a micro-batch.
    func plan(samples: Int, ranks: Int) throws(TrainingError) -> TrainingPlan {
        let batch = train.perDeviceTrainBatchSize * ranks
        guard !data.dropLast || samples == 0 || samples >= batch else {
            let onRanks = ranks == 1 ? "" : " on each of \(ranks) ranks"
            throw .user(
                "dataloader_drop_last: true leaves no sample: the data have \(samples), a micro-batch takes "
                    + "\(batch) (per_device_train_batch_size \(train.perDeviceTrainBatchSize)\(onRanks)); "
                    + "lower that, or leave dataloader_drop_last out")
        }
        return TrainingPlan(samples: max(1, samples), ranks: ranks, configuration: self)
    }

    /// Which samples a step takes.
    ///
    /// - Parameter groups: whether samples of similar length may be grouped, where that is asked for.
    func order(
        of source: any SampleSource, ranks: Int, groups: Bool = true
    ) -> TrainingSamples {
        TrainingSamples(
            source, seed: UInt64(train.dataSeed), shuffled: !data.disableShuffling,
            globalBatch: train.globalBatch(ranks: ranks),
            leftOut: samplesLeftOut(of: source.count, ranks: ranks),
            grouped: groups && data.groupsByLength)
    }
}

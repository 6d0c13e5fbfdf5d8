import CheckpointSupport
import Checkpoints
import Testing

/// Numbers of a checkpoint that no run has: each is named, and nothing is computed with it.
@Suite struct ImpossibleNumberTests {
    /// What reading a checkpoint says whose data position or scaler is another.
    private func message(
        data: DataPosition = Sample.data,
        scaler: ScalerState = ScalerState(
            scale: 65536, goodSteps: 12, hysteresis: 2, skippedSteps: 1),
        optimizerSteps: Int = 7
    ) throws -> String? {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            let whole = Sample.state(step: 8)
            let metadata = whole.metadata
            let state = TrainingState(
                metadata: CheckpointMetadata(
                    step: 8, configuration: metadata.configuration,
                    modelConfiguration: metadata.modelConfiguration, tokenizer: [:], data: data,
                    scaler: scaler, random: metadata.random, history: metadata.history,
                    optimizer: metadata.optimizer, optimizerSteps: optimizerSteps),
                model: whole.model, firstMoment: whole.firstMoment,
                secondMoment: whole.secondMoment)
            try store.write(state)
            return thrown { _ = try store.read(step: 8) }?.description
                .replacing(store.path(step: 8), with: "FILE")
        }
    }

    private static func position(
        samples: Int64 = 960, tokens: Int64 = 61_440, epoch: Double = 0.3, length: Int64 = 64,
        all: Int64 = 1_000_000
    ) -> DataPosition {
        DataPosition(
            samplesConsumed: samples, tokensSeen: tokens, seed: 3, epoch: epoch,
            sampleTokens: length, datasetTokens: all)
    }

    @Test func theNumbersOfARunAreRead() throws {
        #expect(try message() == nil)
        #expect(try message(data: Self.position(samples: 0, tokens: 0, epoch: 0)) == nil)
    }

    @Test(arguments: [
        (position(samples: -1), "samples_consumed", "-1"),
        (position(samples: .max), "samples_consumed", "9223372036854775807"),
        (position(tokens: -5), "tokens_seen", "-5"),
        (position(length: .min), "sample_tokens", "-9223372036854775808"),
        (position(all: 1 << 60), "dataset_tokens", "1152921504606846976"),
        (position(epoch: -0.5), "epoch", "-0.5"), (position(epoch: .nan), "epoch", "nan"),
        (position(epoch: .infinity), "epoch", "inf"),
    ])
    func aPositionThatNoRunHasIsNamed(data: DataPosition, name: String, found: String) throws {
        let message = try message(data: data)
        #expect(
            message?.contains(
                "FILE cannot be read: attribute \(name) of /data is \(found), "
                    + "expected a number from 0") == true, "\(message ?? "")")
    }

    @Test(arguments: [
        (ScalerState(scale: 0, goodSteps: 0, hysteresis: 1, skippedSteps: 0), "scale"),
        (ScalerState(scale: -2, goodSteps: 0, hysteresis: 1, skippedSteps: 0), "scale"),
        (ScalerState(scale: .nan, goodSteps: 0, hysteresis: 1, skippedSteps: 0), "scale"),
        (ScalerState(scale: .infinity, goodSteps: 0, hysteresis: 1, skippedSteps: 0), "scale"),
        (ScalerState(scale: 1, goodSteps: -1, hysteresis: 1, skippedSteps: 0), "good_steps"),
        (ScalerState(scale: 1, goodSteps: 0, hysteresis: .min, skippedSteps: 0), "hysteresis"),
        (ScalerState(scale: 1, goodSteps: 0, hysteresis: 1, skippedSteps: .max), "skipped_steps"),
    ])
    func aScalerThatNoRunHasIsNamed(scaler: ScalerState, name: String) throws {
        let message = try message(scaler: scaler)
        #expect(
            message?.contains("attribute \(name) of /scaler is ") == true, "\(message ?? "")")
    }

    @Test func stepsThatNoOptimizerHasMadeAreNamed() throws {
        let message = try message(optimizerSteps: -1)
        #expect(message?.contains("attribute optimizer_steps of /meta is -1") == true)
    }
}

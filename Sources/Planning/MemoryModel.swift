/// The memory of one rank, in bytes.
package struct MemoryPrediction: Equatable, Sendable, Codable {
    /// float32 masters of what is trained, and the weights that stay as they are.
    package var parameters = 0
    /// Copies in the compute type.
    package var copies = 0
    package var gradients = 0
    package var optimizer = 0
    /// Activations of a micro-batch and room for products, as measured.
    package var activations = 0
    /// Keys and values of the texts that the model writes before it learns from them.
    package var rollout = 0
    /// The program, its libraries, and room for messages.
    package var program = 0
    /// What rank 0 needs beyond all that while it saves a checkpoint.
    package var checkpoint = 0

    package init() {}

    /// Of a rank while it trains.
    package var total: Int {
        parameters + copies + gradients + optimizer + activations + rollout + program
    }
}

/// What a rank holds, as numbers of elements and measured bytes.
package struct MemoryWork: Equatable, Sendable, Codable {
    /// Elements of the flat arrays.
    package var trainable: Int
    /// Bytes of an element's copy in the compute type; 0 where float32 serves.
    package var copyBytes: Int
    /// Numbers that the optimizer keeps for each trained one: two of AdamW.
    package var moments: Double
    /// Bytes of weights that stay as they are.
    package var frozenBytes: Int
    package var activationBytes: Int
    package var programBytes: Int
    /// Elements that have gradients at a time, where not all of them have.
    package var gradients: Int?

    package init(
        trainable: Int, copyBytes: Int, moments: Double, frozenBytes: Int, activationBytes: Int,
        programBytes: Int
    ) {
        self.trainable = trainable
        self.copyBytes = copyBytes
        self.moments = moments
        self.frozenBytes = frozenBytes
        self.activationBytes = activationBytes
        self.programBytes = programBytes
    }

    /// Room that MPI and the exchange of pieces take on each of several ranks.
    static let messageBytes = 48 << 20

    /// Of one of `ranks` ranks. zero_stage 1 divides the optimizer's moments;
    /// masters, copies and gradients are counted whole on every rank.
    ///
    /// - Parameter rollout: bytes of what the model writes before it learns from it.
    package func predict(ranks: Int, divides: Bool, rollout: Int = 0) -> MemoryPrediction {
        var memory = MemoryPrediction()
        memory.rollout = rollout
        memory.parameters = trainable * 4 + frozenBytes
        memory.copies = trainable * copyBytes
        memory.gradients = (gradients ?? trainable) * 4
        let share = divides ? (trainable + ranks - 1) / ranks : trainable
        memory.optimizer = Int(Double(share * 4) * moments)
        memory.activations = activationBytes
        memory.program = programBytes + (ranks > 1 ? Self.messageBytes : 0)
        // Masters and moments as they are at that step.
        memory.checkpoint = Int(Double(trainable * 4) * (1 + moments))
        return memory
    }
}

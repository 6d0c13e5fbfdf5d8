/// A named float32 array in host memory, row-major.
package struct NamedArray: Sendable, Equatable {
    /// The Hugging Face name, e.g. `model.layers.3.self_attn.q_proj.weight`.
    package var name: String
    /// Extents, outermost first; empty for a scalar.
    package var shape: [Int]
    /// As many as the product of `shape`.
    package var values: [Float]

    package init(name: String, shape: [Int], values: [Float]) {
        self.name = name
        self.shape = shape
        self.values = values
    }
}

/// How far a run has read its data.
package struct DataPosition: Sendable, Equatable {
    /// Samples all ranks together have consumed since the start.
    package var samplesConsumed: Int64
    /// Tokens all ranks together have seen.
    package var tokensSeen: Int64
    /// What the order of samples is drawn from.
    package var seed: UInt64
    /// Passes over the data so far.
    package var epoch: Double
    /// Tokens of one sample.
    package var sampleTokens: Int64
    /// Tokens of the data set, to notice that it has changed.
    package var datasetTokens: Int64

    package init(
        samplesConsumed: Int64, tokensSeen: Int64, seed: UInt64, epoch: Double,
        sampleTokens: Int64, datasetTokens: Int64
    ) {
        self.samplesConsumed = samplesConsumed
        self.tokensSeen = tokensSeen
        self.seed = seed
        self.epoch = epoch
        self.sampleTokens = sampleTokens
        self.datasetTokens = datasetTokens
    }
}

/// Dynamic loss scaling of fp16 runs.
package struct ScalerState: Sendable, Equatable {
    package var scale: Double
    /// Steps without overflow since the scale last changed.
    package var goodSteps: Int
    /// Overflows still tolerated before the scale is halved.
    package var hysteresis: Int
    /// Steps skipped since the start.
    package var skippedSteps: Int

    package init(scale: Double, goodSteps: Int, hysteresis: Int, skippedSteps: Int) {
        self.scale = scale
        self.goodSteps = goodSteps
        self.hysteresis = hysteresis
        self.skippedSteps = skippedSteps
    }
}

/// What random numbers are drawn from; they are functions of seed, stream and index, so this is
/// all.
package struct RandomState: Sendable, Equatable {
    package var seed: UInt64

    package init(seed: UInt64) {
        self.seed = seed
    }
}

/// Everything a checkpoint holds besides its arrays.
package struct CheckpointMetadata: Sendable, Equatable {
    /// Optimizer steps the run has taken, skipped ones included.
    package var step: Int
    /// The resolved run configuration, YAML.
    package var configuration: String
    /// The model's config.json.
    package var modelConfiguration: String
    /// File name to text, e.g. `tokenizer.json`.
    package var tokenizer: [String: String]
    package var data: DataPosition
    /// `nil` without loss scaling.
    package var scaler: ScalerState?
    package var random: RandomState
    /// JSON: best metric, log history and the like.
    package var history: String
    /// The optimizer's name.
    package var optimizer: String
    /// Updates the optimizer has applied, skipped steps not counted.
    package var optimizerSteps: Int

    package init(
        step: Int, configuration: String, modelConfiguration: String,
        tokenizer: [String: String], data: DataPosition, scaler: ScalerState?,
        random: RandomState, history: String, optimizer: String, optimizerSteps: Int
    ) {
        self.step = step
        self.configuration = configuration
        self.modelConfiguration = modelConfiguration
        self.tokenizer = tokenizer
        self.data = data
        self.scaler = scaler
        self.random = random
        self.history = history
        self.optimizer = optimizer
        self.optimizerSteps = optimizerSteps
    }
}

/// A run at the end of a step: everything needed to go on as if it had never stopped.
package struct TrainingState: Sendable, Equatable {
    package var metadata: CheckpointMetadata
    package var model: [NamedArray]
    /// What the optimizer keeps, by the name of its arrays; those without any are not there.
    package private(set) var optimizer: [String: [NamedArray]] = [:]

    package init(
        metadata: CheckpointMetadata, model: [NamedArray], firstMoment: [NamedArray] = [],
        secondMoment: [NamedArray] = []
    ) {
        self.metadata = metadata
        self.model = model
        self[.firstMoment] = firstMoment
        self[.secondMoment] = secondMoment
    }

    package var firstMoment: [NamedArray] { self[.firstMoment] }
    package var secondMoment: [NamedArray] { self[.secondMoment] }

    /// The groups that hold arrays: those of every file, then what else the optimizer keeps.
    var groups: [CheckpointGroup] {
        let all = CheckpointGroup.standard
        return all
            + optimizer.keys.sorted().map(CheckpointGroup.optimizer).filter {
                !all.contains($0)
            }
    }

    package var step: Int { metadata.step }

    /// The arrays of one group.
    package subscript(group: CheckpointGroup) -> [NamedArray] {
        get {
            guard let name = group.optimizerArray else { return model }
            return optimizer[name] ?? []
        }
        set {
            guard let name = group.optimizerArray else {
                model = newValue
                return
            }
            optimizer[name] = newValue.isEmpty ? nil : newValue
        }
    }
}

/// A group of a checkpoint that holds arrays.
package struct CheckpointGroup: Hashable, Sendable {
    /// Its path in the file.
    package let rawValue: String

    package static let model = CheckpointGroup(rawValue: "/model")
    package static let firstMoment = optimizer("first_moment")
    package static let secondMoment = optimizer("second_moment")
    /// Those that every file has, be they empty.
    package static let standard = [model, firstMoment, secondMoment]

    /// Arrays of a name that the optimizer keeps for parameters.
    package static func optimizer(_ name: String) -> CheckpointGroup {
        CheckpointGroup(rawValue: CheckpointLayout.optimizer + "/" + name)
    }

    /// The group at a path of a file; `nil` where groups of arrays are not.
    init?(path: String) {
        self.init(rawValue: path)
        guard self == .model || optimizerArray.map({ !$0.contains("/") }) == true else {
            return nil
        }
    }

    private init(rawValue: String) { self.rawValue = rawValue }

    /// The name of the optimizer's arrays in it; `nil` for the model's.
    package var optimizerArray: String? {
        let prefix = CheckpointLayout.optimizer + "/"
        return rawValue.hasPrefix(prefix) ? String(rawValue.dropFirst(prefix.count)) : nil
    }
}

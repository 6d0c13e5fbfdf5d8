package import Kernels
package import Metrics
package import Objectives
package import TextData

/// Held-out samples that are evaluated together.
package struct HeldOutSamples {
    /// The dataset, where each is evaluated by itself (`eval_on_each_dataset`).
    package let name: String?
    package let samples: any SampleSource

    package init(name: String?, samples: any SampleSource) {
        self.name = name
        self.samples = samples
    }
}

/// One rank's batches of held-out samples, under the run's objective.
package struct NamedTrials {
    /// As in ``HeldOutSamples``.
    package let name: String?
    package let trials: any Trials
    /// The mean loss, where it is one of all rows at once.
    package let loss: (([HeldOutRow], Workspace) -> Double)?
    /// Figures that need all rows at once.
    package let figures: (([HeldOutRow], Workspace) -> [Figure])?
    /// Files of what each row came to.
    package let files: (([HeldOutRow]) -> [PredictionFile])?

    package init(
        name: String?, trials: any Trials, loss: (([HeldOutRow], Workspace) -> Double)? = nil,
        figures: (([HeldOutRow], Workspace) -> [Figure])? = nil,
        files: (([HeldOutRow]) -> [PredictionFile])? = nil
    ) {
        self.name = name
        self.trials = trials
        self.loss = loss
        self.figures = figures
        self.files = files
    }
}

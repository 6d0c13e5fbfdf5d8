package import Files
package import Templates

/// Which conversations a run learns from, by LLaMA-Factory's keys.
package struct InstructionSettings: Sendable, Equatable {
    /// How several datasets become one (`mix_strategy`).
    package enum Mixing: String, Sendable, CaseIterable {
        /// One after another.
        case concat
        /// By turns until the first one ends.
        case interleaveUnder = "interleave_under"
        /// By turns, shorter ones over again, until all have ended once.
        case interleaveOver = "interleave_over"
        /// By turns, each row once.
        case interleaveOnce = "interleave_once"
    }

    /// How examples are packed.
    package enum Packing: Sendable, Equatable {
        case none
        /// Several conversations in a row, which see one another (`packing`).
        case plain
        /// The same, but each sees itself only (`neat_packing`).
        case neat
    }

    /// What is learned of the rows.
    package var use = DatasetUse.answers
    /// Names in dataset_info.json, or files (`dataset`).
    package var datasets: [String]
    /// Folder of dataset_info.json and its files (`dataset_dir`).
    package var folder = "data"
    /// Entries beside those of dataset_info.json (`dataset_info`).
    package var listed: JSONValue?
    /// Where datasets of hubs lie.
    package var caches = HubCaches.none
    /// Datasets to evaluate on (`eval_dataset`).
    package var evaluationDatasets: [String] = []
    /// Each of them is evaluated by itself, unmixed (`eval_on_each_dataset`).
    package var evaluatesEach = false
    package var encoding = EncodingSettings()
    /// Rows of each dataset, the first ones (`max_samples`).
    package var rowLimit: Int?
    /// Rows held out: a fraction below 1 or a number (`val_size`).
    package var heldOut = 0.0
    package var seed: UInt64 = 42
    package var mixing = Mixing.concat
    /// A probability for each dataset (`interleave_probs`); by turns without.
    package var probabilities: [Double]?
    package var packing = Packing.none
    /// Rows that are packed together (`preprocessing_batch_size`).
    package var packingBatch = 1000
    /// Wrong rows stop the run (`strict_data`).
    package var isStrict = false
    /// Rows to learn from are encoded.
    package var trains = true
    /// Rows to evaluate on also become prompts and references (`predict_with_generate`).
    package var predicts = false
    /// Threads that encode (`preprocessing_num_workers`).
    package var threads = 1

    package init(datasets: [String]) { self.datasets = datasets }

    /// The datasets that are evaluated by themselves.
    package var evaluatedNames: [String] { evaluatesEach ? evaluationDatasets : [] }

    /// - Throws: ``ConversationError/setting(name:found:expected:)`` for settings that contradict
    ///   each other or lie outside their range.
    package func validate() throws(ConversationError) {
        func refuse(_ name: String, _ found: String, _ expected: String) -> ConversationError {
            .setting(name: name, found: found, expected: expected)
        }
        if heldOut > 0, !evaluationDatasets.isEmpty {
            throw refuse("val_size", "\(heldOut) with eval_dataset", "one of the two")
        }
        if heldOut > 0, datasets.isEmpty { throw refuse("val_size", "\(heldOut)", "a dataset") }
        guard heldOut >= 0, heldOut < 1 || heldOut == heldOut.rounded() else {
            throw refuse("val_size", "\(heldOut)", "a fraction below 1 or a whole number")
        }
        if let rowLimit, rowLimit < 1 {
            throw refuse("max_samples", "\(rowLimit)", "at least 1")
        }
        guard packingBatch > 0 else {
            throw refuse("preprocessing_batch_size", "\(packingBatch)", "at least 1")
        }
        guard threads > 0 else {
            throw refuse("preprocessing_num_workers", "\(threads)", "at least 1")
        }
        guard let probabilities else { return }
        let text = probabilities.map { "\($0)" }.joined(separator: ",")
        if mixing == .concat {
            throw refuse("interleave_probs", text, "a mix_strategy that interleaves")
        }
        // A single dataset to evaluate on is not mixed.
        let mixed = evaluatesEach ? 0 : evaluationDatasets.count
        let counts = [datasets.count].filter { $0 > 0 } + [mixed].filter { $0 > 1 }
        guard counts.allSatisfy({ $0 == probabilities.count }) else {
            throw refuse("interleave_probs", text, "a number for each dataset")
        }
        let sum = probabilities.reduce(0, +)
        guard probabilities.allSatisfy({ $0 > 0 }), abs(sum - 1) < 1e-6 else {
            throw refuse("interleave_probs", text, "numbers above 0 that add up to 1")
        }
    }
}

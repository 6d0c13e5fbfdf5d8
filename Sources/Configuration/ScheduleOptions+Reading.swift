import Files
package import Optimizers

extension ScheduleOptions {
    private static let key = "lr_scheduler_kwargs"

    /// Reads lr_scheduler_kwargs.
    ///
    /// - Throws: ``ConfigurationError`` when the schedule does not take a key, a value is of another
    ///   type or out of range, or the schedule needs one that is not there.
    package init(
        _ values: [String: ConfigurationValue], for kind: ScheduleKind, learningRate: Double,
        place: ConfigurationPlace
    ) throws(ConfigurationError) {
        self.init()
        let taken = Self.keys(of: kind)
        for (name, value) in values.sorted(by: { $0.key < $1.key }) where !taken.contains(name) {
            throw .notAChoice(
                key: Self.key, found: "'\(name)'",
                choices: taken.isEmpty
                    ? ["nothing (lr_scheduler_type \(kind.rawValue) takes no options)"] : taken,
                suggestion: NearestName.find(name, among: taken), place: value.place)
        }
        let reader = Reader(values: values)
        cycles = try reader.number("num_cycles", .above(0))
        warmupStart = try reader.number("warmup_lr_rate", .from(0, upTo: 1))
        end = try reader.number("lr_end", .from(0))
        power = try reader.number("power", .above(0))
        timescale = try reader.number("timescale", .above(0))
        stableSteps = try reader.integer("num_stable_steps")
        decaySteps = try reader.integer("num_decay_steps")
        warmupCurve = try reader.curve("warmup_type")
        decayCurve = try reader.curve("decay_type")
        floor = try Self.floor(reader, kind, learningRate, place)
        plateau = try reader.plateau()

        if kind == .polynomial, learningRate <= end ?? Self.standardEnd {
            throw .contradiction(
                keys: [Self.key, "learning_rate"],
                reason: "lr_end \(end ?? Self.standardEnd) must be smaller than learning_rate "
                    + "\(learningRate)", place: place)
        }
    }

    private static func keys(of kind: ScheduleKind) -> [String] {
        switch kind {
        case .linear, .constant, .constantWithWarmup: []
        case .cosine, .cosineWithRestarts: ["num_cycles"]
        case .polynomial: ["lr_end", "power"]
        case .reduceLROnPlateau: PlateauOptions.keys
        case .inverseSqrt: ["timescale"]
        case .cosineWithMinLR: ["min_lr", "min_lr_rate", "num_cycles"]
        case .cosineWarmupWithMinLR: ["min_lr", "min_lr_rate", "num_cycles", "warmup_lr_rate"]
        case .warmupStableDecay:
            [
                "decay_type", "min_lr_ratio", "num_cycles", "num_decay_steps",
                "num_stable_steps", "warmup_type",
            ]
        }
    }

    private static func floor(
        _ reader: Reader, _ kind: ScheduleKind, _ learningRate: Double, _ place: ConfigurationPlace
    ) throws(ConfigurationError) -> Double? {
        let rate = try reader.number("min_lr", .from(0))
        let part = try reader.number("min_lr_rate", .from(0, upTo: 1))
        let ratio = try reader.number("min_lr_ratio", .from(0, upTo: 1))
        guard kind == .cosineWithMinLR || kind == .cosineWarmupWithMinLR else { return ratio }
        guard (rate == nil) != (part == nil) else {
            throw .contradiction(
                keys: ["lr_scheduler_type", key],
                reason: "\(kind.rawValue) needs one of min_lr and min_lr_rate, found "
                    + (rate == nil ? "neither" : "both"), place: place)
        }
        guard let rate else { return part }
        guard rate <= learningRate, learningRate > 0 else {
            throw .contradiction(
                keys: [key, "learning_rate"],
                reason: "min_lr \(rate) must not exceed learning_rate \(learningRate)",
                place: place)
        }
        return rate / learningRate
    }

    /// Reads single options with the same rules as keys.
    private struct Reader {
        let values: [String: ConfigurationValue]

        func number(_ name: String, _ bounds: Bounds) throws(ConfigurationError) -> Double? {
            guard let value = values[name] else { return nil }
            let key = ConfigurationKey.number("\(ScheduleOptions.key).\(name)", nil, bounds, [])
            guard case .number(let number) = try key.read(value) else { return nil }
            return number
        }

        func integer(_ name: String) throws(ConfigurationError) -> Int? {
            guard let value = values[name] else { return nil }
            let key = ConfigurationKey.integer("\(ScheduleOptions.key).\(name)", nil, .from(0), [])
            guard case .integer(let number) = try key.read(value) else { return nil }
            return number
        }

        func word(_ name: String, among words: [String]) throws(ConfigurationError) -> String? {
            guard let value = values[name] else { return nil }
            let key = ConfigurationKey.choice("\(ScheduleOptions.key).\(name)", nil, words, [])
            guard case .text(let word) = try key.read(value) else { return nil }
            return word
        }

        func curve(_ name: String) throws(ConfigurationError) -> ScheduleCurve? {
            try word(name, among: ScheduleCurve.allCases.map(\.rawValue))
                .flatMap(ScheduleCurve.init)
        }

        func plateau() throws(ConfigurationError) -> PlateauOptions {
            var options = PlateauOptions()
            options.greaterIsBetter = try word("mode", among: ["min", "max"]) == "max"
            options.factor = try number("factor", .from(0, below: 1)) ?? options.factor
            options.patience = try integer("patience") ?? options.patience
            options.threshold = try number("threshold", .from(0)) ?? options.threshold
            options.thresholdIsRelative =
                try word("threshold_mode", among: ["rel", "abs"]) != "abs"
            options.cooldown = try integer("cooldown") ?? options.cooldown
            options.floor = try number("min_lr", .from(0)) ?? options.floor
            options.leastChange = try number("eps", .from(0)) ?? options.leastChange
            return options
        }
    }
}

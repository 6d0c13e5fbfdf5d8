/// Decides which module paths are meant. Source: PEFT's `check_target_module_exists` and
/// `get_pattern_key`.
struct ModuleMatcher {
    private let targets: ModuleTargets
    private let excluded: ModuleTargets?
    private let saved: [String]
    private let layers: [Int]?
    private let layerPatterns: [Pattern]
    private let targetPattern: Pattern?
    private let excludedPattern: Pattern?
    private let ranks: [(pattern: Pattern, value: Int)]
    private let alphas: [(pattern: Pattern, value: Float)]
    private let rank: Int
    private let alpha: Float

    /// - Throws: ``FinetuningError/badPattern(setting:pattern:)``.
    init(_ configuration: LoRAConfiguration) throws(FinetuningError) {
        targets = configuration.targets
        excluded = configuration.excluded
        saved = configuration.additionalTargets
        layers = configuration.layersToTransform
        rank = configuration.rank
        alpha = configuration.resolvedAlpha
        targetPattern = try Self.pattern(configuration.targets, "target_modules")
        excludedPattern = try configuration.excluded.flatMap { targets throws(FinetuningError) in
            try Self.pattern(targets, "exclude_modules")
        }
        var layerPatterns: [Pattern] = []
        let names =
            configuration.layersPattern.isEmpty
            ? [#".*?\.[^.]*"#] : configuration.layersPattern.map { #"(?:^|.*?\.)"# + "(?:\($0))" }
        for name in names {
            layerPatterns.append(
                try Pattern(name + #"\.([0-9]+)\..*"#, setting: "layers_pattern"))
        }
        self.layerPatterns = layerPatterns
        ranks = try Self.table(configuration.rankPattern, "rank_pattern")
        alphas = try Self.table(configuration.alphaPattern, "alpha_pattern")
    }

    /// Whether the module at `path` gets an adapter.
    ///
    /// - Parameter isLinear: whether `.all` means it.
    func contains(_ path: String, isLinear: Bool) -> Bool {
        if let excluded, Self.matches(path, excluded, excludedPattern, isLinear: isLinear) {
            return false
        }
        if saved.contains(where: { Self.isPart(of: $0, path) }) { return false }
        guard Self.matches(path, targets, targetPattern, isLinear: isLinear) else { return false }
        guard let layers, !layers.isEmpty else { return true }
        for pattern in layerPatterns {
            guard let number = pattern.firstGroup(path), let layer = Int(number) else { continue }
            return layers.contains(layer)
        }
        return false
    }

    /// Rank and alpha of the module at `path`.
    func size(_ path: String) throws(FinetuningError) -> (rank: Int, alpha: Float) {
        (
            try Self.value(ranks, path, "rank_pattern") ?? rank,
            try Self.value(alphas, path, "alpha_pattern") ?? alpha
        )
    }

    /// Whether the module at `path` is trained and written whole, or is part of one that is: PEFT
    /// takes a module whose path ends in one of the names.
    func isSaved(_ path: String) -> Bool {
        let pieces = path.split(separator: ".")
        return pieces.indices.contains { last in
            let module = pieces[...last].joined(separator: ".")
            return saved.contains { module.hasSuffix($0) }
        }
    }

    private static func matches(
        _ path: String, _ targets: ModuleTargets, _ pattern: Pattern?, isLinear: Bool
    ) -> Bool {
        switch targets {
        case .all: isLinear
        case .names(let names): names.contains { path == $0 || path.hasSuffix("." + $0) }
        case .regex: pattern?.matches(path) ?? false
        }
    }

    /// Whether `name` is a component of `path`, or several in a row.
    private static func isPart(of name: String, _ path: String) -> Bool {
        ("." + path + ".").contains("." + name + ".")
    }

    private static func pattern(
        _ targets: ModuleTargets, _ setting: String
    ) throws(FinetuningError) -> Pattern? {
        guard case .regex(let text) = targets else { return nil }
        return try Pattern(text, setting: setting)
    }

    private static func table<Value>(
        _ values: [String: Value], _ setting: String
    ) throws(FinetuningError) -> [(pattern: Pattern, value: Value)] {
        var table: [(pattern: Pattern, value: Value)] = []
        for (key, value) in values.sorted(by: { $0.key < $1.key }) {
            table.append((try Pattern(#"(?:.*\.)?(?:"# + key + ")", setting: setting), value))
        }
        return table
    }

    /// The value of the patterns that match, which have to agree: a JSON object has no order.
    private static func value<Value: Equatable>(
        _ table: [(pattern: Pattern, value: Value)], _ path: String, _ setting: String
    ) throws(FinetuningError) -> Value? {
        let values = table.filter { $0.pattern.matches(path) }.map(\.value)
        guard let first = values.first else { return nil }
        guard values.allSatisfy({ $0 == first }) else {
            throw .invalid(
                setting: setting, found: "\(values) for \(path)", expected: "one value a module")
        }
        return first
    }
}

/// A regular expression that has to match the whole of a text.
struct Pattern {
    private let regex: Regex<AnyRegexOutput>

    init(_ text: String, setting: String) throws(FinetuningError) {
        do {
            regex = try Regex(text)
        } catch {
            throw .badPattern(setting: setting, pattern: text)
        }
    }

    func matches(_ text: String) -> Bool { (try? regex.wholeMatch(in: text)) != nil }

    /// What the first group matched.
    func firstGroup(_ text: String) -> String? {
        guard let match = try? regex.wholeMatch(in: text), match.count > 1 else { return nil }
        return match[1].substring.map(String.init)
    }
}

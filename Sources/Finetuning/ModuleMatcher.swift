/// Decides which module paths are meant. Source: PEFT's `check_target_module_exists` and
/// `get_pattern_key`.
package struct ModuleMatcher {
    private let targets: ModuleTargets
    private let excluded: ModuleTargets?
    private let saved: [String]
    private let savedPatterns: [Pattern]
    private let layers: [Int]?
    private let layerPatterns: [Pattern]
    private let targetPattern: Pattern?
    private let excludedPattern: Pattern?
    private let ranks: [(pattern: Pattern, value: Int)]
    private let alphas: [(pattern: Pattern, value: Float)]
    private let rank: Int
    private let alpha: Float

    /// - Throws: ``FinetuningError/badPattern(setting:pattern:)`` and
    ///   ``FinetuningError/unsupported(what:advice:)``.
    package init(_ configuration: LoRAConfiguration) throws(FinetuningError) {
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
        savedPatterns = try Self.patterns(saved, "modules_to_save") {
            #"(^|.*\.)"# + $0 + #"($|\..*)"#
        }
        layerPatterns = try Self.patterns(configuration.layersPattern, "layers_pattern") { $0 }
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
        if savedPatterns.contains(where: { $0.matchesBeginning(path) }) { return false }
        guard Self.matches(path, targets, targetPattern, isLinear: isLinear) else { return false }
        guard let layers, !layers.isEmpty else { return true }
        return layer(path).map(layers.contains) ?? false
    }

    /// The block's number in a path: the first component that is one, has a component before its
    /// own module's and one after it, and, where there are patterns, follows a match of the first
    /// of them that has such a number. As in PEFT.
    private func layer(_ path: String) -> Int? {
        let pieces = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let numbers = pieces.indices.dropLast().filter { index in
            !pieces[index].isEmpty && pieces[index].allSatisfy { ("0"..."9").contains($0) }
        }
        if layerPatterns.isEmpty {
            return numbers.first { $0 >= 2 }.flatMap { Int(pieces[$0]) }
        }
        for pattern in layerPatterns {
            for start in pieces.indices {
                let number = numbers.first {
                    $0 > start && pattern.matches(pieces[start..<$0].joined(separator: "."))
                }
                if let number { return Int(pieces[number]) }
            }
        }
        return nil
    }

    /// Rank and alpha of the module at `path`: those of the first pattern that matches.
    package func size(_ path: String) -> (rank: Int, alpha: Float) {
        (
            ranks.first { $0.pattern.matchesBeginning(path) }?.value ?? rank,
            alphas.first { $0.pattern.matchesBeginning(path) }?.value ?? alpha
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

    private static func pattern(
        _ targets: ModuleTargets, _ setting: String
    ) throws(FinetuningError) -> Pattern? {
        guard case .regex(let text) = targets else { return nil }
        return try Pattern(text, setting: setting)
    }

    private static func patterns(
        _ texts: [String], _ setting: String, _ complete: (String) -> String
    ) throws(FinetuningError) -> [Pattern] {
        var patterns: [Pattern] = []
        for text in texts { patterns.append(try Pattern(complete(text), setting: setting)) }
        return patterns
    }

    private static func table<Value>(
        _ values: ModulePatterns<Value>, _ setting: String
    ) throws(FinetuningError) -> [(pattern: Pattern, value: Value)] {
        var table: [(pattern: Pattern, value: Value)] = []
        for entry in values.entries {
            table.append(
                (try Pattern(#"(.*\.)?("# + entry.pattern + ")$", setting: setting), entry.value))
        }
        return table
    }
}

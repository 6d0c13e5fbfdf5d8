import Files

/// The rope parameters of a config.json, wherever and in whichever spelling they stand.
///
/// Source: transformers 5.23, `RotaryEmbeddingConfigMixin.convert_rope_params_to_dict` and
/// `standardize_rope_params`, and what Phi-3 and Gemma 3 have in their place.
struct RotaryParameters {
    /// What an architecture's code makes of the keys.
    struct Style {
        /// The key beside the rope parameters that gives the base, and its default.
        var thetaKey = "rope_theta"
        var theta = 10_000.0
        /// The key beside the rope parameters that gives the part of each head that is rotated.
        var shareKey = "partial_rotary_factor"
        /// Its default, of architectures that rotate a part of each head;
        /// others have angles for the whole head.
        var share: Double?
        /// Default of `original_max_position_embeddings` beside the rope parameters, which counts
        /// more than the one inside.
        var original: Int?
        /// The types that the architecture takes.
        var types = ["default", "linear", "dynamic", "llama3", "yarn", "longrope", "proportional"]
        /// The part of `rope_parameters` that holds, where layers differ.
        var layerType: String?
    }

    let type: String
    /// `rope_theta`.
    let base: Double
    /// The part of a head's dimensions that is rotated.
    let share: Double
    let headSize: Int
    /// `max_position_embeddings`.
    let positions: Int
    /// `original_max_position_embeddings`.
    let original: Int
    /// Where the type's own keys stand, the ones that count more first.
    private let sections: [ConfigurationFile]
    /// Whether layers differ, so that the object is one of several.
    let isLayered: Bool

    /// - Parameters:
    ///   - headSize: dimensions of a head.
    ///   - positions: `max_position_embeddings`.
    init(
        _ file: ConfigurationFile, headSize: Int, positions: Int, _ style: Style = Style()
    ) throws(ModelError) {
        isLayered = style.layerType != nil
        self.headSize = headSize
        self.positions = positions
        sections = try Self.sections(file, style.layerType)
        let named = try Self.type(sections, isLayered: style.layerType != nil)
        // Phi-3's first files say "su", and some "yarn", for what is longrope now.
        let isOlder = style.original != nil && ["su", "yarn"].contains(named)
        type = isOlder ? "longrope" : named
        guard style.types.contains(type) else {
            throw .unsupported(
                key: sections.first?.name("rope_type") ?? "rope_scaling", found: "\"\(named)\"",
                supported: style.types.joined(separator: ", "))
        }
        let outerTheta = try file.real(style.thetaKey, default: style.theta, .aboveOne)
        let innerTheta = try Self.first(sections) { section throws(ModelError) in
            try section.has("rope_theta") ? section.real("rope_theta", .aboveOne) : nil
        }
        base = innerTheta ?? outerTheta
        let outerShare = try file.real(style.shareKey, default: style.share ?? 1, .share)
        let innerShare = try Self.first(sections) { section throws(ModelError) in
            try section.has("partial_rotary_factor")
                ? section.real("partial_rotary_factor", .share) : nil
        }
        let share = innerShare ?? outerShare
        let isWhole = style.share == nil && type == "default"
        self.share = isWhole ? 1 : share
        if style.share == nil, !isWhole, share != 1, type != "proportional" {
            throw .unsupported(
                key: "partial_rotary_factor", found: "\(share)",
                supported: "1 in a \(file.modelType) model")
        }
        let inner = try Self.first(sections) { section throws(ModelError) in
            try section.has("original_max_position_embeddings")
                ? section.count("original_max_position_embeddings") : nil
        }
        let key = "original_max_position_embeddings"
        let isBeside = style.layerType == nil && file.has(key)
        let outer = try isBeside ? file.count(key) : style.original
        original = outer ?? inner ?? positions
    }

    /// The objects in which keys are looked up.
    private static func sections(
        _ file: ConfigurationFile, _ layerType: String?
    ) throws(ModelError) -> [ConfigurationFile] {
        let older = file.isEmpty("rope_scaling") ? nil : try file.section("rope_scaling")
        guard let layerType else {
            // Whoever adds rope_scaling to a file of transformers 5 wants it to hold.
            if let older {
                file.pass("rope_parameters")
                return [older]
            }
            return try file.section("rope_parameters").map { [$0] } ?? []
        }
        let part = try file.section("rope_parameters")?.section(layerType)
        return [layerType == "full_attention" ? older : nil, part].compactMap { $0 }
    }

    /// The first of the sections' values, of which all are used.
    private static func first<Value>(
        _ sections: [ConfigurationFile],
        _ read: (ConfigurationFile) throws(ModelError) -> Value?
    ) throws(ModelError) -> Value? {
        var result: Value?
        for section in sections {
            let value = try read(section)
            result = result ?? value
        }
        return result
    }

    /// - Parameter isLayered: whether the object has a type of its own, "default", into which
    ///   transformers puts the keys of rope_scaling: then the older spelling goes unseen.
    private static func type(
        _ sections: [ConfigurationFile], isLayered: Bool
    ) throws(ModelError) -> String {
        // Objects that are there are looked into, whatever they hold.
        for section in sections { section.pass("rope_type") }
        let older = try first(sections) { section throws(ModelError) in
            try section.has("type") ? section.text("type", default: "") : nil
        }
        let newer = try first(sections) { section throws(ModelError) in
            try section.has("rope_type") ? section.text("rope_type", default: "") : nil
        }
        if isLayered, newer == nil, let older, older != "default" {
            throw .unsupported(
                key: sections.first?.name("type") ?? "type", found: "\"\(older)\"",
                supported: "the same under rope_type")
        }
        return newer ?? older ?? "default"
    }

    /// A number that the type has; `nil` where it is missing or null.
    func real(_ key: String, _ range: RealRange) throws(ModelError) -> Double? {
        try Self.first(sections) { section throws(ModelError) in
            try section.has(key) ? section.real(key, range) : nil
        }
    }

    /// A number that the type needs.
    func needed(_ key: String, _ range: RealRange) throws(ModelError) -> Double {
        guard let value = try real(key, range) else {
            throw .missingKey(sections.first?.name(key) ?? key, model: "\(type) rope")
        }
        return value
    }

    func flag(_ key: String, default fallback: Bool) throws(ModelError) -> Bool {
        let found = try Self.first(sections) { section throws(ModelError) in
            try section.has(key) ? section.flag(key, default: fallback) : nil
        }
        return found ?? fallback
    }

    /// Numbers that the type needs, `count` of them.
    func reals(_ key: String, count: Int, _ range: RealRange) throws(ModelError) -> [Double] {
        let found = try Self.first(sections) { section throws(ModelError) in
            try section.has(key) ? section.reals(key, count: count, range) : nil
        }
        guard let found else {
            throw .missingKey(sections.first?.name(key) ?? key, model: "\(type) rope")
        }
        return found
    }
}

import Foundation

/// Where things stand in a checkpoint file, and how metadata becomes attributes and texts.
///
///     /meta                            attributes: format, version, step, optimizer, date, program
///     /meta/configuration              the resolved run configuration, YAML
///     /meta/model_configuration        config.json
///     /meta/history                    JSON
///     /meta/tokenizer/<file name>      tokenizer.json and its kind; `:` stands for the slash of a folder
///     /meta/manifest                   JSON: every dataset, its shape and checksum
///     /model/<name>                    float32
///     /optimizer/first_moment/<name>   float32
///     /optimizer/second_moment/<name>  float32
///     /scaler                          attributes; none without loss scaling
///     /data                            attributes
///     /random                          attributes
enum CheckpointLayout {
    static let format = "lockstep checkpoint"
    /// Since 2 checksums are XXH3, and `/scaler` is always there.
    static let version = 2

    static let meta = "/meta"
    static let configuration = "/meta/configuration"
    static let modelConfiguration = "/meta/model_configuration"
    static let history = "/meta/history"
    static let tokenizer = "/meta/tokenizer"
    static let manifest = "/meta/manifest"
    static let optimizer = "/optimizer"
    static let scaler = "/scaler"
    static let data = "/data"
    static let random = "/random"

    /// Attributes of every dataset.
    static let checksum = "checksum"
    static let checksumAlgorithm = "checksum_algorithm"

    /// The file's name for `step`.
    static func fileName(step: Int) -> String { "checkpoint-\(step).h5" }

    /// The step in a file name; `nil` for other names.
    static func step(fileName: String) -> Int? {
        guard fileName.hasPrefix("checkpoint-"), fileName.hasSuffix(".h5") else { return nil }
        let digits = fileName.dropFirst(11).dropLast(3)
        guard let step = Int(digits), Self.fileName(step: step) == fileName else { return nil }
        return step
    }

    /// Whether a process left this name half-written.
    static func isLeftover(fileName: String) -> Bool {
        guard fileName.hasPrefix("."), let mark = fileName.range(of: ".tmp-") else { return false }
        let name = fileName[..<mark.lowerBound].dropFirst()
        return step(fileName: String(name)) != nil
            && Int32(fileName[mark.upperBound...]) != nil
    }

    /// All groups of a file, parents first; in format 1 there was no scaler without loss scaling.
    static func groups(hasScaler: Bool = true) -> [String] {
        var groups = [meta, tokenizer, optimizer] + CheckpointGroup.standard.map(\.rawValue)
        groups += [data, random] + (hasScaler ? [scaler] : [])
        return groups
    }

    /// The link of a file that lies in the run's folder or in one below it, whose slash means a group in HDF5.
    static func link(toFile name: String) -> String {
        name.replacingOccurrences(of: "/", with: ":")
    }

    /// The file's name again; `nil` where it would lie elsewhere than in the folder.
    static func fileName(ofLink link: String) -> String? {
        let name = link.replacingOccurrences(of: ":", with: "/")
        return objection(toFile: name) == nil ? name : nil
    }

    /// Why a file cannot be kept by this name; `nil` where it can.
    static func objection(toFile name: String) -> String? {
        if name.contains(":") { return "a colon stands for the slash of a folder" }
        return name.split(separator: "/", omittingEmptySubsequences: false)
            .lazy.compactMap { objection(to: String($0)) }.first
    }

    /// Why `name` cannot be a link in an HDF5 group; `nil` where it can.
    static func objection(to name: String) -> String? {
        if name.isEmpty { return "it is empty" }
        if name == "." || name == ".." { return "HDF5 gives it another meaning" }
        if name.contains("/") { return "a slash separates groups in HDF5" }
        if name.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
            return "it has control characters"
        }
        return nil
    }
}

extension CheckpointMetadata {
    /// The attributes of every group, `/meta` without those that name format, date and program.
    var attributes: [String: [String: AttributeValue]] {
        var groups: [String: [String: AttributeValue]] = [
            CheckpointLayout.meta: [
                "step": .integer(Int64(step)), "optimizer": .text(optimizer),
                "optimizer_steps": .integer(Int64(optimizerSteps)),
            ],
            CheckpointLayout.data: [
                "samples_consumed": .integer(data.samplesConsumed),
                "tokens_seen": .integer(data.tokensSeen), "seed": .unsigned(data.seed),
                "epoch": .real(data.epoch), "sample_tokens": .integer(data.sampleTokens),
                "dataset_tokens": .integer(data.datasetTokens),
            ],
            CheckpointLayout.random: ["seed": .unsigned(random.seed)],
        ]
        if let scaler {
            groups[CheckpointLayout.scaler] = [
                "scale": .real(scaler.scale), "good_steps": .integer(Int64(scaler.goodSteps)),
                "hysteresis": .integer(Int64(scaler.hysteresis)),
                "skipped_steps": .integer(Int64(scaler.skippedSteps)),
            ]
        }
        return groups
    }

    /// The inverse: metadata from a file's attributes and texts.
    ///
    /// - Throws: ``CheckpointError/missing(entry:file:)``, ``CheckpointError/unknown(entry:file:)``,
    ///   ``CheckpointError/unsupportedType(entry:found:supported:file:)``, and
    ///   ``CheckpointError/malformed(detail:file:)`` for a number that no run has.
    init(
        attributes: [String: [String: AttributeValue]], texts: [String: String], file: String
    ) throws(CheckpointError) {
        var meta = AttributeReader(CheckpointLayout.meta, attributes, file)
        var data = AttributeReader(CheckpointLayout.data, attributes, file)
        var random = AttributeReader(CheckpointLayout.random, attributes, file)
        let step = try meta.count("step")
        let optimizer = try meta.text("optimizer")
        let optimizerSteps = try meta.count("optimizer_steps")
        for name in CheckpointStamp.attributeNames { meta.pass(name) }
        let position = DataPosition(
            samplesConsumed: Int64(try data.count("samples_consumed")),
            tokensSeen: Int64(try data.count("tokens_seen")), seed: try data.unsigned("seed"),
            epoch: try data.real("epoch", from: 0),
            sampleTokens: Int64(try data.count("sample_tokens")),
            datasetTokens: Int64(try data.count("dataset_tokens")))
        let seed = try random.unsigned("seed")
        let scaler = try Self.scaler(attributes, file)
        for reader in [meta, data, random] { try reader.finish() }

        var texts = texts
        func take(_ path: String) throws(CheckpointError) -> String {
            guard let text = texts.removeValue(forKey: path) else {
                throw .missing(entry: path, file: file)
            }
            return text
        }
        let configuration = try take(CheckpointLayout.configuration)
        let modelConfiguration = try take(CheckpointLayout.modelConfiguration)
        let history = try take(CheckpointLayout.history)
        var tokenizer: [String: String] = [:]
        for (path, text) in texts {
            let prefix = CheckpointLayout.tokenizer + "/"
            guard path.hasPrefix(prefix),
                let name = CheckpointLayout.fileName(ofLink: String(path.dropFirst(prefix.count)))
            else { throw .unknown(entry: path, file: file) }
            tokenizer[name] = text
        }
        self.init(
            step: step, configuration: configuration, modelConfiguration: modelConfiguration,
            tokenizer: tokenizer, data: position, scaler: scaler,
            random: RandomState(seed: seed), history: history, optimizer: optimizer,
            optimizerSteps: optimizerSteps)
    }

    private static func scaler(
        _ attributes: [String: [String: AttributeValue]], _ file: String
    ) throws(CheckpointError) -> ScalerState? {
        guard attributes[CheckpointLayout.scaler] != nil else { return nil }
        var scaler = AttributeReader(CheckpointLayout.scaler, attributes, file)
        let state = ScalerState(
            scale: try scaler.real("scale", from: .leastNormalMagnitude),
            goodSteps: try scaler.count("good_steps"),
            hysteresis: try scaler.count("hysteresis"),
            skippedSteps: try scaler.count("skipped_steps"))
        try scaler.finish()
        return state
    }

    /// Every text with its dataset's path, in file order.
    var texts: [(path: String, text: String)] {
        var texts = [
            (CheckpointLayout.configuration, configuration),
            (CheckpointLayout.modelConfiguration, modelConfiguration),
            (CheckpointLayout.history, history),
        ]
        for (name, text) in tokenizer.sorted(by: { $0.key < $1.key }) {
            texts.append(
                ("\(CheckpointLayout.tokenizer)/\(CheckpointLayout.link(toFile: name))", text))
        }
        return texts
    }
}

/// Takes a group's attributes one by one; what is left at the end is unknown.
private struct AttributeReader {
    private let group: String
    private let file: String
    private var rest: [String: AttributeValue]

    init(_ group: String, _ attributes: [String: [String: AttributeValue]], _ file: String) {
        self.group = group
        self.file = file
        rest = attributes[group] ?? [:]
    }

    mutating func text(_ name: String) throws(CheckpointError) -> String {
        guard case .text(let value) = try take(name) else { throw wrongType(name, "a string") }
        return value
    }

    /// How often something happened. Beyond 2⁵³ doubles, which such numbers are computed with, do not
    /// tell them apart.
    mutating func count(_ name: String) throws(CheckpointError) -> Int {
        guard case .integer(let value) = try take(name) else { throw wrongType(name, "int64") }
        guard value >= 0, value <= 1 << 53 else {
            throw outOfRange(name, "\(value)", "a number from 0 to 9007199254740992")
        }
        return Int(value)
    }

    mutating func unsigned(_ name: String) throws(CheckpointError) -> UInt64 {
        guard case .unsigned(let value) = try take(name) else { throw wrongType(name, "uint64") }
        return value
    }

    /// A finite number of at least `least`.
    mutating func real(_ name: String, from least: Double) throws(CheckpointError) -> Double {
        guard case .real(let value) = try take(name) else { throw wrongType(name, "float64") }
        guard value >= least, value.isFinite else {
            throw outOfRange(
                name, "\(value)", least > 0 ? "a number above 0" : "a number from \(least)")
        }
        return value
    }

    private func outOfRange(
        _ name: String, _ found: String, _ expected: String
    ) -> CheckpointError {
        .malformed(
            detail: "attribute \(name) of \(group) is \(found), expected \(expected)", file: file)
    }

    mutating func pass(_ name: String) {
        rest[name] = nil
    }

    func finish() throws(CheckpointError) {
        guard let name = rest.keys.min() else { return }
        throw .unknown(entry: "attribute \(name) of \(group)", file: file)
    }

    private mutating func take(_ name: String) throws(CheckpointError) -> AttributeValue {
        guard let value = rest.removeValue(forKey: name) else {
            throw .missing(entry: "attribute \(name) of \(group)", file: file)
        }
        return value
    }

    private func wrongType(_ name: String, _ supported: String) -> CheckpointError {
        .unsupportedType(
            entry: "attribute \(name) of \(group)", found: "another type", supported: supported,
            file: file)
    }
}

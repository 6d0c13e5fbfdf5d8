/// The commands that read a configuration file.
package enum ConfigurationCommand: String, Sendable, CaseIterable {
    case train, prepare, generate, export, chat, score, bench, plan
    case eval
}

/// One key of the configuration: its name, its type, its default, and who reads it.
package struct ConfigurationKey: Sendable {
    /// What this version does with a key.
    package enum Support: Sendable, Equatable {
        /// Read and obeyed.
        case full
        /// Accepted; a notice gives the reason why it changes nothing here.
        case noEffect(reason: String)
        /// Accepted silently: a detail of something that is refused by its own key. Where an
        /// honoured key would make use of it, that key's section refuses it.
        case dormant
        /// Any value but the default is refused, with advice.
        case later(advice: String)
        /// Any value but off is refused for good, with the reason.
        case never(reason: String)
        /// Belongs to files for another program.
        case foreign(ForeignEngine)
    }

    /// What values a key takes.
    package enum Kind: Sendable, Equatable {
        case boolean
        case integer(Bounds)
        case number(Bounds)
        case text
        /// One of some words. `later` words are recognised but refused; `synonyms` lead to a word.
        case choice([String], later: [String], synonyms: [String: String])
        /// Texts; written as a list or separated by commas.
        case list
        /// Named values, as in lr_scheduler_kwargs.
        case map
        /// A whole number of steps from 1, or a fraction of the total below 1.
        case interval
        /// 0, a fraction below 1, or a whole number.
        case amount
        /// true, false, or a text.
        case switchOrText
        /// Whatever is written; used for keys that are passed over.
        case anything
    }

    package let name: String
    package let aliases: [String]
    package let kind: Kind
    package let standard: Setting
    package let readers: Set<ConfigurationCommand>
    package let support: Support
    /// Whether the value may differ between machines without changing any result: kept out of
    /// the hash that ranks compare.
    package let isLocal: Bool

    private init(
        _ name: String, _ kind: Kind, _ standard: Setting, _ readers: Set<ConfigurationCommand>,
        aliases: [String] = [], support: Support = .full, isLocal: Bool = false
    ) {
        self.name = name
        self.aliases = aliases
        self.kind = kind
        self.standard = standard
        self.readers = readers
        self.support = support
        self.isLocal = isLocal
    }
}

/// A value that a key accepted.
package enum Setting: Sendable, Equatable {
    /// Unset, and the key has no default.
    case none
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    case list([String])
    case map([String: ConfigurationValue])
}

extension ConfigurationCommand {
    /// Those that run a model that adapters may change.
    static let adapted: Set<ConfigurationCommand> = [
        .train, .bench, .plan, .generate, .chat, .score, .export, .eval,
    ]
}

extension Set<ConfigurationCommand> {
    /// Every command that reads a configuration.
    static let all = Set(ConfigurationCommand.allCases)
    /// The training step, run or foretold.
    static let training: Set = [.train, .bench, .plan]
    /// What decides samples: written by prepare, read by training.
    static let samples: Set = [.train, .prepare, .bench, .plan]
    /// What decides samples, and how long a model's input may be.
    static let samplesAndInference: Set = samples.union(inference)
    /// Everything that draws random numbers.
    static let drawing: Set = samples.union(sampling)
    /// Sampling text from a model.
    static let sampling: Set = [.generate, .chat]
    /// Sampling text, or comparing it after training.
    static let predicting: Set = [.generate, .chat, .train]
    /// Running a model without training it.
    static let inference: Set = [.generate, .chat, .score, .eval]
}

// Declarations: one line a key in the sections' tables.
extension ConfigurationKey {
    static func boolean(
        _ name: String, _ standard: Bool?, _ readers: Set<ConfigurationCommand>,
        aliases: [String] = [], support: Support = .full
    ) -> Self {
        Self(
            name, .boolean, standard.map(Setting.boolean) ?? .none, readers, aliases: aliases,
            support: support)
    }

    static func integer(
        _ name: String, _ standard: Int?, _ bounds: Bounds, _ readers: Set<ConfigurationCommand>,
        aliases: [String] = [], support: Support = .full, isLocal: Bool = false
    ) -> Self {
        Self(
            name, .integer(bounds.ofWholeNumbers), standard.map(Setting.integer) ?? .none,
            readers, aliases: aliases, support: support, isLocal: isLocal)
    }

    static func number(
        _ name: String, _ standard: Double?, _ bounds: Bounds,
        _ readers: Set<ConfigurationCommand>, support: Support = .full, isLocal: Bool = false
    ) -> Self {
        Self(
            name, .number(bounds), standard.map(Setting.number) ?? .none, readers,
            support: support, isLocal: isLocal)
    }

    static func text(
        _ name: String, _ standard: String?, _ readers: Set<ConfigurationCommand>,
        support: Support = .full, isLocal: Bool = false
    ) -> Self {
        Self(
            name, .text, standard.map(Setting.text) ?? .none, readers, support: support,
            isLocal: isLocal)
    }

    static func list(
        _ name: String, _ standard: [String]?, _ readers: Set<ConfigurationCommand>,
        support: Support = .full, isLocal: Bool = false
    ) -> Self {
        Self(
            name, .list, standard.map(Setting.list) ?? .none, readers, support: support,
            isLocal: isLocal)
    }

    static func choice(
        _ name: String, _ standard: String?, _ words: [String], later: [String] = [],
        synonyms: [String: String] = [:], _ readers: Set<ConfigurationCommand>,
        aliases: [String] = [], support: Support = .full
    ) -> Self {
        Self(
            name, .choice(words, later: later, synonyms: synonyms),
            standard.map(Setting.text) ?? .none, readers, aliases: aliases, support: support)
    }

    static func map(_ name: String, _ readers: Set<ConfigurationCommand>) -> Self {
        Self(name, .map, .none, readers)
    }

    static func interval(
        _ name: String, _ standard: Double?, _ readers: Set<ConfigurationCommand>
    ) -> Self {
        Self(name, .interval, standard.map(Setting.number) ?? .none, readers)
    }

    static func amount(
        _ name: String, _ standard: Double, _ readers: Set<ConfigurationCommand>
    ) -> Self {
        Self(name, .amount, .number(standard), readers)
    }

    static func switchOrText(
        _ name: String, _ readers: Set<ConfigurationCommand>, isLocal: Bool = false
    ) -> Self {
        Self(name, .switchOrText, .none, readers, isLocal: isLocal)
    }

    /// A section's table from its parts.
    static func joined(_ parts: [ConfigurationKey]...) -> [ConfigurationKey] {
        parts.flatMap { $0 }
    }

    fileprivate static func recognised(
        _ name: String, _ readers: Set<ConfigurationCommand>, _ support: Support
    ) -> Self {
        Self(name, .anything, .none, readers, support: support)
    }
}

// Groups of keys that are recognised but not obeyed.
extension [ConfigurationKey] {
    /// Keys that change nothing on this kind of machine, with the reason to tell.
    static func noEffect(
        _ reason: String, _ names: [String], _ readers: Set<ConfigurationCommand> = .training
    ) -> Self {
        names.map { .recognised($0, readers, .noEffect(reason: reason)) }
    }

    /// Keys that only matter beside another key's value that is refused.
    static func dormant(_ names: [String]) -> Self {
        names.map { .recognised($0, [], .dormant) }
    }

    /// Keys whose every use but null, false, 0 and `none` awaits a later version.
    static func later(
        _ advice: String, _ names: [String], _ readers: Set<ConfigurationCommand> = .training
    ) -> Self {
        names.map { .recognised($0, readers, .later(advice: advice)) }
    }

    /// Keys that will never be honoured, with the reason.
    static func never(_ reason: String, _ names: [String]) -> Self {
        names.map { .recognised($0, .training, .never(reason: reason)) }
    }

    /// Keys of files for another program.
    static func foreign(_ engine: ForeignEngine, _ names: [String]) -> Self {
        names.map { .recognised($0, .all, .foreign(engine)) }
    }
}

package import Files

/// Everything a run was told, checked and with defaults filled in.
///
/// One file serves every command: each reads its own keys and passes over the others. Reading
/// touches no files; ``validateFiles()`` does.
package struct RunConfiguration: Sendable {
    package typealias Command = ConfigurationCommand

    package let command: Command
    package let model: ModelSection
    package let method: MethodSection
    package let pretraining: PretrainingSection
    package let contrast: ContrastiveSection
    package let labels: LabelSection
    package let questions: QuestionSection
    package let loss: LossSection
    package let preference: PreferenceSection
    package let groupPolicy: GroupPolicySection
    package let proximalPolicy: ProximalPolicySection
    package let reward: RewardSection
    package let adapter: AdapterSection
    package let peft: PEFTSection
    package let data: DataSection
    package let pairs: TextPairSection
    package let output: OutputSection
    package let train: TrainSection
    package let optimizer: OptimizerSection
    package let evaluation: EvaluationSection
    package let tasks: TaskSection
    package let generation: GenerationSection
    package let export: ExportSection
    package let compute: ComputeSection
    /// Lines to tell the user: keys that were accepted but change nothing.
    package let notices: [String]
    /// Every key the command reads with its value, as YAML that reads back as this configuration.
    package let resolvedText: String
    /// FNV-1a of the resolved values that decide the numbers; equal on ranks that may work
    /// together, whatever their paths and thread counts.
    package let hash: UInt64
    /// Where models and datasets of hubs lie on this machine.
    package let caches: HubCaches
    /// Where each key was written, for messages about files.
    package let settings: ConfigurationSettings

    /// Reads and checks what was written.
    ///
    /// - Parameters:
    ///   - caches: where models and datasets of hubs lie.
    ///   - notices: lines for the user about how the values came about, which come first.
    /// - Throws: ``ConfigurationError`` for the first mistake: unknown keys and wrong values in the
    ///   order of the file, then missing keys, then keys that do not go together.
    package init(
        values: [String: ConfigurationValue], command: Command, caches: HubCaches = .none,
        notices: [String] = []
    ) throws(ConfigurationError) {
        var settings = try ConfigurationSettings(values, command: command)
        try ConfigurationRules.requireKeys(settings)
        let sections = ConfigurationKey.parts.map(\.section)
        for section in sections { try section.resolve(&settings) }
        for section in sections { try section.validate(with: settings) }
        try ConfigurationRules.checkSizes(settings)
        for section in sections { section.note(&settings) }
        try self.init(checked: settings, caches: caches, notices: notices + settings.notices)
    }

    /// Reads the sections from settings that are complete and go together.
    ///
    /// - Parameter notices: all lines for the user.
    init(
        checked settings: ConfigurationSettings, caches: HubCaches, notices: [String]
    ) throws(ConfigurationError) {
        command = settings.command
        self.settings = settings
        model = ModelSection(settings)
        method = MethodSection(settings)
        pretraining = PretrainingSection(settings)
        contrast = ContrastiveSection(settings)
        labels = LabelSection(settings)
        questions = QuestionSection(settings)
        loss = LossSection(settings)
        preference = PreferenceSection(settings)
        groupPolicy = GroupPolicySection(settings)
        proximalPolicy = ProximalPolicySection(settings)
        reward = RewardSection(settings)
        adapter = AdapterSection(settings)
        peft = PEFTSection(settings)
        data = DataSection(settings)
        pairs = TextPairSection(settings)
        output = OutputSection(settings)
        train = try TrainSection(settings)
        optimizer = OptimizerSection(settings)
        evaluation = EvaluationSection(settings)
        tasks = TaskSection(settings)
        generation = GenerationSection(settings)
        export = ExportSection(settings)
        compute = ComputeSection(settings)
        self.caches = caches
        self.notices = notices
        resolvedText = ConfigurationText.text(of: settings)
        hash = ConfigurationText.hash(of: settings)
    }
}

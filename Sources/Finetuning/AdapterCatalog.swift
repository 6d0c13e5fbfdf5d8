package import Models

/// The finetuning methods by `finetuning_type`. One line each.
package enum AdapterCatalog {
    /// A method with its settings.
    package enum Settings: Equatable, Sendable {
        case full
        case freeze(FreezingConfiguration)
        case lora(LoRAConfiguration)
        case oft(OFTConfiguration)
        case boft(BOFTConfiguration)
        case ia3(IA3Configuration)
        case promptTuning(PromptTuningConfiguration)
        case pTuning(PTuningConfiguration)
        case prefixTuning(PrefixTuningConfiguration)
        case adapter(BottleneckConfiguration)
    }

    /// The supported values of `finetuning_type`.
    package static let names = [
        "adapter", "boft", "freeze", "full", "ia3", "lora", "oft", "p_tuning", "prefix_tuning",
        "prompt_tuning",
    ]

    /// A new method, attached to a model that has no memory yet.
    package static func method(
        _ settings: Settings, attachingTo model: any LanguageModel
    ) throws(FinetuningError) -> any FinetuningMethod {
        try checkTargets(of: settings, in: model)
        return switch settings {
        case .full: FullFinetuning(attachingTo: model)
        case .freeze(let configuration): try Freezing(configuration, attachingTo: model)
        case .lora(let configuration): try LoRA(configuration, attachingTo: model)
        case .oft(let configuration): try LinearMethod(configuration, attachingTo: model)
        case .boft(let configuration): try LinearMethod(configuration, attachingTo: model)
        case .ia3(let configuration): try LinearMethod(configuration, attachingTo: model)
        case .promptTuning(let configuration): try PromptTuning(configuration, attachingTo: model)
        case .pTuning(let configuration): try PTuning(configuration, attachingTo: model)
        case .prefixTuning(let configuration): try PrefixTuning(configuration, attachingTo: model)
        case .adapter(let configuration): try BottleneckAdapters(configuration, attachingTo: model)
        }
    }

    /// Passes when each name among the targets is that of a module. Of an adapter's folder this is not
    /// asked: PEFT passes over names that match nothing.
    private static func checkTargets(
        of settings: Settings, in model: any LanguageModel
    ) throws(FinetuningError) {
        let modules: LoRAConfiguration
        let name: String
        switch settings {
        case .lora(let configuration): (modules, name) = (configuration, "lora")
        case .oft(let configuration): (modules, name) = (configuration.modules, configuration.name)
        case .boft(let configuration):
            (modules, name) = (configuration.modules, configuration.name)
        case .ia3(let configuration): (modules, name) = (configuration.modules, configuration.name)
        default: return
        }
        try LoRAPlan.checkNames(modules.targets, in: model, setting: name + "_target")
    }

    /// The method of an adapter's folder, attached; its numbers are read later, with
    /// ``FinetuningMethod/read(from:in:)``.
    ///
    /// - Parameter plus: learning rates of a LoRA, which its folder does not say.
    package static func method(
        of folder: AdapterFolder, plus: LoRAPlus? = nil, attachingTo model: any LanguageModel
    ) throws(FinetuningError) -> any FinetuningMethod {
        do throws(FinetuningError) {
            switch folder.kind {
            case .lora(var configuration):
                configuration.plus = plus
                let lora = try LoRA(configuration, attachingTo: model)
                // Before there is memory: its header says whether the ranks are the file's.
                _ = try AdapterFile(folder.path, configuration, lora.plan)
                return lora
            case .oft(let configuration): return try linear(configuration, folder, model)
            case .boft(let configuration): return try linear(configuration, folder, model)
            case .ia3(let configuration): return try linear(configuration, folder, model)
            case .promptTuning(let configuration):
                return try checked(PromptTuning(configuration, attachingTo: model), folder)
            case .pTuning(let configuration):
                return try checked(PTuning(configuration, attachingTo: model), folder)
            case .prefixTuning(let configuration):
                return try checked(PrefixTuning(configuration, attachingTo: model), folder)
            case .bottleneck(let configuration):
                let adapters = try BottleneckAdapters(configuration, attachingTo: model)
                try adapters.check(folder.path)
                return adapters
            }
        } catch {
            throw error.naming(folder.path + "/" + AdapterFolder.configurationFile)
        }
    }

    private static func checked(
        _ method: any VirtualTokenMethod, _ folder: AdapterFolder
    ) throws(FinetuningError) -> any FinetuningMethod {
        try method.check(folder.path)
        return method
    }

    private static func linear(
        _ configuration: any LinearMethodConfiguration, _ folder: AdapterFolder,
        _ model: any LanguageModel
    ) throws(FinetuningError) -> any FinetuningMethod {
        let method = try LinearMethod(configuration, attachingTo: model)
        try method.check(folder.path)
        return method
    }
}

extension FinetuningError {
    /// The same with the file that the setting stands in.
    func naming(_ file: String) -> FinetuningError {
        switch self {
        case .noTarget(_, let value, let available):
            .noTarget(setting: file + ": target_modules", value: value, available: available)
        case .badPattern(let setting, let pattern):
            .badPattern(setting: file + ": " + setting, pattern: pattern)
        case .invalid(let setting, let found, let expected):
            .invalid(setting: file + ": " + setting, found: found, expected: expected)
        case .unsupported(let what, let advice):
            .unsupported(what: file + ": " + what, advice: advice)
        // One that is about numbers names the file that holds them.
        case .tied(let embedding, let head, let detail) where !detail.contains(".safetensors"):
            .tied(
                embedding: file + ": " + embedding, head: head,
                detail: detail.replacing("additional_target", with: "modules_to_save"))
        default: self
        }
    }
}

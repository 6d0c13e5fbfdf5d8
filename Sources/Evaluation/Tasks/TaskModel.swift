package import Configuration
import Files
import Kernels
package import ModelFiles
import Models
import Templates
import Tokenizers

/// A model to be tried on tasks, with what writes prompts for it.
package struct TaskModel {
    package let inference: InferenceModel
    /// Where its weights are.
    package let path: String
    /// Folders of the adapters on it.
    package let adapters: [String]
    package let setting: TaskSetting
    private let ends: Set<Int32>

    /// Reads the model that a configuration names.
    ///
    /// - Parameter readYAML: what reads task files.
    /// - Throws: ``EvaluationError`` where model, tokenizer or template are missing or do not fit.
    package init(
        _ configuration: RunConfiguration, threads: Int,
        readYAML: @escaping HarnessFile.Reading
    ) throws(EvaluationError) {
        guard let given = configuration.model.modelNameOrPath else {
            throw .user("model_name_or_path is not set; give the model to evaluate")
        }
        do throws(ModelFileError) {
            let (path, adapters) = try ModelSource.resolved(
                given, adapters: configuration.adapter.adapterNameOrPath)
            inference = try InferenceModel(
                path: path, adapters: adapters, tokenizer: configuration.model.tokenizerOfItsOwn,
                quantizationBits: configuration.adapter.quantizationBit,
                scaling: configuration.ropeScaling,
                computeType: Self.computeType(configuration),
                threads: configuration.compute.threadsPerRank ?? threads)
            try inference.requireDecoder()
            self.path = path
            self.adapters = adapters
            guard let tokenizer = inference.tokenizer else {
                throw .user(
                    "the model \(path) has no tokenizer.json; give a folder that holds the model "
                        + "and its tokenizer")
            }
            let model = configuration.model
            for token in model.addTokens + model.addSpecialTokens
            where tokenizer.id(of: token) == nil {
                throw .user(
                    "add_tokens: '\(token)' is in neither the model's tokenizer nor the "
                        + "adapter's; train with it first, an untrained token says nothing")
            }
            var setting = TaskSetting(
                tokenizer, inference.model.description,
                encoder: try Self.encoder(configuration, inference, tokenizer),
                folder: configuration.tasks.folder, readYAML: readYAML)
            setting.language = configuration.tasks.language
            setting.shots = configuration.tasks.shots
            setting.shotSeed = configuration.tasks.shotSeed
            setting.most = configuration.data.maxSamples
            setting.systemInstruction = configuration.tasks.systemInstruction
            setting.chat = try Self.chat(configuration, inference)
            self.setting = setting
            ends = inference.endTokens
        } catch {
            throw .modelFile(error)
        }
    }

    /// What answers requests with the model.
    package var scorer: RequestScorer {
        RequestScorer(
            inference.model, setting.tokenizer, ends: ends, computeType: inference.computeType,
            in: inference.workspace)
    }

    /// The template that is named, or the model's own; without either, questions and answers one after
    /// another (`fewshot`).
    private static func encoder(
        _ configuration: RunConfiguration, _ inference: InferenceModel,
        _ tokenizer: any Tokenizer
    ) throws(ModelFileError) -> any ConversationEncoding {
        let isNamed = configuration.data.template != nil
        let hasOwn = ModelTemplate.chatTemplate(of: inference.tokenizerFiles) != nil
        let format: any ConversationFormat
        if isNamed || hasOwn {
            format = try ModelTemplate.template(
                configuration, files: inference.tokenizerFiles, tokenizer)
        } else {
            do throws(TemplateError) {
                format = try ChatTemplate.named("fewshot")
            } catch {
                throw .template(error)
            }
        }
        var settings = EncodingSettings()
        settings.enableThinking = configuration.data.enableThinking
        return try ModelTemplate.encoder(format, tokenizer, settings)
    }

    /// The model's own chat template, where prompts of lm-evaluation-harness's tasks are conversations.
    private static func chat(
        _ configuration: RunConfiguration, _ inference: InferenceModel
    ) throws(ModelFileError) -> HarnessChat? {
        guard configuration.tasks.appliesChatTemplate else { return nil }
        let own: RenderedTemplate?
        do throws(TemplateError) {
            own = try RenderedTemplate(files: inference.tokenizerFiles)
        } catch {
            throw .template(error)
        }
        guard let template = own else {
            throw .user(
                "apply_chat_template: the model has no chat template of its own, in "
                    + "chat_template.jinja or tokenizer_config.json; add one, or leave the key out")
        }
        return HarnessChat(template, isMultiturn: configuration.tasks.shotsAreTurns)
    }

    /// `infer_dtype`; float32 unless given, so that scores are those of other programs.
    private static func computeType(_ configuration: RunConfiguration) -> ElementType {
        switch configuration.export.inferDType {
        case .float32, .auto: .float32
        case .bfloat16: .bfloat16
        case .float16: .float16
        }
    }
}

package import Configuration
import Files
package import Templates
package import Tokenizers

/// How conversations are written for a model, by its files or by name.
package enum ModelTemplate {
    /// The template that the configuration names, or the one that belongs to the model: that of the
    /// table which writes the same, else the model's own, rendered.
    package static func template(
        _ configuration: RunConfiguration, files: [String: String], _ tokenizer: any Tokenizer
    ) throws(ModelFileError) -> any ConversationFormat {
        let data = configuration.data
        do throws(TemplateError) {
            var template: ChatTemplate
            if let name = data.template {
                template = try ChatTemplate.named(name)
            } else {
                guard var own = try RenderedTemplate(files: files) else {
                    throw .noTemplate(reason: "the model has no chat template of its own")
                }
                if let same = ChatTemplate.recognised(as: own, tokenizer) {
                    template = same
                } else if let format = data.toolFormat {
                    throw .setting(
                        name: "tool_format", found: format,
                        expected: "none, for the model's own chat template writes tools its own "
                            + "way, or a template: NAME to go with it")
                } else {
                    own.defaultSystem = data.defaultSystem ?? ""
                    return own
                }
            }
            if let format = data.toolFormat { template = try template.withToolFormat(format) }
            if let system = data.defaultSystem { template.defaultSystem = system }
            return template
        } catch {
            throw .template(error)
        }
    }

    /// What writes conversations to be answered: as ``template(_:files:_:)`` says, and where that is one of the table
    /// that writes the same as the model's own, with that where messages are not in turn.
    package static func encoderOfPrompts(
        _ configuration: RunConfiguration, files: [String: String], _ tokenizer: any Tokenizer,
        _ settings: EncodingSettings
    ) throws(ModelFileError) -> any ConversationEncoding {
        let data = configuration.data
        let encoder = try encoder(
            try template(configuration, files: files, tokenizer), tokenizer, settings)
        // Another tool format than the model's own cannot be mixed with it.
        guard encoder.needsTurns, data.template == nil, data.toolFormat == nil,
            var own = try? RenderedTemplate(files: files)
        else { return encoder }
        own.defaultSystem = data.defaultSystem ?? ""
        guard let rendered = try? own.encoder(tokenizer, settings) else { return encoder }
        return RecognisedEncoder(encoder, own: rendered)
    }

    /// What writes conversations with the template.
    package static func encoder(
        _ format: any ConversationFormat, _ tokenizer: any Tokenizer,
        _ settings: EncodingSettings = EncodingSettings()
    ) throws(ModelFileError) -> any ConversationEncoding {
        do {
            return try format.encoder(tokenizer, settings)
        } catch {
            throw .template(error)
        }
    }

    /// The model's own template, from tokenizer_config.json or the file beside it.
    package static func chatTemplate(of files: [String: String]) -> String? {
        if let text = files["chat_template.jinja"] { return text }
        let object = try? JSONValueReader.read(files["tokenizer_config.json"] ?? "")
        let template = object?["chat_template"]
        let named = template?.array?.first { $0["name"]?.string == "default" }
        return template?.string ?? named?["template"]?.string
    }

    /// The tokenizer's files with the token that ends an answer as `eos_token`, so that programs
    /// that read them stop where the template does. A chat template of the model's own stays as it
    /// is; where there is none, none is made up.
    package static func files(
        _ files: [String: String], endingAs encoder: any ConversationEncoding
    ) throws(ModelFileError) -> [String: String] {
        let tokenizer = encoder.tokenizer
        guard encoder.endOfText != tokenizer.endOfText,
            let token = tokenizer.token(of: encoder.endOfText)
        else { return files }
        var files = files
        do {
            let edited = try tokenizer.withEndOfText(token)
            files["tokenizer.json"] = edited.fileText
            files["tokenizer_config.json"] = edited.configurationText
        } catch {
            throw .tokenizer(error)
        }
        let map = "special_tokens_map.json"
        if let text = files[map], let names = try? JSONValueReader.read(text), names.members != nil
        {
            files[map] = names.setting("eos_token", to: .string(token)).text(indent: 2) + "\n"
        }
        return files
    }
}

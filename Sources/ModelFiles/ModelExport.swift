import Autograd
package import Configuration
import Files
package import Kernels
package import Models
package import WeightFiles

/// Writes models as Hugging Face folders.
package enum ModelExport {
    /// Writes config.json, the weights, the tokenizer's files and what else stands beside them to
    /// `folder`.
    ///
    /// - Parameters:
    ///   - tokenizerFiles: file name to text.
    ///   - kept: of the model's own files.
    package static func write(
        _ model: any LanguageModel, in workspace: Workspace, to folder: String, type: WeightType,
        maximumShardBytes: Int = 5_000_000_000, tokenizerFiles: [String: String],
        rewardHead: ExportSection.RewardHead? = nil, kept: [KeptArray] = []
    ) throws(WeightFileError) {
        guard model.parts.isEmpty else {
            for part in model.parts {
                try write(
                    part, in: workspace,
                    to: part.folder.isEmpty ? folder : folder + "/" + part.folder,
                    type: type, maximumShardBytes: maximumShardBytes, tokenizerFiles, [])
            }
            return
        }
        try write(
            part(model, rewardHead), in: workspace, to: folder, type: type,
            maximumShardBytes: maximumShardBytes, tokenizerFiles, kept)
        guard let head = model.taskHead else { return }
        if head.plan.isValueHead, rewardHead != .score {
            try ValueHeadFile.write(head, in: workspace, to: folder)
        } else if head.plan.isScore, rewardHead == .valueHead {
            try ValueHeadFile.write(
                score: workspace.numbers(head.parameters[0]), to: folder)
        }
    }

    /// What a model's folder holds but for a value head, which has a file of its own.
    private static func part(
        _ model: any LanguageModel, _ rewardHead: ExportSection.RewardHead?
    ) -> ModelPart {
        let all = model.parameters.map { (name: $0.name, parameter: $0) }
        let text = model.description.configuration
        guard let head = model.taskHead, let weight = head.parameters.first else {
            return ModelPart(folder: "", configuration: text, arrays: all)
        }
        let others = all.filter { array in !head.parameters.contains { $0 === array.parameter } }
        switch (head.plan.isValueHead, rewardHead) {
        case (true, .score?):
            // A bias moves all scores alike; transformers' class has none.
            let body = others.filter { model.isTied || $0.parameter !== model.head }
            return ModelPart(
                folder: "", configuration: (try? TaskPlan.score.configuration(of: text)) ?? text,
                arrays: body + [(name: "score.weight", parameter: weight)])
        case (true, _): return ModelPart(folder: "", configuration: text, arrays: others)
        case (false, .valueHead?) where head.plan.isScore:
            return ModelPart(
                folder: "", configuration: TaskPlan.withoutHead(text), arrays: others)
        case (false, _): return ModelPart(folder: "", configuration: text, arrays: all)
        }
    }

    private static func write(
        _ part: ModelPart, in workspace: Workspace, to folder: String, type: WeightType,
        maximumShardBytes: Int, _ tokenizerFiles: [String: String], _ kept: [KeptArray]
    ) throws(WeightFileError) {
        var parameters: [String: Parameter] = [:]
        for (name, parameter) in part.arrays { parameters[name] = parameter }
        try HuggingFaceFolder.write(
            folder, configuration: configuration(part.configuration, of: type),
            arrays: part.arrays.map {
                ArrayDescription(name: $0.name, shape: $0.parameter.shape.extents)
            } + kept.map(\.description), type: type, maximumShardBytes: maximumShardBytes,
            extraFiles: tokenizerFiles
        ) { (array: ArrayDescription) throws(WeightFileError) in
            if let parameter = parameters[array.name] { return workspace.numbers(parameter) }
            return kept.first { $0.description.name == array.name }?.numbers ?? []
        }
    }

    /// The text of a config.json that names the type of the weights beside it, in which transformers
    /// computes. As it is where it cannot be read.
    static func configuration(_ text: String, of type: WeightType) -> String {
        guard let file = try? JSONValueReader.read(text), file.members != nil else { return text }
        var written = naming(type, in: file)
        // As transformers writes it since 4.56; older ones without torch_dtype look at the weights.
        if !typeKeys.contains(where: { file[$0] != nil }) {
            written = written.setting(typeKeys[0], to: .string(type.torchName))
        }
        return written == file ? text : written.text(indent: 2) + "\n"
    }

    /// The key since transformers 4.56, and the one before.
    private static let typeKeys = ["dtype", "torch_dtype"]

    /// An object with the type where it names one, it or a part of a model of several (`text_config`).
    private static func naming(_ type: WeightType, in file: JSONValue) -> JSONValue {
        var named = file
        for (key, value) in file.members ?? [] {
            if typeKeys.contains(key) {
                named = named.setting(key, to: .string(type.torchName))
            } else if key == "text_config" || key == "vision_config", value.members != nil {
                named = named.setting(key, to: naming(type, in: value))
            }
        }
        return named
    }
}

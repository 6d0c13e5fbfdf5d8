import Files

/// What a model with a task's head says of texts: which labels, and of what.
package struct TaskPlan: Sendable, Equatable {
    /// What gets labels; named as PEFT's task types.
    package enum Kind: String, Sendable, CaseIterable {
        /// A text, or a pair of texts.
        case sequence = "SEQ_CLS"
        /// Each word of a text.
        case tokens = "TOKEN_CLS"
        /// The first and the last token of an answer within a text.
        case span = "QUESTION_ANS"

        /// The end of transformers' class names.
        package var classSuffix: String {
            switch self {
            case .sequence: "ForSequenceClassification"
            case .tokens: "ForTokenClassification"
            case .span: "ForQuestionAnswering"
            }
        }
    }

    /// What labels are; named as config.json's `problem_type`.
    package enum Problem: String, Sendable, CaseIterable {
        /// One of several.
        case singleLabel = "single_label_classification"
        /// Any of several.
        case multiLabel = "multi_label_classification"
        /// Numbers.
        case regression
    }

    package let kind: Kind
    package let problem: Problem
    /// In the order of the scores; of numbers and of answers, which have none, placeholders.
    package let labels: [String]
    /// What fills up rows, where config.json does not say it.
    package var padding: Int32?
    /// Whether the head stands beside a language head, in a file of its own: a reward model as TRL's value
    /// head and LLaMA-Factory have it.
    package private(set) var isValueHead = false

    /// One number for a text, beside a language head.
    package static let valueHead: TaskPlan = {
        var plan = TaskPlan(.sequence, .regression, labels: ["LABEL_0"])
        plan.isValueHead = true
        return plan
    }()

    /// Whether it is one number for a text, in place of the language head.
    package var isScore: Bool { kind == .sequence && outputs == 1 && !isValueHead }

    /// The same in place of the language head: a `…ForSequenceClassification` with one label.
    package static let score = TaskPlan(.sequence, .regression, labels: ["LABEL_0"])

    /// - Parameter labels: their names; of answers there are none to give.
    package init(_ kind: Kind, _ problem: Problem = .singleLabel, labels: [String] = []) {
        self.kind = kind
        self.problem = problem
        // As transformers names labels that have no names.
        self.labels = kind == .span ? ["LABEL_0", "LABEL_1"] : labels
    }

    /// Scores of each text or token.
    package var outputs: Int { labels.count }

    /// The same plan as a config.json tells it.
    ///
    /// - Returns: `nil` where the model has no head of this kind, as `architectures` says.
    /// - Throws: ``ModelError`` for labels that are not numbered from 0, and an unknown problem.
    package init?(_ kind: Kind, configuration text: String) throws(ModelError) {
        guard let file = try? JSONValueReader.read(text),
            file["architectures"]?.array?.contains(where: {
                $0.string?.hasSuffix(kind.classSuffix) == true
            }) == true
        else { return nil }
        let labels = try Self.labels(file)
        let name = file["problem_type"]
        var problem = Problem.singleLabel
        if let name, name != .null {
            guard let known = name.string.flatMap(Problem.init) else {
                throw .unsupported(
                    key: "problem_type", found: JSONValue.shortened(name.string ?? name.kind),
                    supported: Problem.allCases.map(\.rawValue).joined(separator: ", "))
            }
            problem = known
        } else if labels.count == 1, kind == .sequence {
            // As transformers takes it.
            problem = .regression
        }
        self.init(kind, kind == .sequence ? problem : .singleLabel, labels: labels)
    }

    /// The names under `id2label`, else so many as `num_labels` says, else two.
    private static func labels(_ file: JSONValue) throws(ModelError) -> [String] {
        guard let members = file["id2label"]?.members, !members.isEmpty else {
            let count = file["num_labels"]?.integer ?? 2
            guard (1...maximumLabels).contains(count) else {
                throw .outOfRange(
                    key: "num_labels", found: "\(count)", expected: "1 to \(maximumLabels)")
            }
            return (0..<count).map { "LABEL_\($0)" }
        }
        var labels = [String?](repeating: nil, count: members.count)
        for member in members {
            guard let id = Int(member.key), labels.indices.contains(id), labels[id] == nil,
                let name = member.value.string
            else {
                throw .outOfRange(
                    key: "id2label", found: "\"\(JSONValue.shortened(member.key))\"",
                    expected: "the names of labels 0 to \(members.count - 1)")
            }
            labels[id] = name
        }
        return labels.compactMap { $0 }
    }

    package static let maximumLabels = 100_000
}

extension TaskPlan {
    /// config.json of a model with this head.
    ///
    /// - Throws: ``ModelError`` where transformers has no such class.
    package func configuration(of text: String) throws(ModelError) -> String {
        guard !isValueHead else { return text }
        guard case .object(var members)? = try? JSONValueReader.read(text),
            let type = members.first(where: { $0.key == "model_type" })?.value.string
        else { return text }
        let known = Self.classPrefixes.filter {
            switch kind {
            case .sequence: true
            case .tokens: !Self.withoutWords.contains($0.key)
            case .span: !Self.withoutAnswers.contains($0.key)
            }
        }
        guard let prefix = known[type] else {
            throw .unsupported(
                key: "model_type", found: type,
                supported: "for \(kind.rawValue): " + known.keys.sorted().joined(separator: ", "))
        }
        let isFilled = members.contains { $0.key == "pad_token_id" && $0.value != .null }
        var given: [JSONValue.Member] = [
            ("architectures", .array([.string(prefix + kind.classSuffix)])),
            (
                "id2label",
                .object(
                    labels.enumerated().map { (key: String($0), value: JSONValue.string($1)) })
            ),
            (
                "label2id",
                .object(labels.enumerated().map { (key: $1, value: JSONValue.int($0)) })
            ),
        ]
        if kind == .sequence { given.append(("problem_type", .string(problem.rawValue))) }
        if !isFilled, let padding { given.append(("pad_token_id", .int(Int(padding)))) }
        let replaced = Set(given.map(\.key)).union(["num_labels", "problem_type"])
        members.removeAll { replaced.contains($0.key) }
        return JSONValue.object(members + given).text(indent: 2) + "\n"
    }

    /// config.json of an encoder that has only its body; of others as it is, for decoders keep their heads.
    static func configurationOfBody(_ text: String) -> String {
        guard let name = className(ofBody: text) else { return text }
        return ModelPurpose.configuration(text, [ModelPurpose.architecture(name)])
    }

    /// The class of an encoder without a head; `nil` for other models.
    package static func className(ofBody text: String) -> String? {
        let type = (try? JSONValueReader.read(text))?["model_type"]?.string ?? ""
        return encoders.contains(type) ? classPrefixes[type].map { $0 + "Model" } : nil
    }

    private static let encoders: Set = [
        "albert", "bert", "distilbert", "electra", "modernbert", "mpnet", "roberta", "xlm-roberta",
    ]

    /// config.json of a language model, of one with a head of this kind.
    package static func withoutHead(_ text: String) -> String {
        guard case .object(var members)? = try? JSONValueReader.read(text),
            let type = members.first(where: { $0.key == "model_type" })?.value.string,
            let prefix = classPrefixes[type]
        else { return text }
        members.removeAll {
            ["architectures", "id2label", "label2id", "num_labels", "problem_type"].contains($0.key)
        }
        let name = prefix + (type == "gpt2" ? "LMHeadModel" : "ForCausalLM")
        members.append(("architectures", .array([.string(name)])))
        return JSONValue.object(members).text(indent: 2) + "\n"
    }

    /// How transformers' classes of a `model_type` begin.
    private static let classPrefixes = [
        "albert": "Albert", "bert": "Bert", "distilbert": "DistilBert", "electra": "Electra",
        "gemma": "Gemma", "gemma2": "Gemma2", "gemma3_text": "Gemma3Text", "glm": "Glm",
        "glm4": "Glm4", "gpt2": "GPT2", "gpt_neox": "GPTNeoX",
        "llama": "Llama", "mistral": "Mistral", "mixtral": "Mixtral",
        "modernbert": "ModernBert", "mpnet": "MPNet", "mt5": "MT5", "olmo2": "Olmo2",
        "opt": "OPT", "phi": "Phi", "phi3": "Phi3", "qwen2": "Qwen2", "qwen3": "Qwen3",
        "qwen3_moe": "Qwen3Moe", "roberta": "Roberta", "smollm3": "SmolLM3",
        "starcoder2": "Starcoder2", "t5": "T5", "umt5": "UMT5", "xlm-roberta": "XLMRoberta",
    ]

    /// Those of them that transformers has no `…ForTokenClassification` of.
    private static let withoutWords: Set = ["olmo2", "opt"]

    /// Those of them that transformers has no `…ForQuestionAnswering` of.
    private static let withoutAnswers: Set = [
        "gemma", "gemma2", "gemma3_text", "glm", "glm4", "olmo2", "phi", "phi3", "starcoder2",
    ]
}
